/**
 * The accepting half of a companion listener (LIST-4…7, ACC-1…8, ACC-10, ACC-12). A request is decided synchronously in the condition
 * function; the program sees the connection only when its CONFIRM has come (D12), and until then it counts against the
 * backlog, like a connection in a kernel's accept queue.
 */
import { decodeOffer, encodeOffer, type Offer } from '../session/index.js';
import {
  CF_ACCEPT,
  CF_REJECT,
  createEvent,
  FD_ACCEPT,
  INVALID_SOCKET,
  makeSockaddr,
  out,
  AF_INET,
  copySockaddr,
  type SOCKADDR,
  type SOCKET,
  type WSABUF,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAENETDOWN,
  type WSAEVENT,
} from '../spi/index.js';
import { Incoming, type IncomingHost } from './accept-negotiation.js';
import type { BaseProvider } from './base-provider.js';
import { type ConnectionOwner, SanConnection } from './connection.js';
import type { Listening } from './listen.js';
import { programName } from './names.js';
import type { RouteReason } from './reasons.js';
import { encodeRefusal } from './refusal.js';
import type { SanProvider } from './san-provider.js';
import type { Timers } from './timers.js';

/** What listeners need of the switch. */
export interface AcceptHost extends ConnectionOwner {
  readonly base: BaseProvider;
  readonly timers: Timers;
  /** Whether the rules let a connection to this local name be on the SAN. */
  admits(local: SOCKADDR): boolean;
  /** The program is about to see the connection. */
  opened(connection: SanConnection): void;
  listeningClosed(listening: Listening): void;
}

/** Most requests taken in one go; the rest waits for the next turn of the loop, so that a flood cannot hold it. */
const ACCEPTS_PER_TURN = 64;
/** What a kernel makes of larger backlogs (net.core.somaxconn). */
const BACKLOG_MAX = 4096;
/**
 * A peer that has not confirmed for so long, in ms, is stopped or means harm: its place is given to the next one when
 * the queue is full. Its own patience ends much earlier (connectTimeoutMs).
 */
const UNCONFIRMED_MS_MAX = 5000;

const errno = out(0);

export class CompanionListener implements ConnectionOwner, IncomingHost {
  readonly #host: AcceptHost;
  readonly #listening: Listening;
  readonly #provider: SanProvider;
  readonly #s: SOCKET;
  readonly #event: WSAEVENT = createEvent();
  readonly #backlog: number;
  readonly #reply: Uint8Array;
  /** Accepted and not confirmed, oldest first. */
  readonly #waiting = new Set<SanConnection>();
  /** Accepted, and their offers have not come: without connect data only. Oldest first. */
  readonly #negotiating = new Set<Incoming>();
  readonly #condition = this.#decide.bind(this);
  // What the condition function has seen of the request that it accepted; its arguments do not outlive it.
  readonly #caller = makeSockaddr(AF_INET, '', 0);
  readonly #callee = makeSockaddr(AF_INET, '', 0);
  #offer: Offer | null = null;
  /** The condition function has taken a request whose offer will come as a message. */
  #unheard = false;
  #accepting = false;
  /** How often the event was set. */
  #signals = 0;
  #closed = false;
  /** Closed, and connections are still to come. */
  #lingering = false;

  constructor(host: AcceptHost, listening: Listening, provider: SanProvider, s: SOCKET) {
    this.#host = host;
    this.#listening = listening;
    this.#provider = provider;
    this.#s = s;
    this.#backlog = Math.min(Math.max(1, listening.request.backlog), BACKLOG_MAX);
    this.#reply = encodeOffer(provider.offer);
  }

  /** Asks for requests (LIST-3); those that wait already are signalled at once (OBS-34). False: the provider fails. */
  start(): boolean {
    this.#event.onSet = () => this.#accept();
    return this.#provider.procs.lpWSPEventSelect(this.#s, this.#event, FD_ACCEPT, errno) === 0;
  }

  /** Connections that the program has not seen. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Ends the listener. Connections that the program has not seen are reset, or if they are to linger, still given to it when
   * they are confirmed. Returns how many will be, each by `onConnection` or `onLost`.
   */
  close(linger: boolean): number {
    if (this.#closed) return 0;
    this.#closed = true;
    this.#event.onSet = null;
    this.#provider.close(this.#s);
    for (const incoming of [...this.#negotiating]) incoming.close();
    if (!linger) this.resetWaiting();
    this.#lingering = this.#waiting.size > 0;
    if (this.#lingering) this.#host.timers.setTimeout(resetWaiting, UNCONFIRMED_MS_MAX, this).unref();
    return this.#waiting.size;
  }

  /** Who is no more to confirm, or has not for so long that he never will. */
  resetWaiting(): void {
    for (const connection of [...this.#waiting]) connection.session.reset();
  }

  /** The event is set. It may be set again from inside WSPAccept (OBS-31): that is not a second loop. */
  #accept(): void {
    this.#signals++;
    if (!this.#accepting && !this.#closed) this.#run(false);
  }

  /** For `setImmediate`: goes on where a turn's budget ended; the event that said so is spent. */
  acceptMore(): void {
    if (!this.#accepting && !this.#closed) this.#run(true);
  }

  /** Takes what waits. `known`: something does, without asking. */
  #run(known: boolean): void {
    let budget = ACCEPTS_PER_TURN;
    let due = known;
    let seen: number;
    this.#accepting = true;
    try {
      do {
        seen = this.#signals;
        due ||= this.#isDue();
        while (due && budget > 0 && this.#acceptOne()) budget--;
        due = false;
      } while (this.#signals !== seen && budget > 0);
    } finally {
      this.#accepting = false;
    }
    if (budget === 0) this.#host.timers.setImmediate(acceptMore, this);
  }

  #isDue(): boolean {
    try {
      const events = this.#provider.networkEvents(this.#s, this.#event);
      return events !== null && (events.lNetworkEvents & FD_ACCEPT) !== 0;
    } catch {
      return false; // as in #ask()
    }
  }

  /** WSPAccept. A provider that throws breaks the SPI's contract; who calls there gets no answer, and goes on by TCP. */
  #ask(): SOCKET {
    try {
      return this.#provider.procs.lpWSPAccept(this.#s, null, null, this.#condition, null, errno);
    } catch {
      errno.value = WSAENETDOWN;
      return INVALID_SOCKET;
    }
  }

  /** One WSPAccept; false: nothing more to take now. */
  #acceptOne(): boolean {
    if (this.#closed) return false;
    const provider = this.#provider;
    provider.owner.createdHandle = INVALID_SOCKET;
    this.#offer = null;
    this.#unheard = false;
    const s = this.#ask();
    if (s === INVALID_SOCKET) {
      // Refused by us, or given up by its caller: the next one may be better.
      return errno.value === WSAECONNREFUSED || errno.value === WSAECONNRESET;
    }
    const offer = this.#accepted();
    if ((offer === null && !this.#isUnheard()) || provider.owner.createdHandle === INVALID_SOCKET) {
      // Accepted without being asked, or without a handle of ours: against ACC-2 and ACC-4.
      provider.close(s);
      return true;
    }
    if (offer !== null) this.#begin(s, this.#callee, this.#caller, offer);
    else this.#listenTo(s);
    return true;
  }

  /** The session begins; its CONFIRM has yet to come. */
  #begin(s: SOCKET, callee: SOCKADDR, caller: SOCKADDR, offer: Offer): void {
    const family = this.#listening.request.local.sa_family;
    const local = programName(callee, family);
    const remote = programName(caller, family);
    const connection = new SanConnection(this.#provider, s, 'accept', local, remote, this.#host.timers.now(), this);
    this.#waiting.add(connection);
    connection.establish(offer);
  }

  /** The offer comes as a message: buffers are posted for it (SESS-3). */
  #listenTo(s: SOCKET): void {
    const now = this.#host.timers.now();
    const incoming = new Incoming(this, this.#provider, s, this.#callee, this.#caller, now, this.#reply);
    this.#negotiating.add(incoming);
    incoming.start();
  }

  /** The offer that the condition function has just accepted. */
  #accepted(): Offer | null {
    return this.#offer;
  }

  #isUnheard(): boolean {
    return this.#unheard;
  }

  /** The condition function: synchronous, and the peer is told nothing before it answers (ACC-2, ACC-3). */
  #decide(
    lpCallerId: SOCKADDR,
    lpCallerData: WSABUF | null,
    _lpSQOS: unknown,
    _lpGQOS: unknown,
    lpCalleeId: SOCKADDR,
    lpCalleeData: WSABUF | null,
  ): number {
    if (!this.#provider.connectData) return this.#decideUnheard(lpCallerId, lpCalleeId);
    const offer =
      lpCallerData === null ? 'no negotiation' : decodeOffer(lpCallerData.buf.subarray(0, lpCallerData.len));
    const refusal = this.refusal(offer, lpCalleeId);
    if (
      refusal !== null ||
      typeof offer === 'string' ||
      lpCalleeData === null ||
      lpCalleeData.len < this.#reply.length
    ) {
      encodeRefusal(refusal ?? 'protocol-mismatch', lpCalleeData);
      return CF_REJECT;
    }
    copySockaddr(this.#caller, lpCallerId);
    copySockaddr(this.#callee, lpCalleeId);
    this.#offer = offer;
    lpCalleeData.buf.set(this.#reply);
    lpCalleeData.len = this.#reply.length;
    return CF_ACCEPT;
  }

  /** A refusal from here has no words, so the peer's connect fails for good (CONN-13): only where nothing else is left. */
  #decideUnheard(caller: SOCKADDR, callee: SOCKADDR): number {
    const full = this.#negotiating.size >= this.#backlog && !this.#evictUnheard();
    if (this.#closed || full) return CF_REJECT;
    copySockaddr(this.#caller, caller);
    copySockaddr(this.#callee, callee);
    this.#unheard = true;
    return CF_ACCEPT;
  }

  /** As `#evict`, for those that have not said anything. */
  #evictUnheard(): boolean {
    const oldest = this.#negotiating.values().next().value;
    if (oldest === undefined || this.#host.timers.now() - oldest.since < UNCONFIRMED_MS_MAX) return false;
    oldest.close();
    return true;
  }

  negotiated(incoming: Incoming, offer: Offer): void {
    this.#negotiating.delete(incoming);
    this.#begin(incoming.s, incoming.local, incoming.remote, offer);
  }

  gone(incoming: Incoming): void {
    this.#negotiating.delete(incoming);
  }

  /** Why a request is refused; null: it is not. */
  refusal(offer: Offer | string, local: SOCKADDR): RouteReason | null {
    if (this.#closed || !this.#listening.request.isEligible()) return 'listener-refused';
    if (typeof offer === 'string') return 'protocol-mismatch';
    if (!this.#host.admits(local)) return 'excluded';
    if (!this.#listening.isAt(this.#provider, local)) return 'listener-refused';
    if (!this.#listening.request.hasRoom(this.#waiting.size)) return 'listener-busy';
    return this.#waiting.size < this.#backlog || this.#evict() ? null : 'listener-busy';
  }

  /** The queue is full: whether the oldest has waited so long that its place is free. */
  #evict(): boolean {
    const oldest = this.#waiting.values().next().value;
    if (oldest === undefined || this.#host.timers.now() - oldest.since < UNCONFIRMED_MS_MAX) return false;
    oldest.session.reset();
    return true;
  }

  // ---------------------------------------------------------------- connections that the program has not seen

  confirmed(connection: SanConnection): void {
    this.#waiting.delete(connection);
    connection.owner = this.#host;
    this.#host.opened(connection);
    this.#listening.request.onConnection(connection);
  }

  closed(connection: SanConnection): void {
    if (this.#waiting.delete(connection) && this.#lingering) this.#listening.request.onLost();
  }

  violation(connection: SanConnection, what: string): void {
    this.#host.violation(connection, what);
  }
}

function resetWaiting(listener: CompanionListener): void {
  listener.resetWaiting();
}

function acceptMore(listener: CompanionListener): void {
  listener.acceptMore();
}
