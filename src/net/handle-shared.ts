/**
 * A connection that several processes have at the same time (`keepOpen`, a child's stdio; DUP-1, DUP-4): the SAN end is a
 * relay's, and all of them, the one that relays included, hold the other end of its TCP connection. So it is the kernel that
 * orders their writes, gives arriving bytes to whoever reads first, shuts down for all, and ends when the last has closed.
 *
 * Read by hand: a `net.Socket` that has been paused goes on reading for a while, and would take what is another process's.
 */
import type { Socket } from 'node:net';
import { WRITE_PENDING } from '../session/index.js';
import { WSAESHUTDOWN, wsaFromErrno } from '../spi/index.js';
import { handleEnvironment, kOffset, kRead, state } from './handle-base.js';
import type { TcpHandle } from './node-shapes.js';
import type { SanSession } from './port.js';
import { SocketSession } from './socket-session.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

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

class SharedSession extends SocketSession {
  readonly phase = 'shared';
  readonly #tcp: TcpHandle;
  readonly #writer: Socket | null;
  #writing: Buffer | null = null;

  /** The socket writes and shuts down; it never reads. */
  constructor(tcp: TcpHandle, { shut, writer }: SharedOptions) {
    super(tcp);
    this.#tcp = tcp;
    this.#writer = writer;
    this.socket.on('error', nothing);
    tcp.onread = (memory?: ArrayBuffer): void => this.#read(memory);
    // The program's own handle says whether the loop is kept alive.
    this.socket.unref();
    if (shut) this.socket.end();
  }

  #read(memory: ArrayBuffer | undefined): void {
    const bytes = state[kRead];
    if (bytes > 0 && memory !== undefined) this.user?.onData(memory, state[kOffset], bytes);
    else if (bytes === handleEnvironment().internals.uv.UV_EOF) this.user?.onEnd(false);
    else if (bytes < 0) this.user?.onReset(wsaFromErrno(-bytes));
  }

  override get pendingBytes(): number {
    return super.pendingBytes + (this.#writing?.length ?? 0);
  }

  override writev(list: readonly Uint8Array[]): number {
    if (!this.socket.writable) return -WSAESHUTDOWN;
    if (this.#writer === null) return super.writev(list);
    this.#writing = Buffer.concat(list);
    setImmediate(writeAround, this);
    return WRITE_PENDING;
  }

  /** See {@link SharedOptions.writer}. */
  writeAround(): void {
    const bytes = this.#writing;
    this.#writing = null;
    if (bytes === null) return;
    if (this.#writer?.writable === true) this.#writer.write(bytes, this.written);
    else this.user?.onWritten(WSAESHUTDOWN);
  }

  override shutdown(): void {
    if (this.socket.writable) super.shutdown();
    else setImmediate(tellShutdown, this);
  }

  startReading(): void {
    if (!this.socket.destroyed) this.#tcp.readStart();
  }

  stopReading(): void {
    if (!this.socket.destroyed) this.#tcp.readStop();
  }
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
