/** The two registered regions of a socket, and the operations on their buffers (SESS-11, SESS-12). */
import {
  NULL_HANDLE,
  OVERLAPPED_POLL,
  type HANDLE,
  type SanExtensions,
  type SOCKET,
  type WSABUF,
} from '../../spi/index.js';
import { Operation } from '../operation.js';

/** Messages that can be under way each way: what the real switch posted (OBS-7), within a queue of 16. */
export const POSTED_BUFFERS = 12;
/** Bytes of one buffer: the largest message, header included. Larger data go by RDMA, or in several messages. */
export const POSTED_BUFFER_BYTES = 8 * 1024;

/** What a region's buffers tell the socket that they belong to. */
export interface BufferOwner {
  onSent(buffer: SendBuffer, error: number): void;
  onReceived(buffer: ReceiveBuffer, error: number, bytes: number): void;
}

/** A buffer for one outgoing message. */
export class SendBuffer extends Operation {
  readonly memory: Uint8Array;
  readonly list: WSABUF[];
  readonly #owner: BufferOwner;

  constructor(owner: BufferOwner, memory: Uint8Array) {
    super();
    this.#owner = owner;
    this.memory = memory;
    this.list = [{ len: 0, buf: memory }];
  }

  /** Whether the provider tells of its end (XFER-23), or is asked (XFER-22). */
  set notify(value: boolean) {
    this.hEvent = value ? 0 : OVERLAPPED_POLL;
  }

  onComplete(error: number): void {
    this.#owner.onSent(this, error);
  }
}

/** A buffer for one incoming message: posted, then full, then posted again (SESS-14). */
export class ReceiveBuffer extends Operation {
  readonly memory: Uint8Array;
  readonly list: readonly WSABUF[];
  /** Bytes of the message in it. */
  bytes = 0;
  readonly #owner: BufferOwner;

  constructor(owner: BufferOwner, memory: Uint8Array) {
    super();
    this.#owner = owner;
    this.memory = memory;
    this.list = [{ len: memory.length, buf: memory }];
  }

  onComplete(error: number, bytes: number): void {
    this.#owner.onReceived(this, error, bytes);
  }
}

/** A contiguous region of a socket's own, registered once. */
export class Region {
  readonly memory = new Uint8Array(new ArrayBuffer(POSTED_BUFFERS * POSTED_BUFFER_BYTES));
  #handle: HANDLE = NULL_HANDLE;

  /** 0, or the code: the connection cannot be used then (XFER-15). */
  register(s: SOCKET, extensions: SanExtensions, rights: number): number {
    const { memory } = this;
    this.#handle = extensions.WSPRegisterMemory(s, memory, memory.length, rights, errno);
    return this.#handle === NULL_HANDLE ? errno.value : 0;
  }

  /** Before the socket is closed; what a pending transfer uses goes with the socket (MEM-18). */
  deregister(s: SOCKET, extensions: SanExtensions): void {
    if (this.#handle !== NULL_HANDLE) extensions.WSPDeregisterMemory(s, this.#handle, errno);
    this.#handle = NULL_HANDLE;
  }

  /** The buffers that it is made of. */
  parts(): Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < this.memory.length; at += POSTED_BUFFER_BYTES) {
      parts.push(this.memory.subarray(at, at + POSTED_BUFFER_BYTES));
    }
    return parts;
  }
}

const errno = { value: 0 };
