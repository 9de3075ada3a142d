/** One RDMA call on one piece of registered memory; made anew for each chunk, which is seldom (FETCH_BYTES_MAX). */
import {
  type HANDLE,
  type LPFN_WSPRDMAREAD,
  type LPFN_WSPRDMAWRITE,
  NULL_HANDLE,
  SOCKET_ERROR,
  WSA_IO_PENDING,
  type WSABUFEX,
} from '../../spi/index.js';
import { Operation } from '../operation.js';
import type { SessionIo } from '../types.js';

const moved = { value: 0 };
const errno = { value: 0 };

/** {@link RdmaOperation.start}: `onComplete` will follow. */
export const STARTED = -1;

/** Who is told that an RDMA operation ended. */
export interface RdmaOwner {
  onRdma(operation: RdmaOperation, error: number, bytes: number): void;
}

/** WSPRdmaRead or WSPRdmaWrite between local memory, registered by {@link prepare}, and a range that the peer exposed. */
export class RdmaOperation extends Operation {
  /** Not ended yet. */
  busy = false;
  /** What the call failed with; valid when {@link start} or {@link prepare} says so. */
  error = 0;
  /** Bytes that a call which ended at once has moved. */
  bytes = 0;
  #handle: HANDLE = NULL_HANDLE;
  #calling = false;

  constructor(
    readonly owner: RdmaOwner,
    readonly io: SessionIo,
    /** All of what is registered. */
    readonly memory: Uint8Array,
  ) {
    super();
  }

  /** Registers the memory for local use (XFER-7, XFER-11); `flags` as of WSPRegisterMemory. */
  prepare(flags: number): boolean {
    const { memory, io } = this;
    this.#handle = io.extensions.WSPRegisterMemory(io.s, memory, memory.length, flags, errno);
    this.error = errno.value;
    return this.#handle !== NULL_HANDLE;
  }

  /**
   * Moves `length` bytes between the memory's byte `at` and byte `offset` of the peer's range. 0: done, see
   * {@link bytes}; {@link STARTED}; or a WSA code.
   */
  start(
    call: LPFN_WSPRDMAREAD | LPFN_WSPRDMAWRITE,
    at: number,
    length: number,
    descriptor: Uint8Array,
    offset: number,
  ): number {
    const buf = at === 0 ? this.memory : this.memory.subarray(at);
    const buffers: WSABUFEX[] = [{ len: length, buf, handle: this.#handle }];
    this.busy = true;
    this.#calling = true;
    moved.value = 0;
    const { s } = this.io;
    const result = call(s, buffers, 1, descriptor, descriptor.length, offset, moved, 0, this, null, null, errno);
    this.#calling = false;
    if (result === SOCKET_ERROR && errno.value === WSA_IO_PENDING) return this.#pending() ? STARTED : this.error;
    this.busy = false;
    this.bytes = moved.value;
    return result === 0 ? 0 : errno.value;
  }

  /** Whether the end is still to come: it can come before the call that posted the operation returns (OBS-16). */
  #pending(): boolean {
    return this.busy;
  }

  /** Undoes {@link prepare} (XFER-13). */
  release(): void {
    if (this.#handle === NULL_HANDLE) return;
    this.io.extensions.WSPDeregisterMemory(this.io.s, this.#handle, errno);
    this.#handle = NULL_HANDLE;
  }

  onComplete(error: number, bytes: number): void {
    if (!this.busy) return;
    this.busy = false;
    this.error = error;
    this.bytes = bytes;
    if (!this.#calling) this.owner.onRdma(this, error, bytes);
  }
}
