/** The memory and RDMA extensions, with codes as results; what is missing counts as a failure of the provider. */
import type { HANDLE, SanExtensions, SOCKET, WSABUFEX } from '../spi/index.js';
import { ConformanceError } from './failure.js';
import type { Answer, Host } from './host.js';
import type { WatchedOverlapped } from './overlapped.js';

function need<K extends keyof SanExtensions>(host: Host, name: K): NonNullable<SanExtensions[K]> {
  const found: SanExtensions[K] | null | undefined = host.extensions[name];
  if (found === undefined || found === null) throw new ConformanceError(['SP-9'], `${name} is not offered`);
  return found;
}

/** `WSPRegisterMemory`; the handle. */
export function register(host: Host, s: SOCKET, buf: Uint8Array, flags: number, bytes = buf.length): Answer<HANDLE> {
  const value = need(host, 'WSPRegisterMemory')(s, buf, bytes, flags, host.errno);
  return { code: value === 0 ? host.errno.value : 0, value };
}

/** `WSPDeregisterMemory`; the code. */
export function deregister(host: Host, s: SOCKET, handle: HANDLE): number {
  return need(host, 'WSPDeregisterMemory')(s, handle, host.errno) === 0 ? 0 : host.errno.value;
}

/** `WSPRegisterRdmaMemory` with a block of `room` bytes (null block if 0); the length it stored. */
export function registerRdma(
  host: Host,
  s: SOCKET,
  buf: Uint8Array,
  flags: number,
  room: number,
  bytes = buf.length,
): Answer<Uint8Array> & { length: number } {
  const length = { value: room };
  const block = room === 0 ? null : new Uint8Array(room);
  const result = need(host, 'WSPRegisterRdmaMemory')(s, buf, bytes, flags, block, length, host.errno);
  return { code: result === 0 ? 0 : host.errno.value, value: block ?? new Uint8Array(0), length: length.value };
}

/** Exposes memory as the switch does: asks for the size, then registers (MEM-16, OBS-11). The descriptor. */
export function expose(host: Host, s: SOCKET, buf: Uint8Array, flags: number): Uint8Array {
  const { length } = registerRdma(host, s, buf, flags, 0);
  const { code, value, length: stored } = registerRdma(host, s, buf, flags, length);
  if (code !== 0)
    throw new ConformanceError(['MEM-16'], `WSPRegisterRdmaMemory failed with ${code}, with the room it asked for`);
  return value.subarray(0, stored);
}

/** `WSPDeregisterRdmaMemory`; the code. */
export function deregisterRdma(host: Host, s: SOCKET, descriptor: Uint8Array, length = descriptor.length): number {
  return need(host, 'WSPDeregisterRdmaMemory')(s, descriptor, length, host.errno) === 0 ? 0 : host.errno.value;
}

/** Which way an RDMA call goes. */
export type Rdma = 'WSPRdmaWrite' | 'WSPRdmaRead';

/** Arguments of an RDMA call that a case may want to be wrong. */
export interface RdmaCall {
  readonly offset?: number;
  readonly flags?: number;
  readonly length?: number;
  readonly count?: number;
}

/** `WSPRdmaWrite` or `WSPRdmaRead`: 0, `WSA_IO_PENDING`, or what it failed with. */
export function rdma(
  host: Host,
  which: Rdma,
  s: SOCKET,
  buffers: readonly WSABUFEX[],
  descriptor: Uint8Array,
  operation: WatchedOverlapped,
  { offset = 0, flags = 0, length = descriptor.length, count = buffers.length }: RdmaCall = {},
): number {
  const moved = { value: 0 };
  const { errno } = host;
  const call = need(host, which);
  const result = call(s, buffers, count, descriptor, length, offset, moved, flags, operation, null, null, errno);
  return result === 0 ? 0 : errno.value;
}
