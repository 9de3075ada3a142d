/**
 * Session negotiation in messages, over a provider without connect data, or with posted buffers (SESS-2, SESS-3, SESS-9): one message each way, on
 * the connected socket, before there is a session on it. Receives are posted before the first of them is sent.
 */
import { NEGOTIATION_BYTES_MAX } from '../session/index.js';
import { type MessageReceiver, out, RUN_BEFORE, RUN_STOP, RUN_VIOLATION, type SOCKET } from '../spi/index.js';
import type { SanProvider } from './san-provider.js';

/** Who negotiates. */
export interface Negotiator {
  /** The peer's message, at most {@link NEGOTIATION_BYTES_MAX} bytes. What comes behind it waits for the session. */
  onNegotiation(bytes: Uint8Array): void;
  /** The connection is gone, or what came cannot be a negotiation. */
  onNegotiationLost(): void;
}

const errno = out(0);
const sent = out(0);

export class Negotiation implements MessageReceiver {
  readonly #provider: SanProvider;
  readonly #s: SOCKET;
  readonly #negotiator: Negotiator;
  #message: Uint8Array | null = null;
  #over = false;

  constructor(provider: SanProvider, s: SOCKET, negotiator: Negotiator) {
    this.#provider = provider;
    this.#s = s;
    this.#negotiator = negotiator;
  }

  /** Makes the socket ready to receive; 0 or a WSA code. */
  start(): number {
    return this.#provider.receive.SdpSetReceiver(this.#s, this, errno) === 0 ? 0 : errno.value;
  }

  /** Our message; 0 or a WSA code. On a fresh connection there is room for it. */
  send(bytes: Uint8Array): number {
    const buffers = [{ len: bytes.length, buf: bytes }];
    const { lpWSPSend } = this.#provider.procs;
    return lpWSPSend(this.#s, buffers, 1, sent, 0, null, null, null, errno) === 0 ? 0 : errno.value;
  }

  /** The negotiator has given up, or goes on by other means: nothing more is told. */
  stop(): void {
    this.#over = true;
  }

  onMessage(memory: Uint8Array, offset: number, length: number): number {
    if (this.#message !== null) return RUN_BEFORE;
    if (length > NEGOTIATION_BYTES_MAX) return RUN_VIOLATION;
    this.#message = Uint8Array.from(memory.subarray(offset, offset + length));
    return RUN_STOP;
  }

  onRunEnd(): void {
    const message = this.#message;
    if (this.#over || message === null) return;
    this.#over = true;
    this.#provider.receive.SdpSetReceiver(this.#s, null, errno);
    this.#negotiator.onNegotiation(message);
  }

  onDisconnect(): void {
    if (this.#over) return;
    this.#over = true;
    this.#negotiator.onNegotiationLost();
  }
}
