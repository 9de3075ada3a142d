/**
 * What this folder needs of the switch, as interfaces: the composition root adapts `src/switch` to them, tests put a
 * stand-in there. Handles go down as they are; turning one into the TCP/IP provider's descriptor is the adapter's work.
 */
import type { SessionUser, TransferWay } from '../session/index.js';
import type { SOCKADDR } from '../spi/index.js';
import type { KnownReason, RouteReason } from '../switch/reasons.js';
import type { NodeAddress, TcpHandle } from './node-shapes.js';

/** Who is at the other end of a SAN connection. */
export interface SanPeer {
  readonly pid: number;
  readonly uid: number;
  readonly link: number;
}

/** A session as its user sees it; `Session` of src/session is one. */
export interface SanSession {
  user: SessionUser | null;
  /** Where it is in its life, for observers. */
  readonly phase: string;
  /** The pending write's bytes that are not sent yet. */
  readonly pendingBytes: number;
  /** How this end's large writes travel (D7). */
  readonly transfer: TransferWay;
  /**
   * After `close()`: the peer may still be reading a buffer of a write that was pending. `onBuffersReturned` follows, once;
   * until then the program must not be told that the write is over (BLOCK-5).
   */
  readonly lending: boolean;
  onBuffersReturned: (() => void) | null;
  /** One buffer: `WRITE_DONE`, `WRITE_PENDING` (then `onWritten` follows), or a negative WSA code. */
  write(bytes: Uint8Array): number;
  /** Several buffers, `totalBytes` in all; results as of `write`. */
  writev(list: readonly Uint8Array[], totalBytes: number): number;
  /** Urgent data, where the session has them; else they are not supported. As of `Session`. */
  sendUrgent?(bytes: Uint8Array): number;
  startUrgent?(inline: boolean): void;
  readonly atMark?: boolean;
  shutdown(): void;
  startReading(): void;
  stopReading(): void;
  close(): void;
  reset(): void;
}

/** An established connection on the SAN. Its addresses are the program's: those that TCP would show (SW-26). */
export interface SanConnection {
  readonly session: SanSession;
  readonly provider: string;
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
  readonly peer: SanPeer | null;
  /** Both ends are in this event loop. */
  readonly toSelf: boolean;
  readonly id: number;
}

/** One connect of the program. Exactly one of the three answers follows an attempt, in a callback of its own. */
export interface ConnectRequest {
  /** The program's own TCP handle; not connected, perhaps bound. */
  readonly tcp: TcpHandle;
  readonly remote: SOCKADDR;
  /** Where the program bound it; null: not bound. */
  readonly local: SOCKADDR | null;
  onEstablished(connection: SanConnection): void;
  /** Go on by TCP with the same handle, for this reason. */
  onFallback(reason: RouteReason): void;
  /** The connect has failed for good (CONN-13): a WSA code. */
  onError(wsa: number): void;
}

/** A connect that is under way. */
export interface ConnectAttempt {
  /** Gives it up; no answer follows. */
  cancel(): void;
}

/** A worker's listening handle in a round-robin cluster: no TCP handle, the socket is the primary's. */
export interface SharedHandle {
  readonly fd?: undefined;
  getsockname(out: NodeAddress): number;
}

/** One listening handle of the program. */
export interface ListenRequest {
  readonly tcp: TcpHandle | SharedHandle;
  readonly local: SOCKADDR;
  readonly backlog: number;
  /** Whether a connection may still be given to this listener's program. */
  isEligible(): boolean;
  /** Whether it takes one more, beside `waiting` ones that it does not know of yet. */
  hasRoom(waiting: number): boolean;
  onConnection(connection: SanConnection): void;
  /** One of those that were to come after {@link Listening.close} will not. */
  onLost(): void;
}

/** The companion of a listening handle. */
export interface Listening {
  /** Why there is no companion; null: there is one. */
  readonly reason: RouteReason | null;
  /** The handle is closed. Returns how many connections are still to come, each by `onConnection` or `onLost`. */
  close(): number;
}

/** What becomes of a connection that was offered to another process; after the first, exactly one of the others. */
export interface HandOverEvents {
  /** A switch is there for it: it is to be left alone meanwhile. */
  onClaimed(): void;
  /** It is there; the session here is closed. */
  onGone(): void;
  /** It stays here. */
  onFailed(): void;
}

/** What becomes of a claim: one of the three. */
export interface ClaimEvents {
  /** `writing`: a write of the former owner's program is under way, and is to end first. */
  onClaimed(connection: SanConnection, writing: boolean): void;
  /** The sender copies: the TCP handle is to be used. */
  onRelayed(): void;
  onLost(): void;
}

/** The switch. */
export interface SwitchPort {
  /** Offers a connection to whoever receives `tcp`; null: it can only be relayed. `close` ends the offer, not a claim. */
  handOver?(connection: SanConnection, tcp: TcpHandle, events: HandOverEvents): { close(): void } | null;
  /** A handle has come from another process; true: it stands for a connection, and an event follows. */
  claim?(tcp: TcpHandle, events: ClaimEvents): boolean;
  /** Why a connect to there would stay on TCP, if that is known without asking anybody; null: ask `connect`. */
  known(address: string, port: number): KnownReason | null;
  /** `known` said 'no-companion' without remembering it; a TCP connection made to there so long ago carried something. */
  provenPlain(address: string, port: number, ageMs: number): void;
  /** A reason means: stay on TCP, at once. */
  connect(request: ConnectRequest): RouteReason | ConnectAttempt;
  listen(request: ListenRequest): Listening;
}

/** Keeps the process alive while the count is above zero (the proxy driver's `hold`). */
export type Hold = (delta: 1 | -1) => void;

/** Calls back in the loop's phase for what is closed, with the loop held until then; false: that cannot be had. */
export type CloseLate = (then: () => void) => boolean;
