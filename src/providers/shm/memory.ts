/**
 * Registered memory (MEM-1 … MEM-19). This provider copies through the ring, so registering pins nothing; what it does
 * is hold: rights, range and connection are checked at every use, and the buffer is kept from being collected. Nothing
 * is cached over a deregistration (CACHE-16).
 */
import { randomBytes } from 'node:crypto';
import {
  MEM_READ,
  MEM_READWRITE,
  MEM_WRITE,
  NULL_HANDLE,
  type SanExtensions,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOTCONN,
} from '../../spi/index.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';

/** Bytes of an RDMA buffer descriptor: u64 length, then an unguessable key (MEM-8, MEM-16). */
export const DESCRIPTOR_BYTES = 24;
const KEY_OFFSET = 8;

interface Registration {
  readonly socket: ShmSocket;
  readonly buffer: Uint8Array;
  readonly bytes: number;
  readonly flags: number;
  /** Registrations not yet undone (MEM-13, MEM-17). */
  count: number;
}

export class MemoryTable {
  readonly local = new Map<number, Registration>();
  readonly remote = new Map<string, Registration>();
  #nextHandle = 1;

  /** The handle of an equal registration on the same socket, or of a new one. */
  addLocal(socket: ShmSocket, buffer: Uint8Array, bytes: number, flags: number): number {
    for (const [handle, known] of this.local) {
      if (known.socket === socket && sameRange(known, buffer, bytes) && known.flags === flags) {
        known.count++;
        return handle;
      }
    }
    const handle = this.#nextHandle++;
    this.local.set(handle, { socket, buffer, bytes, flags, count: 1 });
    return handle;
  }

  /** Writes what a peer sent to a registered target; a string tells what it got wrong (MEM-7 … MEM-10). */
  write(socket: ShmSocket, key: string, offset: number, data: Uint8Array): string | null {
    const target = this.remote.get(key);
    if (target === undefined || target.socket !== socket)
      return 'an RDMA write to memory that is not registered for it';
    if ((target.flags & MEM_WRITE) === 0) return 'an RDMA write to memory that is not registered for writing';
    if (offset + data.length > target.bytes) return 'an RDMA write beyond the registered range';
    // A buffer whose ArrayBuffer was detached or shrunk meanwhile has no such range any more; nobody is harmed.
    if (target.buffer.length >= offset + data.length) target.buffer.set(data, offset);
    return null;
  }

  /** Drops what a closed socket left registered (MEM-18, OBS-37). */
  closeSocket(socket: ShmSocket): void {
    for (const [handle, { socket: owner }] of this.local) if (owner === socket) this.local.delete(handle);
    for (const [key, { socket: owner }] of this.remote) if (owner === socket) this.remote.delete(key);
  }
}

function sameRange(known: Registration, buffer: Uint8Array, bytes: number): boolean {
  const mine = known.buffer;
  return mine.buffer === buffer.buffer && mine.byteOffset === buffer.byteOffset && known.bytes === bytes;
}

function checked(socket: ShmSocket, buffer: Uint8Array, bytes: number, flags: number): number {
  if (flags !== MEM_READ && flags !== MEM_WRITE && flags !== MEM_READWRITE) return WSAEINVAL;
  if (!(buffer instanceof Uint8Array) || !(bytes >= 0) || bytes > buffer.length) return WSAEFAULT;
  return socket.state === 'connected' ? 0 : WSAENOTCONN;
}

type Registering = Pick<
  SanExtensions,
  'WSPRegisterMemory' | 'WSPDeregisterMemory' | 'WSPRegisterRdmaMemory' | 'WSPDeregisterRdmaMemory'
>;

export function makeRegistering(state: ShmState): Registering {
  const { memory } = state;
  return {
    WSPRegisterMemory(s, lpBuffer, dwBufferLength, dwFlags, lpErrno) {
      const socket = state.find(s, lpErrno);
      if (socket === null) return NULL_HANDLE;
      lpErrno.value = checked(socket, lpBuffer, dwBufferLength, dwFlags);
      return lpErrno.value === 0 ? memory.addLocal(socket, lpBuffer, dwBufferLength, dwFlags) : NULL_HANDLE;
    },
    WSPDeregisterMemory(s, Handle, lpErrno) {
      const socket = state.find(s, lpErrno);
      if (socket === null) return -1;
      const known = memory.local.get(Handle);
      if (known === undefined || known.socket !== socket) return failed(lpErrno, WSAEINVAL); // MEM-14, MEM-15
      if (--known.count === 0) memory.local.delete(Handle);
      return 0;
    },
    WSPRegisterRdmaMemory(s, lpBuffer, dwBufferLength, dwFlags, lpDescriptor, lpdwDescriptorLength, lpErrno) {
      const socket = state.find(s, lpErrno);
      if (socket === null) return -1;
      const wrong = checked(socket, lpBuffer, dwBufferLength, dwFlags);
      if (wrong !== 0) return failed(lpErrno, wrong);
      const room = lpdwDescriptorLength.value;
      lpdwDescriptorLength.value = DESCRIPTOR_BYTES;
      if (lpDescriptor === null || room < DESCRIPTOR_BYTES) return failed(lpErrno, WSAEFAULT); // MEM-16
      const descriptor = Buffer.from(lpDescriptor.buffer, lpDescriptor.byteOffset, DESCRIPTOR_BYTES);
      descriptor.writeBigUInt64LE(BigInt(dwBufferLength), 0);
      const key = randomBytes(DESCRIPTOR_BYTES - KEY_OFFSET);
      descriptor.set(key, KEY_OFFSET);
      memory.remote.set(key.toString('hex'), {
        socket,
        buffer: lpBuffer,
        bytes: dwBufferLength,
        flags: dwFlags,
        count: 1,
      });
      return 0;
    },
    WSPDeregisterRdmaMemory(s, lpDescriptor, dwDescriptorLength, lpErrno) {
      const socket = state.find(s, lpErrno);
      if (socket === null) return -1;
      const key = descriptorKey(lpDescriptor, dwDescriptorLength);
      const known = key === null ? undefined : memory.remote.get(key);
      if (key === null || known?.socket !== socket) return failed(lpErrno, WSAEINVAL);
      memory.remote.delete(key);
      return 0;
    },
  };
}

/** The key in a descriptor, or null if it is none. */
export function descriptorKey(descriptor: Uint8Array, bytes: number): string | null {
  if (bytes !== DESCRIPTOR_BYTES || descriptor.length < DESCRIPTOR_BYTES) return null;
  return Buffer.from(descriptor.subarray(KEY_OFFSET, DESCRIPTOR_BYTES)).toString('hex');
}
