/** One provider instance under the kit: started as the switch starts it, and called through {@link guard}. */
import {
  createProcTable,
  createWspData,
  IPPROTO_TCP,
  makeProtocolInfo,
  type Out,
  type OwnedReceive,
  PFL_MATCHES_PROTOCOL_ZERO,
  PROC_SLOTS,
  type ProviderModule,
  SAN_EXTENSIONS,
  type SanExtensions,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SOCK_STREAM,
  type SOCKADDR,
  SOCKADDR_IN6_SIZE,
  sockaddrLength,
  type SOCKET,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  type WSABUF,
  WSAID_SD_OWNEDRECEIVE,
  type WSANETWORKEVENTS,
  createNetworkEvents,
  type WSAPROTOCOL_INFOW,
  type WspProcs,
  type WSPPROC_TABLE,
  XP1_GRACEFUL_CLOSE,
  XP1_GUARANTEED_DELIVERY,
  XP1_GUARANTEED_ORDER,
  XP1_IFS_HANDLES,
} from '../spi/index.js';
import { ConformanceError, named } from './failure.js';
import { guard } from './guard.js';
import { Ledger, type WatchedEvent } from './ledger.js';
import { WatchedOverlapped } from './overlapped.js';

/** What the switch passes to `WSPStartupEx`: TCP/IP's own information, by which a provider knows the switch (SW-12, SP-3). */
export const TCPIP_INFO: WSAPROTOCOL_INFOW = makeProtocolInfo({
  ProviderId: 'E70F1AA0-AB8B-11CF-8CA3-00805F48A192',
  szProtocol: 'TCP/IP',
  dwServiceFlags1: XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER | XP1_GRACEFUL_CLOSE | XP1_IFS_HANDLES,
  dwProviderFlags: PFL_MATCHES_PROTOCOL_ZERO,
  iMaxSockAddr: SOCKADDR_IN6_SIZE,
  dwMessageSize: 0,
});

/** An answer with a value. `code` 0 = success. */
export interface Answer<T> {
  readonly code: number;
  readonly value: T;
}

export class Host {
  readonly ledger = new Ledger();
  /** As the provider fills it; call through {@link Host.procs}. */
  readonly table: WSPPROC_TABLE = createProcTable();
  readonly procs: WspProcs;
  readonly extensions: Partial<SanExtensions> = {};
  owned: OwnedReceive | null = null;
  readonly errno: Out<number> = { value: 0 };

  constructor(
    readonly module: ProviderModule,
    readonly strict: boolean,
  ) {
    const guarded: Record<string, unknown> = {};
    for (const slot of PROC_SLOTS) {
      guarded[slot] = guard(
        this.ledger,
        slot.slice(2),
        strict,
        () => this.table[slot] as (...args: never[]) => unknown,
      );
    }
    this.procs = guarded as unknown as WspProcs;
  }

  // ---------------------------------------------------------------- start and end

  /** `WSPStartupEx` as the switch calls it; the code. */
  start(version = WINSOCK_VERSION_2_2, data: unknown = createWspData(), table: unknown = this.table): number {
    let code: unknown;
    try {
      code = this.module.WSPStartupEx(version, data as never, TCPIP_INFO, this.ledger.upcalls, table as never);
    } catch (error) {
      throw new ConformanceError(['OBS-22'], `WSPStartupEx threw ${String(error)}, where a code was to be answered`);
    }
    if (typeof code !== 'number') throw new ConformanceError(['SP-5'], `WSPStartupEx answered ${String(code)}`);
    if (code === 0) this.ledger.starts++;
    return code;
  }

  /** Starts, and fetches what the switch fetches (SW-16). */
  open(): void {
    const code = this.start();
    if (code !== 0) throw new ConformanceError(['SP-1', 'SP-5'], `WSPStartupEx answered ${named(code)}`);
    if (!this.strict) return;
    const fetched: Record<string, unknown> = {};
    for (const { name, guid } of SAN_EXTENSIONS) {
      const { value } = this.extension(guid);
      if (typeof value !== 'function') continue;
      fetched[name] = guard(this.ledger, name, true, () => value as (...args: never[]) => unknown);
    }
    Object.assign(this.extensions, fetched);
    const { code: none, value } = this.extension(WSAID_SD_OWNEDRECEIVE);
    this.owned = none === 0 && typeof value === 'object' ? (value as OwnedReceive) : null;
  }

  /** One `WSPCleanup`; the code. */
  cleanup(): number {
    const code = this.#code(this.procs.lpWSPCleanup(this.errno));
    if (code === 0 && this.ledger.starts > 0) this.ledger.starts--;
    return code;
  }

  /** An extension by its GUID, asked on an invalid socket as the switch may (OBS-1). */
  extension(guid: unknown, s = -1): Answer<unknown> {
    const { code, value } = this.ioctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, guid);
    return { code, value };
  }

  // ---------------------------------------------------------------- the seventeen, with codes as results

  socket(family: number, type = SOCK_STREAM, protocol = IPPROTO_TCP, flags = WSA_FLAG_OVERLAPPED): Answer<SOCKET> {
    const s = this.procs.lpWSPSocket(family, type, protocol, null, 0, flags, this.errno);
    return { code: s < 0 ? this.errno.value : 0, value: s };
  }

  /** `WSPSocket` for a socket that came from another process (DUP-24). */
  attach(family: number, info: WSAPROTOCOL_INFOW): Answer<SOCKET> {
    const s = this.procs.lpWSPSocket(family, SOCK_STREAM, IPPROTO_TCP, info, 0, WSA_FLAG_OVERLAPPED, this.errno);
    return { code: s < 0 ? this.errno.value : 0, value: s };
  }

  bind(s: SOCKET, name: SOCKADDR, namelen = sockaddrLength(name.sa_family)): number {
    return this.#code(this.procs.lpWSPBind(s, name, namelen, this.errno));
  }

  connect(s: SOCKET, name: SOCKADDR, caller: WSABUF | null, callee: WSABUF | null): number {
    const length = sockaddrLength(name.sa_family);
    return this.#code(this.procs.lpWSPConnect(s, name, length, caller, callee, null, null, this.errno));
  }

  listen(s: SOCKET, backlog: number): number {
    return this.#code(this.procs.lpWSPListen(s, backlog, this.errno));
  }

  close(s: SOCKET): number {
    return this.#code(this.procs.lpWSPCloseSocket(s, this.errno));
  }

  eventSelect(s: SOCKET, event: WatchedEvent | null, mask: number): number {
    const { events, byDescriptor } = this.ledger;
    // What is recorded already is signalled from inside the call (OBS-34).
    const before = [...events].filter(([, owner]) => owner === s).map(([old]) => old);
    if (event !== null && byDescriptor.has(s)) events.set(event, s);
    const code = this.#code(this.procs.lpWSPEventSelect(s, event, mask, this.errno));
    if (code === 0) for (const old of before) if (old !== event) events.delete(old);
    if (code !== 0 && event !== null && !before.includes(event)) events.delete(event);
    return code;
  }

  enumEvents(s: SOCKET, event: WatchedEvent | null): Answer<WSANETWORKEVENTS> {
    const value = createNetworkEvents();
    return { code: this.#code(this.procs.lpWSPEnumNetworkEvents(s, event, value, this.errno)), value };
  }

  getOption(s: SOCKET, level: number, optname: number, room = 4): Answer<number | string> & { length: number } {
    const value: Out<number | string> = { value: -1 };
    const length = { value: room };
    const code = this.#code(this.procs.lpWSPGetSockOpt(s, level, optname, value, length, this.errno));
    return { code, value: value.value, length: length.value };
  }

  setOption(s: SOCKET, level: number, optname: number, value: number, room = 4): number {
    return this.#code(this.procs.lpWSPSetSockOpt(s, level, optname, value, room, this.errno));
  }

  ioctl(s: SOCKET, code: number, input: unknown): Answer<unknown> & { bytes: number } {
    const output: Out<unknown> = { value: null };
    const bytes = { value: 0 };
    const result = this.procs.lpWSPIoctl(s, code, input, output, bytes, null, null, null, this.errno);
    return { code: this.#code(result), value: output.value, bytes: bytes.value };
  }

  /** 0, `WSA_IO_PENDING`, or what it failed with. */
  send(
    s: SOCKET,
    buffers: readonly WSABUF[],
    operation: WatchedOverlapped | null,
    flags = 0,
    count = buffers.length,
  ): number {
    const sent = { value: 0 };
    return this.#code(this.procs.lpWSPSend(s, buffers, count, sent, flags, operation, null, null, this.errno));
  }

  /** 0, `WSA_IO_PENDING`, or what it failed with. */
  receive(s: SOCKET, buffers: readonly WSABUF[], operation: WatchedOverlapped): number {
    const got = { value: 0 };
    const flags = { value: 0 };
    const count = buffers.length;
    return this.#code(this.procs.lpWSPRecv(s, buffers, count, got, flags, operation, null, null, this.errno));
  }

  /** `WSPGetOverlappedResult`, not waiting; the value is the byte count. A polled operation that has ended ends here. */
  result(s: SOCKET, operation: WatchedOverlapped): Answer<number> & { flags: number } {
    const bytes = { value: -1 };
    const flags = { value: 0 };
    const done = this.procs.lpWSPGetOverlappedResult(s, operation, bytes, false, flags, this.errno);
    return { code: done ? 0 : this.errno.value, value: bytes.value, flags: flags.value };
  }

  /** A fresh operation whose misuse is reported. */
  operation(poll = false): WatchedOverlapped {
    return new WatchedOverlapped(poll, this.ledger.report);
  }

  #code(result: number): number {
    return result === 0 ? 0 : this.errno.value;
  }
}
