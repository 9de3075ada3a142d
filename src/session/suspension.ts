/**
 * Suspending a connection, so that one end can go to another process (DUP-11 … DUP-17, DUP-28, DUP-36).
 *
 *     asking end                                   other end
 *     hold(): nothing more is sent
 *     ── SUSPEND, once all sends are done ───────► hold(); lets its sends end
 *     ◄──────────────────────────── SUSPENDED ──   'held': the program's writes wait, its reads go on
 *     'silent': no message is under way, either way
 *       … the provider's duplication, the other process's restoreState() …
 *     ── RESUME, from whichever process ─────────► goes on
 *
 * Nobody but the asking end, or its successor, ends the silence. So the other end watches the time, for that process may
 * have died in a way that its provider does not see. If both ends ask at once, the connector's request counts, and the
 * acceptor asks again afterwards (GAP-18).
 */
import { WSAECONNRESET, WSAETIMEDOUT } from '../spi/index.js';
import type { Offer } from './negotiate.js';
import { EndingSession, totalBytes } from './session-end.js';
import { type SessionState, readCounts, writeCounts } from './suspension-state.js';
import { type IncomingState, IncomingTransfer } from './transfer/incoming.js';
import type { OutgoingState, OutgoingTransfer } from './transfer/outgoing.js';
import { MESSAGE_RESUME, MESSAGE_SUSPEND, MESSAGE_SUSPENDED } from './wire.js';

/** As they are at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate, setTimeout, clearTimeout } = globalThis;

/** How long the other end may take to fall silent, in ms, before it is told to go on. */
const ASK_MS_MAX = 5000;
/** How long the other end waits for the RESUME, in ms, before the connection is lost (DUP-36). */
const HELD_MS_MAX = 12_000;

/** What the asking end's owner hears; each in a callback of its own, the last one once. */
export interface SuspendOwner {
  /** No message is under way (DUP-15): WSPDuplicateSocket may be called. */
  onSilent(): void;
  /** The provider has handed the connection over. */
  onDuplicated(): void;
  /** It came to nothing. The session goes on, or, where the connection is lost, ends like any other. */
  onSuspendFailed(error: number): void;
}

type Stage = 'flowing' | 'asking' | 'silent' | 'held';

export abstract class SuspendableSession extends EndingSession {
  /** What the peer offered. */
  protected peerOffer: Offer | null = null;
  private stage: Stage = 'flowing';
  private owner: SuspendOwner | null = null;
  private timer: NodeJS.Timeout | null = null;
  /** SUSPENDs of ours that were taken back before their answer came. */
  private stale = 0;
  /** The peer's SUSPEND crossed ours, and ours counts. */
  private ignored = false;

  protected abstract establishedWith(peer: Offer): number;

  /**
   * Whether both ends are able to suspend, and nothing speaks against it now. Where large writes are pulled or pushed,
   * memory of this very process may be lent at any time.
   */
  get canSuspend(): boolean {
    if (!this.negotiated || this.phase !== 'established' || this.error !== 0 || this.owner !== null) return false;
    return !this.over && !this.receive.cut && this.send.finWanted === this.send.finSent;
  }

  /** For observers: data does not flow at the moment, because of a hand-over. */
  get isSuspended(): boolean {
    return this.stage !== 'flowing';
  }

  private get negotiated(): boolean {
    return this.local.suspend && this.peerOffer?.suspend === true;
  }

  private get over(): boolean {
    return this.gone || this.userClosed || this.exiting;
  }

  // ---------------------------------------------------------------- the asking end

  /** Asks for silence (DUP-11, DUP-12). Only if {@link canSuspend}. */
  suspend(owner: SuspendOwner): void {
    this.owner = owner;
    if (this.stage === 'flowing') this.ask();
    // else the peer hands its own end over just now: ours is asked for when it resumes
  }

  private ask(): void {
    this.stage = 'asking';
    this.ignored = false;
    this.startTimer(ASK_MS_MAX);
    this.fetchNothing(true);
    this.send.hold(MESSAGE_SUSPEND);
  }

  /** The silence ends without a hand-over: the connection goes on here. */
  resume(): void {
    const { stage } = this;
    this.owner = null;
    if (stage !== 'asking' && stage !== 'silent') return;
    this.flow();
    if (this.gone || this.exiting) return;
    if (stage === 'asking') {
      // Not sent yet, or sent and its answer will come, whatever we do.
      if (this.send.unhold()) {
        this.pumpSoon();
        return;
      }
      this.stale++;
    }
    this.send.release(MESSAGE_RESUME);
    this.pumpSoon();
  }

  /** What the other process needs to go on (DUP-8). Only while silent. */
  takeState(): SessionState {
    return {
      initiator: this.initiator,
      local: this.local,
      peer: this.peerOffer ?? this.local,
      counts: readCounts(this.counts),
      finSent: this.send.finSent,
      finReceived: this.receive.finReceived,
      unread: this.receive.takeAll().map((item) => (item instanceof IncomingTransfer ? incomingState(item) : item)),
      urgent: this.takeUrgent(),
      lastIncoming: this.incoming?.lastNumber ?? 0,
      lastOutgoing: this.send.outgoing?.lastNumber ?? 0,
      lent: (this.send.outgoing?.transfers ?? []).map(outgoingState),
      unsent: this.send.takePending(),
      words: this.send.takeControls(),
    };
  }

  /** The connection is somebody else's: this end of it is closed, and the peer is told nothing (DUP-21). */
  leave(): void {
    this.owner = null;
    this.userClosed = true;
    this.user = null;
    this.finish();
  }

  /** The provider's answer to WSPDuplicateSocket. */
  onDuplicated(error: number): void {
    const { owner } = this;
    if (owner === null || this.phase === 'closed') return;
    if (error === 0) owner.onDuplicated();
    else this.failAsking(error);
  }

  // ---------------------------------------------------------------- the other process

  /**
   * Takes over where the asking end stopped, and has the peer go on. The session is fresh, its provider socket attached.
   * What was written there and not sent is the pending write; {@link writing} tells whether there is one. Returns 0 or the
   * provider's WSA code.
   */
  restoreState(state: SessionState): number {
    const { counts, send, receive } = this;
    writeCounts(counts, state.counts);
    this.initiator = state.initiator;
    receive.finReceived = state.finReceived;
    const code = this.establishedWith(state.peer);
    if (code !== 0) return code;
    if (state.lastIncoming > 0) {
      this.incoming = this.beginReceiving(state.peer);
      this.incoming.lastNumber = state.lastIncoming;
    }
    for (const item of state.unread) {
      const restored = item instanceof Uint8Array || 'urgent' in item ? item : this.incoming?.restore(item);
      if (restored !== undefined) receive.restore(restored);
    }
    this.restoreUrgent(state.urgent, state.unread.filter((item) => 'urgent' in item).length);
    if (state.lastOutgoing > 0) {
      send.outgoing = this.beginTransfers();
      send.outgoing.restore(state.lent, state.lastOutgoing);
    }
    send.confirmOwed = false;
    this.io.receive.SdpSetConsumed(this.io.s, counts.consumedBytes);
    send.release(MESSAGE_RESUME);
    for (const { type, body } of state.words) send.sendControl(type, body);
    send.finWanted = state.finSent;
    send.finSent = state.finSent;
    if (state.lent.length > 0 || state.unsent.length > 0) {
      this.bytesWritten = totalBytes(state.unsent);
      send.begin(state.unsent, this.bytesWritten);
    }
    return 0;
  }

  /** Whether a write is under way. */
  get writing(): boolean {
    return this.send.pending !== null;
  }

  // ---------------------------------------------------------------- messages

  /** False: it has no place here. */
  protected onSuspensionMessage(type: number): boolean {
    if (!this.negotiated) return false;
    if (type === MESSAGE_SUSPEND) return this.onSuspend();
    return type === MESSAGE_SUSPENDED ? this.onSuspendedMessage() : this.onResume();
  }

  private onSuspend(): boolean {
    const { stage } = this;
    if (stage === 'silent') return false;
    if (stage === 'held') return true;
    if (stage === 'asking') {
      if (this.initiator) {
        this.ignored = true;
        return true;
      }
      this.send.unhold();
    }
    this.stale = 0; // the peer has ignored what it had not answered before
    this.stage = 'held';
    this.startTimer(this.io.heldMsMax ?? HELD_MS_MAX);
    this.fetchNothing(true);
    this.send.hold(MESSAGE_SUSPENDED);
    return true;
  }

  private onSuspendedMessage(): boolean {
    if (this.stale > 0) {
      this.stale--;
      return true;
    }
    if (this.stage !== 'asking') return false;
    this.stage = 'silent';
    this.onSilence();
    setImmediate(tellSilent, this);
    return true;
  }

  private onResume(): boolean {
    if (this.stage !== 'held') return this.ignored;
    this.flow();
    this.send.release(0);
    this.pumpDue = true;
    this.io.onResumed?.(this);
    if (this.owner !== null) this.ask();
    return true;
  }

  /** No message is under way: transfers that are not finished let go of each other's memory (DUP-13, DUP-14). */
  onSilence(): void {
    this.send.silent = true;
    this.incoming?.rest();
    this.send.outgoing?.rest();
  }

  private fetchNothing(held: boolean): void {
    if (this.incoming !== null) this.incoming.held = held;
  }

  override onFetched(): void {
    super.onFetched();
    if (this.send.held) this.send.pump();
  }

  tellSilent(): void {
    if (this.stage !== 'silent' || this.over) return;
    // What we said last may still be the provider's to place (DUP-12).
    if (this.send.busy) setImmediate(tellSilent, this);
    else {
      this.stopTimer();
      this.pumpInRun(false); // a write that has ended meanwhile is not handed over
      this.owner?.onSilent();
    }
  }

  // ---------------------------------------------------------------- time, and loss

  private flow(): void {
    this.stage = 'flowing';
    this.stopTimer();
    this.fetchNothing(false);
    if (this.reading && !this.gone && this.hasDue()) this.schedule();
  }

  private startTimer(ms: number): void {
    this.stopTimer();
    // Where this process was busy, or stopped, for so long, the other's word may be here by now: the loop looks first.
    const timer = setTimeout(setImmediate, ms, () => {
      if (this.timer === timer) this.timeIsUp();
    });
    timer.unref();
    this.timer = timer;
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private timeIsUp(): void {
    if (this.stage === 'asking' || this.stage === 'silent') this.failAsking(WSAETIMEDOUT);
    else if (this.stage === 'held') {
      // Its provider socket goes at once: who comes after all must find nobody (DUP-36).
      this.onDisconnect(WSAETIMEDOUT);
      this.closeProvider();
    }
  }

  private failAsking(error: number): void {
    const { owner } = this;
    this.resume();
    owner?.onSuspendFailed(error);
  }

  /** The connection is lost, or the session over. True: while it was suspended, so nothing can be said of what arrived. */
  protected override endSuspension(): boolean {
    const suspended = this.stage !== 'flowing';
    const { owner } = this;
    this.flow();
    this.owner = null;
    this.send.release(0);
    if (owner !== null) setImmediate(tellFailed, owner);
    return suspended;
  }

  /** Once the caller's frames are gone. */
  private pumpSoon(): void {
    setImmediate(pumpNow, this);
  }

  pumpNow(): void {
    if (!this.gone && !this.send.held) this.pumpInRun(false);
  }
}

function incomingState({ number, length, received, delivered, initial, ready }: IncomingTransfer): IncomingState {
  return { number, length, received, delivered, initial, ready };
}

function outgoingState({ number, length, confirmed, memory }: OutgoingTransfer): OutgoingState {
  return { number, length, confirmed, rest: memory.subarray(confirmed) };
}

function tellSilent(session: SuspendableSession): void {
  session.tellSilent();
}

function tellFailed(owner: SuspendOwner): void {
  owner.onSuspendFailed(WSAECONNRESET);
}

function pumpNow(session: SuspendableSession): void {
  session.pumpNow();
}
