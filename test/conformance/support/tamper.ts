/** Gets between a provider and its switch: changes functions, extensions and up-calls of a module. */
import {
  guidText,
  type GuidText,
  type Out,
  type ProviderModule,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  type WSPPROC_TABLE,
  type WspProcs,
  type WSPUPCALLTABLEEX,
} from '../../../src/spi/index.js';

/** What is done to a module; every part is optional. */
export interface Tampering {
  /** Replaces up-calls: gets the switch's table, gives the one that the provider is to have. */
  readonly upcalls?: (real: WSPUPCALLTABLEEX) => Partial<WSPUPCALLTABLEEX>;
  /** Replaces functions: gets the provider's. */
  readonly procs?: (real: WspProcs, upcalls: WSPUPCALLTABLEEX) => Partial<WspProcs>;
  /** Replaces extensions, by GUID. */
  readonly extensions?: Readonly<Record<GuidText, (real: never) => unknown>>;
  /** Replaces the version that is asked for. */
  readonly version?: number;
}

/** A module that differs from `module` as told. */
export function tamper(module: ProviderModule, { upcalls, procs, extensions, version }: Tampering): ProviderModule {
  return {
    protocolInfo: module.protocolInfo,
    WSPStartupEx(wVersionRequested, lpWSPData, lpProtocolInfo, UpcallTable, lpProcTable) {
      const between = { ...UpcallTable, ...upcalls?.(UpcallTable) };
      const asked = version ?? wVersionRequested;
      const code = module.WSPStartupEx(asked, lpWSPData, lpProtocolInfo, between, lpProcTable);
      if (code !== 0) return code;
      const real: WSPPROC_TABLE = { ...lpProcTable };
      Object.assign(lpProcTable, procs?.(real, UpcallTable));
      if (extensions !== undefined) lpProcTable.lpWSPIoctl = withExtensions(real, extensions);
      return 0;
    },
  };
}

function withExtensions(real: WspProcs, extensions: NonNullable<Tampering['extensions']>): WspProcs['lpWSPIoctl'] {
  return (s, code, input, output, bytes, overlapped, routine, thread, lpErrno) => {
    const result = real.lpWSPIoctl(s, code, input, output, bytes, overlapped, routine, thread, lpErrno);
    const guid = code === SIO_GET_EXTENSION_FUNCTION_POINTER ? guidText(input) : null;
    const replace = guid === null ? undefined : extensions[guid];
    if (result === 0 && replace !== undefined) output.value = replace(output.value as never);
    return result;
  };
}

/** Sets the code and gives `SOCKET_ERROR`. */
export function failed(lpErrno: Out<number>, code: number): number {
  lpErrno.value = code;
  return -1;
}
