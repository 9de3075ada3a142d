/**
 * The side of a hand-over that has the connection (DUP-1 … DUP-23). It waits for a claim (DUP-7: nothing happens before),
 * and goes through the steps; whatever fails before the last one leaves the connection here, as it was.
 *
 *     offered ──claim──► asked ──providers match──► suspending ──silent──► duplicating ──told──► parcel sent, gone
 *        │                 └──────no──┐                 │                       │
 *      close()                        └─────────────────┴──── REFUSAL ──────────┴──► onFailed
 */
import type { SuspendOwner } from '../session/index.js';
import { makeProtocolInfo, out, type WSAPROTOCOL_INFOW } from '../spi/index.js';
import type { SanConnection } from './connection.js';
import type { DuplicateChannel, DuplicateTransport } from './duplicate-channel.js';
import { decodeHello, encodeParcel, REFUSAL } from './duplicate-parcel.js';

/** What the connection's user hears of it; after the claim exactly one of the other two. */
export interface HandOverEvents {
  /** A switch is there, and the connection may be gone soon: nothing is to be done with it meanwhile. */
  onClaimed(): void;
  /** The other process has it. The session is closed; what it had not sent goes from there. */
  onGone(): void;
  /** It stays here, as it was (or is lost, and says so itself). */
  onFailed(): void;
}

const errno = out(0);

export class HandOver implements SuspendOwner {
  readonly #connection: SanConnection;
  readonly #events: HandOverEvents;
  #offer: { close(): void } | null = null;
  #channel: DuplicateChannel | null = null;
  #info: WSAPROTOCOL_INFOW | null = null;
  #over = false;

  private constructor(connection: SanConnection, events: HandOverEvents) {
    this.#connection = connection;
    this.#events = events;
  }

  /** Offers the connection to whoever gets the TCP descriptor `fd`; null: it can only be relayed. */
  static open(
    connection: SanConnection,
    transport: DuplicateTransport,
    fd: number,
    events: HandOverEvents,
  ): HandOver | null {
    if (!connection.session.canSuspend) return null;
    const handOver = new HandOver(connection, events);
    handOver.#offer = transport.offer(fd, (channel) => handOver.#claimed(channel));
    return handOver.#offer === null ? null : handOver;
  }

  /** Nobody is to come any more. A claim that has come goes its way. */
  close(): void {
    this.#offer?.close();
    this.#offer = null;
  }

  #claimed(channel: DuplicateChannel): void {
    if (this.#channel !== null || this.#over) {
      channel.close();
      return;
    }
    this.#channel = channel;
    channel.onMessage = (bytes) => this.#asked(bytes);
    channel.onClosed = () => this.#claimerGone();
    this.close();
    this.#events.onClaimed();
  }

  #asked(bytes: Uint8Array): void {
    const { session, san } = this.#connection;
    const channel = this.#channel;
    if (channel === null || this.#info !== null) return;
    const hello = decodeHello(bytes);
    if (hello?.providers.includes(san.id) !== true || channel.pid <= 0 || !session.canSuspend) {
      this.#fail();
      return;
    }
    channel.onMessage = null;
    session.suspend(this);
  }

  /** Whatever it wanted, it is not there any more. Once the provider has given the connection away, that is too late. */
  #claimerGone(): void {
    if (this.#info !== null || this.#over) return;
    this.#connection.session.resume();
    this.#fail();
  }

  // ---------------------------------------------------------------- what the session says

  onSilent(): void {
    const { s, proc, session } = this.#connection;
    const channel = this.#channel;
    if (channel === null || this.#over) return;
    const info = makeProtocolInfo({ ProviderId: this.#connection.san.id, szProtocol: '', dwServiceFlags1: 0 });
    if (proc.lpWSPDuplicateSocket(s, channel.pid, info, errno) !== 0) {
      session.resume();
      this.#fail();
      return;
    }
    this.#info = info;
  }

  onDuplicated(): void {
    const { session, side, local, remote } = this.#connection;
    const info = this.#info;
    const channel = this.#channel;
    if (info === null || channel === null || this.#over) return;
    this.#over = true;
    // If it does not go, nobody has the connection any more, and the peer will find out in bounded time (DUP-35).
    channel.send(encodeParcel({ info, side, local, remote, state: session.takeState() }));
    channel.close();
    session.leave();
    this.#events.onGone();
  }

  onSuspendFailed(): void {
    this.#fail();
  }

  #fail(): void {
    if (this.#over) return;
    this.#over = true;
    this.#channel?.send(REFUSAL);
    this.#channel?.close();
    this.#events.onFailed();
  }
}
