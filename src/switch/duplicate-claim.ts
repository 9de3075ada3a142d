/**
 * The side of a hand-over that gets the connection (DUP-24 … DUP-30): asks its owner, attaches the provider's socket, and
 * goes on with the session where the owner stopped.
 */
import {
  createEvent,
  FD_CONNECT,
  FD_CONNECT_BIT,
  INVALID_SOCKET,
  IPPROTO_TCP,
  out,
  SOCK_STREAM,
  type SOCKET,
  WSA_FLAG_OVERLAPPED,
  type WSAEVENT,
} from '../spi/index.js';
import { type ConnectionOwner, SanConnection } from './connection.js';
import type { DuplicateChannel } from './duplicate-channel.js';
import { decodeParcel, encodeHello, isRefusal, type Parcel } from './duplicate-parcel.js';
import type { SanProvider } from './san-provider.js';
import type { Timers } from './timers.js';

/** What the claimer's user hears: exactly one of the three. */
export interface ClaimEvents {
  /** It is here. `writing`: a write of the former owner's program is under way, and is to end first. */
  onClaimed(connection: SanConnection, writing: boolean): void;
  /** The owner keeps it, and relays: the received TCP socket is to be used. */
  onRelayed(): void;
  /** Its owner has died, or the peer has, in the middle of it (DUP-35): the connection is lost. */
  onLost(): void;
}

export interface ClaimHost extends ConnectionOwner {
  readonly timers: Timers;
  readonly started: readonly SanProvider[];
  opened(connection: SanConnection): void;
}

/** As they are at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setTimeout, clearTimeout, setImmediate } = globalThis;

/** How long an owner may take to answer, in ms; its own patience with the peer is shorter. */
const ANSWER_MS_MAX = 15_000;
const errno = out(0);

export class Claim {
  readonly #host: ClaimHost;
  readonly #channel: DuplicateChannel;
  readonly #events: ClaimEvents;
  readonly #event: WSAEVENT = createEvent();
  readonly #timer: NodeJS.Timeout;
  #parcel: Parcel | null = null;
  #provider: SanProvider | null = null;
  #s: SOCKET = INVALID_SOCKET;
  #scheduled = false;
  #over = false;

  constructor(host: ClaimHost, channel: DuplicateChannel, events: ClaimEvents) {
    this.#host = host;
    this.#channel = channel;
    this.#events = events;
    // As elsewhere: what is here by now, because this process was busy for so long, counts.
    this.#timer = setTimeout(setImmediate, ANSWER_MS_MAX, () => this.lose());
    this.#timer.unref();
  }

  /** Asks. Every answer comes in a later callback. */
  start(): void {
    const channel = this.#channel;
    channel.onMessage = (bytes) => this.#answered(bytes);
    channel.onClosed = () => {
      if (this.#parcel === null) this.lose();
    };
    channel.send(encodeHello({ providers: this.#host.started.map(({ id }) => id) }));
  }

  #answered(bytes: Uint8Array): void {
    if (this.#over || this.#parcel !== null) return;
    if (isRefusal(bytes)) {
      this.#end();
      this.#events.onRelayed();
      return;
    }
    const parcel = decodeParcel(bytes);
    const provider =
      typeof parcel === 'string' ? undefined : this.#host.started.find(({ id }) => id === parcel.info.ProviderId);
    if (typeof parcel === 'string' || provider === undefined) {
      this.lose();
      return;
    }
    this.#parcel = parcel;
    this.#provider = provider;
    this.#attach(provider, parcel);
  }

  #attach(provider: SanProvider, { info, local }: Parcel): void {
    const { procs, owner } = provider;
    provider.retain();
    owner.createdHandle = INVALID_SOCKET;
    const family = local.sa_family;
    this.#s = procs.lpWSPSocket(family, SOCK_STREAM, IPPROTO_TCP, info, 0, WSA_FLAG_OVERLAPPED, errno);
    this.#event.onSet = () => this.#schedule();
    if (this.#s === INVALID_SOCKET || procs.lpWSPEventSelect(this.#s, this.#event, FD_CONNECT, errno) !== 0)
      this.lose();
  }

  #schedule(): void {
    if (this.#scheduled || this.#over) return;
    this.#scheduled = true;
    this.#host.timers.setImmediate(decideNow, this);
  }

  decide(): void {
    this.#scheduled = false;
    const provider = this.#provider;
    if (this.#over || provider === null) return;
    const events = provider.networkEvents(this.#s, this.#event);
    if (events === null) this.lose();
    else if ((events.lNetworkEvents & FD_CONNECT) === 0) return;
    else if (events.iErrorCode[FD_CONNECT_BIT] === 0) this.#resume(provider);
    else this.lose();
  }

  #resume(provider: SanProvider): void {
    const parcel = this.#parcel;
    if (parcel === null) return;
    const { side, local, remote, state } = parcel;
    const s = this.#s;
    this.#s = INVALID_SOCKET;
    this.#event.onSet = null;
    const now = this.#host.timers.now();
    const connection = new SanConnection(provider, s, side, local, remote, now, this.#host, state);
    if (connection.session.restoreState(state) !== 0) {
      connection.session.reset();
      this.lose();
      return;
    }
    this.#end();
    this.#host.opened(connection);
    this.#events.onClaimed(connection, connection.session.writing);
  }

  lose(): void {
    if (this.#over) return;
    this.#end();
    this.#events.onLost();
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#channel.close();
    this.#event.onSet = null;
    this.#provider?.close(this.#s);
    this.#provider?.release();
  }
}

function decideNow(claim: Claim): void {
  claim.decide();
}
