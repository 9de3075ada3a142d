/**
 * A connection that several processes have at the same time (`keepOpen`, a child's stdio; DUP-1, DUP-4): the SAN end is a
 * relay's, and all of them, the one that relays included, hold the other end of its TCP connection. So it is the kernel that
 * orders their writes, gives arriving bytes to whoever reads first, shuts down for all, and ends when the last has closed.
 *
 * Read by hand: a `net.Socket` that has been paused goes on reading for a while, and would take what is another process's.
 */
import { Socket } from 'node:net';
import { type SessionUser, WRITE_PENDING } from '../session/index.js';
import { WSAECONNRESET, WSAESHUTDOWN, wsaFromErrno } from '../spi/index.js';
import { handleEnvironment, kOffset, kRead, state } from './handle-base.js';
import type { TcpHandle } from './node-shapes.js';
import type { SanSession } from './port.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

type Failure = (Error & { readonly errno?: number }) | null | undefined;

export interface SharedOptions {
  /** The program has ended its side before others got the socket. */
  readonly shut: boolean;
  /**
   * The relay's SAN socket, if this process may not write to the shared one: a child has it as its stdio, which sets it
   * blocking for all, and who would block here is the relay. What is written goes there a turn of the loop later, behind what
   * the child has written before. Null: it may.
   */
  readonly writer: Socket | null;
}

/** Takes the handle over. */
export function sharedSession(tcp: TcpHandle, options: SharedOptions): SanSession {
  return new SharedSession(tcp, options);
}

class SharedSession implements SanSession {
  user: SessionUser | null = null;
  readonly phase = 'shared';
  readonly transfer = 'copy';
  readonly lending = false;
  onBuffersReturned: (() => void) | null = null;
  readonly #tcp: TcpHandle;
  /** Writes and shuts down; never reads. */
  readonly #socket: Socket;
  readonly #writer: Socket | null;
  #writing: Buffer | null = null;

  constructor(tcp: TcpHandle, { shut, writer }: SharedOptions) {
    this.#tcp = tcp;
    this.#writer = writer;
    this.#socket = new Socket({ handle: tcp, allowHalfOpen: true, manualStart: true } as object);
    this.#socket.on('error', nothing);
    tcp.onread = (memory?: ArrayBuffer): void => this.#read(memory);
    // The program's own handle says whether the loop is kept alive.
    this.#socket.unref();
    if (shut) this.#socket.end();
  }

  #read(memory: ArrayBuffer | undefined): void {
    const bytes = state[kRead];
    if (bytes > 0 && memory !== undefined) this.user?.onData(memory, state[kOffset], bytes);
    else if (bytes === handleEnvironment().internals.uv.UV_EOF) this.user?.onEnd();
    else if (bytes < 0) this.user?.onReset(wsaFromErrno(-bytes));
  }

  get pendingBytes(): number {
    return this.#socket.writableLength + (this.#writing?.length ?? 0);
  }

  write(bytes: Uint8Array): number {
    return this.writev([bytes]);
  }

  writev(list: readonly Uint8Array[]): number {
    const socket = this.#socket;
    if (!socket.writable) return -WSAESHUTDOWN;
    // A copy: whoever closes has its buffers back at once, while the kernel may not have taken them yet.
    const bytes = Buffer.concat(list);
    if (this.#writer === null) {
      socket.write(bytes, this.#written);
    } else {
      this.#writing = bytes;
      setImmediate(writeAround, this);
    }
    return WRITE_PENDING;
  }

  /** See {@link SharedOptions.writer}. */
  writeAround(): void {
    const bytes = this.#writing;
    this.#writing = null;
    if (bytes === null) return;
    if (this.#writer?.writable === true) this.#writer.write(bytes, this.#written);
    else this.user?.onWritten(WSAESHUTDOWN);
  }

  readonly #written = (error: Failure): void => {
    this.user?.onWritten(error ? codeOf(error) : 0);
  };

  shutdown(): void {
    if (!this.#socket.writable) setImmediate(tellShutdown, this);
    else this.#socket.end((error?: Failure) => this.user?.onShutdown(error ? codeOf(error) : 0));
  }

  startReading(): void {
    if (!this.#socket.destroyed) this.#tcp.readStart();
  }

  stopReading(): void {
    if (!this.#socket.destroyed) this.#tcp.readStop();
  }

  close(): void {
    this.#socket.destroy();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }
}

function codeOf(error: Failure): number {
  return typeof error?.errno === 'number' ? wsaFromErrno(-error.errno) : WSAECONNRESET;
}

function writeAround(session: SharedSession): void {
  session.writeAround();
}

function tellShutdown(session: SharedSession): void {
  session.user?.onShutdown(0);
}

function nothing(): void {
  // Whoever wrote is told.
}
