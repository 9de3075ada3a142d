/**
 * One connect of the program on the SAN (D12, CONN-1…15), from the companion socket to the CONFIRM. Until the session is
 * established any failure goes on by TCP (ERR-3), but for the authoritative ones (CONN-13, ERR-4); afterwards none does
 * (SOCK-17, ERR-8). Neither this nor a cancel ever blocks (BLOCK-2, BLOCK-3).
 *
 *     start ──► waiting ──FD_CONNECT, reply good──► established: CONFIRM, onEstablished
 *       │          │        (without connect data: FD_CONNECT, our offer and the reply as messages)
 *       │          ├──────FD_CONNECT, code─────────► onFallback, or onError if authoritative
 *       │          ├──────no answer in time────────► SIO_SD_ASK_ANOTHER: waiting again; or nobody else:
 *       │          │                                 WSPCloseSocket (= CANCEL), onFallback 'listener-busy'
 *       │          └──────cancel()─────────────────► WSPCloseSocket, nothing follows
 *       └─ a call fails: the reason, at once
 */
import { decodeOffer, NEGOTIATION_BYTES_MAX } from '../session/index.js';
import {
  createEvent,
  FD_CONNECT,
  FD_CONNECT_BIT,
  INVALID_SOCKET,
  out,
  type SOCKADDR,
  sockaddrLength,
  type SOCKET,
  type WSABUF,
  type WSAEVENT,
  WSAECONNABORTED,
  WSAECONNREFUSED,
  WSAENOBUFS,
  WSAEPROTONOSUPPORT,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
} from '../spi/index.js';
import type { BaseProvider } from './base-provider.js';
import type { Deadlines } from './deadlines.js';
import { openCompanion } from './companion.js';
import { type ConnectionOwner, SanConnection } from './connection.js';
import { programName } from './names.js';
import { isAuthoritative, programError, reasonFromCompanion, reasonFromConnect, type RouteReason } from './reasons.js';
import { decodeRefusal } from './refusal.js';
import { Negotiation, type Negotiator } from './negotiation.js';
import type { SanProvider } from './san-provider.js';
import type { Timers } from './timers.js';

/** A program's connect. Exactly one of the three answers follows an attempt, in a callback of its own. */
export interface ConnectRequest {
  /** The TCP/IP provider's descriptor of the program's socket: not connected, perhaps bound. */
  readonly tcp: SOCKET;
  readonly remote: SOCKADDR;
  /** Where the program bound it; null: not bound. */
  readonly local: SOCKADDR | null;
  onEstablished(connection: SanConnection): void;
  /** Go on by TCP with the same socket, which is bound by now. */
  onFallback(reason: RouteReason): void;
  /** The connect has failed for good (CONN-13): a WSA code. */
  onError(wsa: number): void;
}

/** What an attempt needs of the switch. */
export interface ConnectHost extends ConnectionOwner {
  readonly base: BaseProvider;
  readonly timers: Timers;
  /** How long a listener may take to answer (D12): calls `expire()`. */
  readonly deadlines: Deadlines<ConnectAttempt>;
  /** An attempt that was under way has ended on TCP. */
  fellBack(attempt: ConnectAttempt, reason: RouteReason): void;
  /** The program is about to see the connection. */
  opened(connection: SanConnection): void;
}

/** How a connect ended: 0 and a WSA code as the provider has them. */
interface Outcome {
  readonly wsa: number;
  /** Null: authoritative, no fall back (CONN-13); without meaning if `wsa` is 0. */
  readonly reason: RouteReason | null;
}

const CONNECTED: Outcome = { wsa: 0, reason: null };
const PROVIDER_BROKEN: Outcome = { wsa: -1, reason: 'provider-failed' };

const errno = out(0);

export class ConnectAttempt implements Negotiator {
  readonly request: ConnectRequest;
  /** Names as the provider gets them. */
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
  readonly provider: SanProvider;
  readonly #host: ConnectHost;
  readonly #event: WSAEVENT = createEvent();
  readonly #reply: WSABUF = { len: NEGOTIATION_BYTES_MAX, buf: new Uint8Array(NEGOTIATION_BYTES_MAX) };
  #s: SOCKET = INVALID_SOCKET;
  #scheduled = false;
  #negotiation: Negotiation | null = null;
  /** What WSPConnect itself returned (CONN-5); null: the event will tell. */
  #outcome: Outcome | null = null;
  #over = false;

  constructor(host: ConnectHost, provider: SanProvider, request: ConnectRequest, local: SOCKADDR, remote: SOCKADDR) {
    this.#host = host;
    this.provider = provider;
    this.request = request;
    this.local = local;
    this.remote = remote;
  }

  /** Begins; null: under way. A reason: the companion is gone again, stay on TCP. */
  start(): RouteReason | null {
    this.provider.retain();
    let reason: RouteReason | null;
    try {
      reason = this.#start();
    } catch {
      // A provider that throws breaks the SPI's contract; the program must not pay for that.
      reason = 'provider-failed';
    }
    if (reason !== null) this.#close();
    else if (this.#outcome !== null) this.#schedule();
    else this.#host.deadlines.add(this);
    return reason;
  }

  #start(): RouteReason | null {
    const { provider, remote } = this;
    const { procs } = provider;
    const s = openCompanion(provider, this.#host.base, this.request.tcp, this.local);
    if (typeof s === 'string') return s;
    this.#s = s;
    if (procs.lpWSPEventSelect(s, this.#event, FD_CONNECT, errno) !== 0) return reasonFromCompanion(errno.value);
    this.#event.onSet = () => this.#schedule();
    const length = sockaddrLength(remote.sa_family);
    const { connectData, offerData } = provider;
    const caller = connectData ? offerData : null; // OBS-27
    const callee = connectData ? this.#reply : null;
    if (procs.lpWSPConnect(s, remote, length, caller, callee, null, null, errno) === 0) {
      this.#outcome = CONNECTED;
      return null;
    }
    if (errno.value === WSAEWOULDBLOCK) return null;
    // An authoritative failure is the program's answer, which never comes from inside its call.
    const failure = this.#failure(errno.value);
    this.#outcome = failure;
    return failure.reason;
  }

  /** Gives it up (CONN-15); no answer follows. */
  cancel(): void {
    this.#close();
  }

  /** The event may be set from deep inside the provider; what follows calls the program, so it gets a callback of its own. */
  #schedule(): void {
    if (this.#scheduled || this.#over) return;
    this.#scheduled = true;
    this.#host.timers.setImmediate(decideNow, this);
  }

  /** Asks the provider what has happened, and acts on it. */
  decide(): void {
    this.#scheduled = false;
    if (this.#over) return;
    const outcome = this.#outcome ?? this.#ask();
    if (outcome === CONNECTED) this.#connected();
    else if (outcome !== null) this.#fail(outcome);
  }

  /** Step 5 (CONN-7); null: nothing yet. */
  #ask(): Outcome | null {
    try {
      const events = this.provider.networkEvents(this.#s, this.#event);
      if (events === null) return PROVIDER_BROKEN;
      if ((events.lNetworkEvents & FD_CONNECT) === 0) return null;
      const wsa = events.iErrorCode[FD_CONNECT_BIT];
      return wsa === 0 ? CONNECTED : this.#failure(wsa);
    } catch {
      return PROVIDER_BROKEN; // as in start()
    }
  }

  /** What a code means. A refusal by the peer's switch is never authoritative: its program was not asked. */
  #failure(wsa: number): Outcome {
    const refusal = decodeRefusal(this.#reply);
    if (refusal !== null) return { wsa, reason: refusal };
    if (isAuthoritative(wsa)) return { wsa, reason: null };
    return { wsa, reason: this.provider.connectDetail(this.#s) ?? reasonFromConnect(wsa) };
  }

  /** Time is up. The answer may lie where only the event loop's poll finds it, after our own long turn: look once more. */
  expire(): void {
    if (!this.#over) this.#host.timers.setImmediate(giveUpNow, this);
  }

  giveUp(): void {
    if (this.#event.signalled) this.decide();
    if (this.#over) return;
    if (this.provider.askAnother(this.#s)) {
      this.#host.deadlines.add(this);
      return;
    }
    // CANCEL: the listener's program never sees this request.
    this.#fail({ wsa: WSAETIMEDOUT, reason: 'listener-busy' });
  }

  #connected(): void {
    if (this.provider.connectData) this.#establish(this.#reply.buf.subarray(0, this.#reply.len));
    else if (this.#negotiation === null) this.#negotiate();
  }

  /** Steps 6 and 7 (CONN-8, CONN-9): receives are posted, then our side speaks first (SESS-2). */
  #negotiate(): void {
    const negotiation = new Negotiation(this.provider, this.#s, this);
    this.#negotiation = negotiation;
    if (this.#outcome !== null) this.#host.deadlines.add(this);
    let code: number;
    try {
      code = negotiation.start() || negotiation.send(this.provider.offerData.buf);
    } catch {
      code = PROVIDER_BROKEN.wsa; // as in start()
    }
    if (code !== 0)
      this.#fail({ wsa: code, reason: code === PROVIDER_BROKEN.wsa ? 'provider-failed' : lossReason(code) });
  }

  /** The reply, or the words of a switch that refuses, as a message. */
  onNegotiation(bytes: Uint8Array): void {
    if (this.#over) return;
    const refusal = decodeRefusal({ len: bytes.length, buf: bytes });
    if (refusal === null) this.#establish(bytes);
    else this.#fail({ wsa: WSAECONNREFUSED, reason: refusal });
  }

  onNegotiationLost(): void {
    if (!this.#over) this.#fail({ wsa: WSAECONNABORTED, reason: 'link-failed' });
  }

  #establish(reply: Uint8Array): void {
    const { provider, request } = this;
    const offer = decodeOffer(reply);
    if (typeof offer === 'string') {
      this.#fail({ wsa: WSAEPROTONOSUPPORT, reason: 'protocol-mismatch' });
      return;
    }
    const family = request.remote.sa_family;
    const local = programName(this.local, family);
    const remote = programName(this.remote, family);
    const now = this.#host.timers.now();
    const connection = new SanConnection(provider, this.#s, 'connect', local, remote, now, this.#host);
    this.#detach();
    if (connection.establish(offer) !== 0) {
      this.#host.fellBack(this, 'link-failed');
      return;
    }
    this.#host.opened(connection);
    // Before the program hears of it: from then on the listener's will, whatever becomes of this one, or of its thread (D12).
    connection.session.confirm();
    request.onEstablished(connection);
  }

  #fail(outcome: Outcome): void {
    this.#close();
    if (outcome.reason === null) this.request.onError(programError(outcome.wsa));
    else this.#host.fellBack(this, outcome.reason);
  }

  /** Ends the attempt, the companion with it (CONN-11). */
  #close(): void {
    if (this.#over) return;
    this.provider.close(this.#s);
    this.#detach();
  }

  /** Ends the attempt; the companion is the caller's. */
  #detach(): void {
    this.#over = true;
    this.#negotiation?.stop();
    this.#event.onSet = null;
    this.#host.deadlines.remove(this);
    this.#s = INVALID_SOCKET;
    this.provider.release();
  }
}

function lossReason(code: number): RouteReason {
  return code === WSAENOBUFS ? 'out-of-resources' : 'link-failed';
}

function decideNow(attempt: ConnectAttempt): void {
  attempt.decide();
}

function giveUpNow(attempt: ConnectAttempt): void {
  attempt.giveUp();
}
