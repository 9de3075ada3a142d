/**
 * A session whose bytes go by a TCP handle after all, through a socket that the program never sees: what those of
 * handle-claim-tcp.ts and handle-shared.ts have in common.
 */
import { Socket } from 'node:net';
import { type SessionUser, WRITE_PENDING } from '../session/index.js';
import { WSAECONNRESET, wsaFromErrno } from '../spi/index.js';
import type { TcpHandle } from './node-shapes.js';
import type { SanSession } from './port.js';

type Failure = (Error & { readonly errno?: number }) | null | undefined;

export abstract class SocketSession implements SanSession {
  user: SessionUser | null = null;
  abstract readonly phase: string;
  readonly transfer = 'copy';
  readonly lending = false;
  onBuffersReturned: (() => void) | null = null;
  protected readonly socket: Socket;

  /** Takes the handle over. */
  constructor(tcp: TcpHandle) {
    this.socket = new Socket({ handle: tcp, allowHalfOpen: true, manualStart: true } as object);
  }

  get pendingBytes(): number {
    return this.socket.writableLength;
  }

  write(bytes: Uint8Array): number {
    return this.writev([bytes]);
  }

  writev(list: readonly Uint8Array[]): number {
    // A copy: whoever closes has its buffers back at once, while the kernel may not have taken them yet.
    this.socket.write(Buffer.concat(list), this.written);
    return WRITE_PENDING;
  }

  protected readonly written = (error: Failure): void => {
    this.user?.onWritten(error ? codeOf(error) : 0);
  };

  shutdown(): void {
    this.socket.end((error?: Failure) => this.user?.onShutdown(error ? codeOf(error) : 0));
  }

  abstract startReading(): void;
  abstract stopReading(): void;

  close(): void {
    this.socket.destroy();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** A socket's error as a WSA code. */
export function codeOf(error: Failure): number {
  return typeof error?.errno === 'number' ? wsaFromErrno(-error.errno) : WSAECONNRESET;
}
