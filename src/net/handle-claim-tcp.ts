/** A session whose bytes go by a TCP handle after all: for a socket that was to come over the SAN and is relayed instead. */
import { Socket } from 'node:net';
import { type SessionUser, WRITE_PENDING } from '../session/index.js';
import { WSAECONNRESET, wsaFromErrno } from '../spi/index.js';
import type { TcpHandle } from './node-shapes.js';
import type { SanSession } from './port.js';

type Failure = (Error & { readonly errno?: number }) | null | undefined;

/** Takes the handle over. */
export function tcpSession(tcp: TcpHandle): SanSession {
  return new TcpSession(tcp);
}

class TcpSession implements SanSession {
  user: SessionUser | null = null;
  readonly phase = 'relayed';
  readonly transfer = 'copy';
  readonly lending = false;
  onBuffersReturned: (() => void) | null = null;
  readonly #socket: Socket;

  constructor(tcp: TcpHandle) {
    const socket = new Socket({ handle: tcp, allowHalfOpen: true, manualStart: true } as object);
    this.#socket = socket;
    socket.pause();
    socket.on('data', (bytes: Buffer) => {
      this.user?.onData(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
    });
    socket.on('end', () => this.user?.onEnd());
    socket.on('error', (error: Failure) => this.user?.onReset(codeOf(error)));
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): number {
    this.#socket.write(bytes, this.#written);
    return WRITE_PENDING;
  }

  writev(list: readonly Uint8Array[]): number {
    return this.write(Buffer.concat(list));
  }

  readonly #written = (error: Failure): void => {
    this.user?.onWritten(error ? codeOf(error) : 0);
  };

  shutdown(): void {
    this.#socket.end((error?: Failure) => this.user?.onShutdown(error ? codeOf(error) : 0));
  }

  startReading(): void {
    this.#socket.resume();
  }

  stopReading(): void {
    this.#socket.pause();
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
