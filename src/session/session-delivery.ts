/** What the program is told, in which order: data, the end, a reset, the end of its shutdown, each in a callback of its own. */
import { WSAESHUTDOWN } from '../spi/index.js';
import { SessionBase, writeOver } from './session-base.js';
import type { Waiting } from './receive-side.js';
import { IncomingTransfer } from './transfer/incoming.js';
import { MESSAGE_URGENT } from './wire.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

const NOTHING = new Uint8Array(0);

let late = false;

/** Whose shutdown has ended, in that order; some may have heard of it. Their number is in `untoldCount`, for the event loop. */
const untold: DeliveringSession[] = [];
let untoldCount: Int32Array = new Int32Array(1);

/**
 * Whether an event is being delivered from an immediate, in the place of one that the loop would have found in its poll
 * phase: what the program closes meanwhile is to be closed behind the immediates that it makes meanwhile.
 */
export function isDeliveringLate(): boolean {
  return late;
}

export abstract class DeliveringSession extends SessionBase {
  protected endDelivered = false;
  private errorDelivered = false;
  /** The peer has reset the connection, every byte before that is here, and no write of ours was under way. */
  protected resetComplete = false;
  /** A reset that was told as an end, see {@link endBehindLast}. */
  private resetIsEnd = false;
  private scheduled = false;
  /** The shutdown has ended (0 or a WSA code), and the program has not heard of it; -1: it has not. */
  protected shutdownResult = -1;
  /** The FIN could not be sent, and the shutdown has ended with that. */
  protected finFailed = false;

  // ---------------------------------------------------------------- the program reads

  /** Delivery may begin; never from inside this call. */
  startReading(): void {
    this.reading = true;
    if (this.hasDue()) this.schedule();
  }

  stopReading(): void {
    this.reading = false;
    if (!this.lostWrite) return;
    this.lostWrite = false;
    setImmediate(writeOver, this, this.lossCode);
  }

  /** Whether a reader hears of an error where the stream stops, and not of its end. */
  private get isReset(): boolean {
    return this.error !== 0 && this.error !== WSAESHUTDOWN && !this.resetIsEnd;
  }

  protected hasDue(): boolean {
    if (this.lostWrite) return true;
    // A transfer that is being fetched says itself when there is something.
    if (this.receive.hasQueued)
      return !(this.receive.oldest instanceof IncomingTransfer) || this.incoming?.isDue === true;
    if (this.isReset) return !this.errorDelivered;
    return this.receive.finReceived && !this.endDelivered;
  }

  protected schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(runScheduled, this);
  }

  /** One event that could not be delivered in a run: each gets a callback of its own, as from libuv. */
  deliverScheduled(): void {
    this.scheduled = false;
    if (this.tellShutdown()) {
      this.schedule();
      return;
    }
    if (this.user === null || !this.reading) return;
    const { oldest } = this.receive;
    if (oldest !== null) {
      const reset = this.isReset && this.resetComplete;
      this.deliverOldest(oldest);
      if (reset) this.endBehindLast();
    } else if (this.lostWrite) {
      this.lostWrite = false;
      this.user.onWritten(this.lossCode);
    } else if (this.isReset) this.deliverError();
    else if (this.receive.finReceived) this.deliverEnd();
    if (this.wantsMore()) this.schedule();
  }

  private deliverOldest(oldest: Waiting): void {
    if (oldest instanceof IncomingTransfer) {
      this.deliverFetched();
      return;
    }
    this.receive.shift();
    if (oldest.urgent === true) this.deliverInline(oldest.memory);
    else this.deliver(oldest.memory, oldest.start, oldest.end);
  }

  /**
   * The peer has reset the connection while bytes waited, and the program has just had the last of them. libuv, which sees both
   * at once, tells a program that reads on of an end, in the same turn, and leaves the reset to who writes. Where bytes are lost
   * that the kernel would have kept, it stays a reset.
   */
  private endBehindLast(): void {
    if (this.user === null || !this.reading || this.receive.hasQueued) return;
    this.resetIsEnd = true;
    this.deliverEnd(true);
  }

  /** Whether the program still reads, and something waits for it. */
  protected wantsMore(): boolean {
    return this.user !== null && this.reading && this.hasDue();
  }

  protected deliver(memory: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const counts = this.counts;
    counts.consumedBytes = (counts.consumedBytes + length) | 0;
    this.bytesRead += length;
    if (!this.gone) {
      this.io.receive.SdpSetConsumed(this.io.s, counts.consumedBytes);
      this.report();
    }
    this.user?.onData(memory.buffer as ArrayBuffer, memory.byteOffset + start, length);
  }

  /** A block of urgent data in its place among the others. */
  private deliverInline(memory: Uint8Array): void {
    this.urgentTaken();
    this.bytesRead += memory.length;
    this.user?.onData(memory.buffer as ArrayBuffer, memory.byteOffset, memory.length);
  }

  /** The program gets a block of urgent data: its sender may send another. */
  protected urgentTaken(): void {
    if (!this.gone) this.send.sendControl(MESSAGE_URGENT, NOTHING);
  }

  /** The next part of the oldest transfer, if it is here already; else it is being fetched from now on (GAP-6). */
  private deliverFetched(): void {
    const fetched = this.incoming?.next() ?? null;
    if (fetched === null) return;
    if (this.incoming?.account(fetched) === true) this.receive.shift();
    const { memory, counted } = fetched;
    const counts = this.counts;
    if (counted > 0) counts.consumedBytes = (counts.consumedBytes + counted) | 0;
    this.bytesRead += memory.length;
    if (!this.gone && counted > 0) {
      this.io.receive.SdpSetConsumed(this.io.s, counts.consumedBytes);
      this.report();
    }
    this.user?.onData(memory.buffer as ArrayBuffer, memory.byteOffset, memory.length);
  }

  /** The oldest transfer has got further; called from inside the provider, as an event of its own. */
  onFetched(): void {
    if (this.user !== null && this.reading && !this.scheduled) this.deliverScheduled();
  }

  /** A FIN has come: the program hears of it where it stands among what comes for other connections, if nothing is before. */
  protected endInRun(spent: boolean): void {
    if (spent || this.scheduled || this.lostWrite || this.receive.hasQueued || this.error !== 0) this.schedule();
    else this.deliverEnd();
  }

  /** The same for a reset. False: something is before it, or nobody reads. */
  protected resetInRun(): boolean {
    if (!this.reading || this.scheduled || this.lostWrite || this.receive.hasQueued || !this.isReset) return false;
    this.deliverError();
    return true;
  }

  protected deliverEnd(byReset = false): void {
    if (this.endDelivered) return;
    this.endDelivered = true;
    this.user?.onEnd(byReset);
  }

  protected deliverError(): void {
    if (this.errorDelivered) return;
    this.errorDelivered = true;
    this.user?.onReset(this.error);
  }

  protected report(): void {
    if (!this.send.silent) this.send.report(this.receive.windowBytes, this.receive.receiveBuffers);
  }

  protected endShutdown(error: number): void {
    this.shutdownResult = error;
    untold.push(this);
    untoldCount[0] = untold.length;
    setImmediate(tellShutdown, this);
  }

  get isShutdownTold(): boolean {
    return this.shutdownResult < 0;
  }

  /**
   * The program hears that its FIN is out before it hears of anything that may be the answer, in a callback of its own.
   * True: it was told now.
   */
  tellShutdown(): boolean {
    const error = this.shutdownResult;
    if (error < 0) return false;
    this.shutdownResult = -1;
    this.user?.onShutdown(error);
    return true;
  }
}

function runScheduled(session: DeliveringSession): void {
  late = true;
  try {
    session.deliverScheduled();
  } finally {
    late = false;
  }
}

function tellShutdown(session: DeliveringSession): void {
  late = true;
  try {
    session.tellShutdown();
  } finally {
    late = false;
    forgetTold();
  }
}

function forgetTold(): void {
  while (untold.length > 0 && untold[0].isShutdownTold) untold.shift();
  untoldCount[0] = untold.length;
}

/** One program hears that its FIN is out; nothing, if all have. Called by the event loop, as a callback. */
export function tellFirstShutdown(): void {
  forgetTold();
  const first = untold.shift();
  untoldCount[0] = untold.length;
  first?.tellShutdown();
}

/**
 * `count` of which the first word is to say how many shutdowns have not been told: before anything that the event loop then finds is
 * served, it calls {@link tellFirstShutdown} as often. Without, they are told in immediates, and what the peer did may be
 * heard of first, on another connection.
 */
export function countShutdowns(count: Int32Array): void {
  untoldCount = count;
}
