/**
 * An accepted socket whose session is not negotiated in connect data, until its peer has said what it offers (SESS-2, SESS-3). The
 * condition function could not look at an offer, so the decision that it makes elsewhere is made here, and a refusal
 * goes as a message: the peer's program then goes on by TCP, as with connect data.
 */
import { decodeOffer, type Offer } from '../session/index.js';
import type { SOCKADDR, SOCKET, WSABUF } from '../spi/index.js';
import { Negotiation, type Negotiator } from './negotiation.js';
import type { RouteReason } from './reasons.js';
import { encodeRefusal } from './refusal.js';
import type { SanProvider } from './san-provider.js';

/** The listener that took it. */
export interface IncomingHost {
  /** Whether a request with this offer, to this local name, is refused, and why. */
  refusal(offer: Offer | string, local: SOCKADDR): RouteReason | null;
  /** Our reply is out: the session begins. */
  negotiated(incoming: Incoming, offer: Offer): void;
  /** It is over; the socket is closed. */
  gone(incoming: Incoming): void;
}

const REFUSAL_ROOM = 64;

export class Incoming implements Negotiator {
  readonly s: SOCKET;
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
  /** When it was accepted, in ms on the switch's clock. */
  readonly since: number;
  readonly #provider: SanProvider;
  readonly #host: IncomingHost;
  readonly #reply: Uint8Array;
  readonly #negotiation: Negotiation;

  constructor(
    host: IncomingHost,
    provider: SanProvider,
    s: SOCKET,
    local: SOCKADDR,
    remote: SOCKADDR,
    since: number,
    reply: Uint8Array,
  ) {
    this.#host = host;
    this.#provider = provider;
    this.s = s;
    this.local = { ...local };
    this.remote = { ...remote };
    this.since = since;
    this.#reply = reply;
    this.#negotiation = new Negotiation(provider, s, this);
  }

  /** Receives are posted from now on. False: it has failed, and is closed. */
  start(): boolean {
    if (this.#negotiation.start() === 0) return true;
    this.close();
    return false;
  }

  onNegotiation(bytes: Uint8Array): void {
    const offer = decodeOffer(bytes);
    const refusal = this.#host.refusal(offer, this.local);
    if (refusal === null && typeof offer !== 'string') {
      if (this.#negotiation.send(this.#reply) === 0) this.#host.negotiated(this, offer);
      else this.close();
      return;
    }
    const words: WSABUF = { len: REFUSAL_ROOM, buf: new Uint8Array(REFUSAL_ROOM) };
    encodeRefusal(refusal ?? 'protocol-mismatch', words);
    this.#negotiation.send(words.buf.subarray(0, words.len));
    this.close();
  }

  onNegotiationLost(): void {
    this.close();
  }

  /** Gives it up. */
  close(): void {
    this.#negotiation.stop();
    this.#provider.close(this.s);
    this.#host.gone(this);
  }
}
