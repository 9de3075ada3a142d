/**
 * Registration and RDMA of the in-memory provider: honest about handles, rights, ranges and connections, with completions
 * that come late if the test wants, and refusals. Bytes move when an operation completes, as with a NIC, so memory that
 * was given back too early shows.
 */
import assert from 'node:assert/strict';
import { completeOperation } from '../../../../src/session/index.js';
import {
  beginOverlapped,
  finishOverlapped,
  MEM_READ,
  MEM_READWRITE,
  MEM_WRITE,
  NULL_HANDLE,
  type Out,
  type SanExtensions,
  SOCKET_ERROR,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  type WSABUFEX,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  type WSAOVERLAPPED,
} from '../../../../src/spi/index.js';

const KEY_BYTES = 8;

interface Registration {
  readonly memory: Uint8Array;
  readonly flags: number;
  uses: number;
}

interface Flight {
  readonly write: boolean;
  readonly buffers: readonly WSABUFEX[];
  readonly key: string;
  readonly offset: number;
  readonly bytes: number;
  readonly overlapped: WSAOVERLAPPED;
}

let lastKey = 0n;

export class MemoryRdma {
  peer!: MemoryRdma;
  /** Operations complete when the test lets things move, not inside the call. */
  late = false;
  /** 0, or what the call answers. */
  refuseLocal = 0;
  refuseRemote = 0;
  refuseRead = 0;
  refuseWrite = 0;
  /** Most bytes of one call (SO_MAX_RDMA_SIZE). */
  bytesMax = Infinity;
  canRead = true;
  closed = false;
  reads = 0;
  writes = 0;
  /** Memory that was taken back while the peer was moving bytes from or to it: what BLOCK-5 forbids while connected. */
  hazards = 0;
  readonly #local = new Map<number, Registration>();
  readonly #remote = new Map<string, Registration>();
  readonly #flights: Flight[] = [];
  #lastHandle = 0;

  /** Registrations that are not undone. */
  get registrations(): number {
    return this.#local.size + this.#remote.size;
  }

  get extensions(): SanExtensions {
    return {
      WSPRegisterMemory: (_s, memory, length, flags, errno) => {
        const code = this.#check(memory, length, flags) || this.refuseLocal;
        if (code !== 0) return fail(errno, code, NULL_HANDLE);
        this.#local.set(++this.#lastHandle, { memory: memory.subarray(0, length), flags, uses: 0 });
        return this.#lastHandle;
      },
      WSPDeregisterMemory: (_s, handle, errno) => {
        const known = this.#local.get(handle);
        if (known === undefined || known.uses > 0) return fail(errno, WSAEINVAL);
        this.#local.delete(handle);
        return 0;
      },
      WSPRegisterRdmaMemory: (_s, memory, length, flags, descriptor, size, errno) => {
        const code = this.#check(memory, length, flags) || this.refuseRemote;
        if (code !== 0) return fail(errno, code);
        const room = size.value;
        size.value = KEY_BYTES;
        if (descriptor === null || room < KEY_BYTES) return fail(errno, WSAEFAULT);
        const key = Buffer.alloc(KEY_BYTES);
        key.writeBigUInt64LE(++lastKey * 0x9e37_79b9n);
        descriptor.set(key);
        this.#remote.set(key.toString('hex'), { memory: memory.subarray(0, length), flags, uses: 0 });
        return 0;
      },
      WSPDeregisterRdmaMemory: (_s, descriptor, size, errno) => {
        const key = Buffer.from(descriptor.subarray(0, size)).toString('hex');
        const known = this.#remote.get(key);
        if (known === undefined) return fail(errno, WSAEINVAL);
        if (known.uses > 0) this.hazards++;
        this.#remote.delete(key);
        return 0;
      },
      WSPRdmaRead: this.canRead
        ? (_s, buffers, count, descriptor, size, offset, moved, flags, overlapped, _c, _t, errno) =>
            this.#start(
              false,
              buffers.slice(0, count),
              descriptor.subarray(0, size),
              offset,
              moved,
              flags,
              overlapped,
              errno,
            )
        : null,
      WSPRdmaWrite: (_s, buffers, count, descriptor, size, offset, moved, flags, overlapped, _c, _t, errno) =>
        this.#start(
          true,
          buffers.slice(0, count),
          descriptor.subarray(0, size),
          offset,
          moved,
          flags,
          overlapped,
          errno,
        ),
      WSPMemoryRegistrationCacheCallback: null,
    };
  }

  #check(memory: Uint8Array, length: number, flags: number): number {
    if (this.closed) return WSAECONNRESET;
    if (flags !== MEM_READ && flags !== MEM_WRITE && flags !== MEM_READWRITE) return WSAEINVAL;
    return length <= memory.length ? 0 : WSAEFAULT;
  }

  #start(
    write: boolean,
    buffers: readonly WSABUFEX[],
    descriptor: Uint8Array,
    offset: number,
    moved: Out<number>,
    flags: number,
    overlapped: WSAOVERLAPPED,
    errno: Out<number>,
  ): number {
    assert.equal(flags, 0);
    const refusal = write ? this.refuseWrite : this.refuseRead;
    if (refusal !== 0) return fail(errno, refusal);
    if (this.closed || this.peer.closed) return fail(errno, WSAECONNRESET);
    let bytes = 0;
    for (const { handle, buf, len } of buffers) {
      const known = this.#local.get(handle);
      const right = write ? MEM_READ : MEM_WRITE;
      assert.ok(known !== undefined && (known.flags & right) !== 0 && inside(known.memory, buf, len), 'local range');
      bytes += len;
    }
    assert.ok(bytes <= this.bytesMax, 'SO_MAX_RDMA_SIZE (XFER-3)');
    if (write) this.writes++;
    else this.reads++;
    const flight = { write, buffers, key: Buffer.from(descriptor).toString('hex'), offset, bytes, overlapped };
    if (!this.late) {
      const error = this.#move(flight);
      moved.value = bytes;
      return error === 0 ? 0 : fail(errno, error);
    }
    beginOverlapped(overlapped);
    this.#use(flight, 1);
    this.#flights.push(flight);
    return fail(errno, WSA_IO_PENDING);
  }

  #use({ buffers, key }: Flight, by: number): void {
    for (const { handle } of buffers) this.#local.get(handle)!.uses += by;
    const remote = this.peer.#remote.get(key);
    if (remote !== undefined) remote.uses += by;
  }

  #move({ write, buffers, key, offset, bytes }: Flight): number {
    const remote = this.peer.#remote.get(key);
    if (remote === undefined || this.peer.closed) return WSAECONNABORTED;
    const right = write ? MEM_WRITE : MEM_READ;
    if ((remote.flags & right) === 0 || offset + bytes > remote.memory.length) return WSAEFAULT;
    let at = offset;
    for (const { buf, len } of buffers) {
      if (write) remote.memory.set(buf.subarray(0, len), at);
      else buf.set(remote.memory.subarray(at, at + len));
      at += len;
    }
    return 0;
  }

  /** Completes the oldest operation that is under way; false: there is none. */
  step(): boolean {
    const flight = this.#flights.shift();
    if (flight === undefined) return false;
    const error = this.#move(flight);
    this.#use(flight, -1);
    finishOverlapped(flight.overlapped, error, flight.bytes);
    completeOperation(flight.overlapped);
    return true;
  }

  /** WSPCloseSocket, or death: nothing is registered any more, and what is under way is aborted (ERR-15, MEM-18). */
  close(tell: boolean): void {
    this.closed = true;
    this.#local.clear();
    this.#remote.clear();
    for (const { overlapped } of this.#flights.splice(0)) {
      if (!tell) continue;
      finishOverlapped(overlapped, WSA_OPERATION_ABORTED, 0);
      completeOperation(overlapped);
    }
  }
}

function inside(outer: Uint8Array, inner: Uint8Array, length: number): boolean {
  const start = inner.byteOffset - outer.byteOffset;
  return outer.buffer === inner.buffer && start >= 0 && start + length <= outer.length && length <= inner.length;
}

function fail(errno: Out<number>, code: number, result: number = SOCKET_ERROR): number {
  errno.value = code;
  return result;
}
