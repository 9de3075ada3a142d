/**
 * Registered memory (MEM-1 … MEM-19). Registering pins nothing here; what it does is hold: rights, range and connection
 * are checked at every use, and the buffer is kept from being collected. Nothing is cached over a deregistration
 * (CACHE-16). Memory that the peer may reach by itself has a slot in the link's access table; see access.ts.
 */
import {
  MEM_READ,
  MEM_READWRITE,
  MEM_WRITE,
  NULL_HANDLE,
  type SanExtensions,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOBUFS,
  WSAENOTCONN,
} from '../../spi/index.js';
import { randomBytes } from '../../proxy-driver/index.js';
import { DESCRIPTOR_BYTES, NO_SLOT, readDescriptor, writeDescriptor } from './descriptor.js';
import type { Link } from './link.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';

/** Memory for local use on a socket (MEM-2). */
export interface Registration {
  readonly handle: number;
  readonly socket: ShmSocket;
  readonly buffer: Uint8Array;
  readonly bytes: number;
  readonly flags: number;
  /** Registrations not yet undone (MEM-13). */
  count: number;
  /** Transfers that use it (MEM-15). */
  uses: number;
}

/** Memory within the peer's reach (MEM-4). */
interface Exposure {
  readonly socket: ShmSocket;
  readonly link: Link;
  readonly buffer: Uint8Array;
  readonly bytes: number;
  readonly flags: number;
  readonly key: string;
  /** In the link's access table, or NO_SLOT. */
  readonly slot: number;
  readonly address: number;
  /** Registrations not yet undone (MEM-17). */
  count: number;
}

/** What a socket has registered; most sockets never register anything. */
export interface SocketMemory {
  readonly local: Registration[];
  readonly exposed: Exposure[];
}

export class MemoryTable {
  readonly #local = new Map<number, Registration>();
  readonly #exposed = new Map<string, Exposure>();
  #nextHandle = 1;

  /** Registrations of both kinds, for tests and observers: none may be left when all sockets are closed. */
  get size(): number {
    return this.#local.size + this.#exposed.size;
  }

  /** The handle of an equal registration on the same socket, or of a new one. */
  add(socket: ShmSocket, buffer: Uint8Array, bytes: number, flags: number): number {
    const { local } = memoryOf(socket);
    for (const known of local) {
      if (sameRange(known, buffer, bytes, flags)) {
        known.count++;
        return known.handle;
      }
    }
    const handle = this.#nextHandle++;
    const registration = { handle, socket, buffer, bytes, flags, count: 1, uses: 0 };
    local.push(registration);
    this.#local.set(handle, registration);
    return handle;
  }

  /** Undoes one registration; false: unknown, another socket's, or in use by a transfer (MEM-14, MEM-15). */
  remove(socket: ShmSocket, handle: number): boolean {
    const known = this.#local.get(handle);
    if (known === undefined || known.socket !== socket) return false;
    if (known.count === 1 && known.uses > 0) return false;
    if (--known.count > 0) return true;
    this.#local.delete(handle);
    drop(memoryOf(socket).local, known);
    return true;
  }

  /** The registration that covers a range for the given right, or null (MEM-6, MEM-10, XFER-30). */
  find(socket: ShmSocket, handle: number, buffer: Uint8Array, bytes: number, right: number): Registration | null {
    const known = this.#local.get(handle);
    if (known === undefined || known.socket !== socket || (known.flags & right) === 0) return null;
    return contains(known.buffer, known.bytes, buffer, bytes) ? known : null;
  }

  /** Puts memory within the peer's reach and writes its descriptor; or null: there are too many already. */
  expose(
    state: ShmState,
    socket: ShmSocket,
    link: Link,
    buffer: Uint8Array,
    bytes: number,
    flags: number,
  ): Exposure | null {
    const { exposed } = memoryOf(socket);
    for (const known of exposed) {
      // A duplicated socket changes its link, and nothing is within reach through the former one.
      if (known.link === link && sameRange(known, buffer, bytes, flags)) {
        known.count++;
        return known;
      }
    }
    let slot = NO_SLOT;
    let address = 0;
    if (state.options.rdma !== 'off' && bytes > 0) {
      address = Math.max(0, state.addon.addressOf(buffer));
      slot = link.access?.expose(buffer) ?? -1;
      if (slot < 0) return null;
    }
    const key = randomBytes(state.addon, 16).toString('hex');
    const exposure = { socket, link, buffer, bytes, flags, key, slot, address, count: 1 };
    exposed.push(exposure);
    this.#exposed.set(key, exposure);
    return exposure;
  }

  /** Undoes one exposure; false: unknown, another socket's, or the peer is writing into it now (MEM-14, MEM-15). */
  withdraw(socket: ShmSocket, key: string): boolean {
    const known = this.#exposed.get(key);
    if (known === undefined || known.socket !== socket) return false;
    if (known.count === 1 && known.slot !== NO_SLOT) {
      if (known.link.access?.revoke(known.slot) === false) return false;
      known.link.access?.release(known.slot);
    }
    if (--known.count > 0) return true;
    this.#exposed.delete(key);
    drop(memoryOf(socket).exposed, known);
    return true;
  }

  /** Writes what a peer sent to a registered target; a string tells what it got wrong (MEM-7 … MEM-10). */
  write(socket: ShmSocket, key: string, offset: number, data: Uint8Array): string | null {
    const target = this.#exposed.get(key);
    if (target === undefined || target.socket !== socket)
      return 'an RDMA write to memory that is not registered for it';
    if ((target.flags & MEM_WRITE) === 0) return 'an RDMA write to memory that is not registered for writing';
    if (offset + data.length > target.bytes) return 'an RDMA write beyond the registered range';
    // A buffer whose ArrayBuffer was detached or shrunk meanwhile has no such range any more; nobody is harmed.
    if (target.buffer.length >= offset + data.length) target.buffer.set(data, offset);
    return null;
  }

  /** The connection is gone: nothing of it is within reach any more (MEM-9). It is still registered. */
  disconnect(socket: ShmSocket): void {
    const { memory } = socket;
    if (memory === null) return;
    for (const { link, slot } of memory.exposed) if (slot !== NO_SLOT) link.access?.revoke(slot);
  }

  /** Drops what a closed socket left registered (MEM-18, OBS-37). What is being written is held by the access table. */
  closeSocket(socket: ShmSocket): void {
    const { memory } = socket;
    if (memory === null) return;
    this.disconnect(socket);
    for (const { handle } of memory.local) this.#local.delete(handle);
    for (const { key, link, slot } of memory.exposed) {
      this.#exposed.delete(key);
      if (slot !== NO_SLOT) link.access?.release(slot);
    }
    socket.memory = null;
  }
}

function memoryOf(socket: ShmSocket): SocketMemory {
  return (socket.memory ??= { local: [], exposed: [] });
}

function drop<T>(list: T[], item: T): void {
  list.splice(list.indexOf(item), 1);
}

function sameRange(known: Registration | Exposure, buffer: Uint8Array, bytes: number, flags: number): boolean {
  const mine = known.buffer;
  if (mine.buffer !== buffer.buffer || mine.byteOffset !== buffer.byteOffset) return false;
  return known.bytes === bytes && known.flags === flags;
}

function contains(outer: Uint8Array, bytes: number, inner: Uint8Array, length: number): boolean {
  if (outer.buffer !== inner.buffer || length > inner.length || bytes > outer.length) return false;
  const start = inner.byteOffset - outer.byteOffset;
  return start >= 0 && start + length <= bytes;
}

function checked(socket: ShmSocket, buffer: Uint8Array, bytes: number, flags: number): number {
  if (flags !== MEM_READ && flags !== MEM_WRITE && flags !== MEM_READWRITE) return WSAEINVAL;
  if (!(buffer instanceof Uint8Array) || !Number.isInteger(bytes) || bytes < 0 || bytes > buffer.length)
    return WSAEFAULT;
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
      return lpErrno.value === 0 ? memory.add(socket, lpBuffer, dwBufferLength, dwFlags) : NULL_HANDLE;
    },
    WSPDeregisterMemory(s, Handle, lpErrno) {
      const socket = state.find(s, lpErrno);
      if (socket === null) return -1;
      return memory.remove(socket, Handle) ? 0 : failed(lpErrno, WSAEINVAL);
    },
    WSPRegisterRdmaMemory(s, lpBuffer, dwBufferLength, dwFlags, lpDescriptor, lpdwDescriptorLength, lpErrno) {
      const socket = state.find(s, lpErrno);
      if (socket === null) return -1;
      const wrong = checked(socket, lpBuffer, dwBufferLength, dwFlags);
      if (wrong !== 0) return failed(lpErrno, wrong);
      const room = lpdwDescriptorLength.value;
      lpdwDescriptorLength.value = DESCRIPTOR_BYTES;
      if (lpDescriptor === null || room < DESCRIPTOR_BYTES || lpDescriptor.length < DESCRIPTOR_BYTES) {
        return failed(lpErrno, WSAEFAULT); // MEM-16
      }
      const { link, connection } = socket;
      const exposure = link && memory.expose(state, socket, link, lpBuffer, dwBufferLength, dwFlags);
      if (exposure === null) return failed(lpErrno, WSAENOBUFS);
      const { slot, address, bytes, flags: rights, key } = exposure;
      const generation = slot === NO_SLOT ? 0 : (exposure.link.access?.generation(slot) ?? 0);
      writeDescriptor(lpDescriptor, { connection, rights, slot, generation, address, bytes, key });
      return 0;
    },
    WSPDeregisterRdmaMemory(s, lpDescriptor, dwDescriptorLength, lpErrno) {
      const socket = state.find(s, lpErrno);
      if (socket === null) return -1;
      const descriptor = readDescriptor(lpDescriptor, dwDescriptorLength);
      if (descriptor === null || !memory.withdraw(socket, descriptor.key)) return failed(lpErrno, WSAEINVAL);
      return 0;
    },
  };
}
