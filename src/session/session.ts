/**
 * One connection's session: what turns a provider's messages into the byte stream that a program expects of TCP
 * (SW-3, SESS-1). The two halves are in send-side.ts and receive-side.ts; this file holds the life of the connection:
 * establishment, delivery, shutdown, close, reset, loss of the peer, exit of the process.
 */
import {
  type MessageReceiver,
  RUN_BEFORE,
  RUN_CONTINUE,
  RUN_STOP,
  RUN_VIOLATION,
  WSAECONNRESET,
  WSAESHUTDOWN,
} from '../spi/index.js';
import { Counts } from './counts.js';
import type { Offer } from './negotiate.js';
import { ReceiveSide } from './receive-side.js';
import { PAYLOAD_BYTES_MAX, type SendEvents, SendSide } from './send-side.js';
import { type SessionIo, type SessionUser, WRITE_DONE, WRITE_PENDING } from './types.js';
import {
  FLAG_CONFIRM,
  FLAG_EXIT,
  MESSAGE_CONFIRM,
  MESSAGE_CREDIT,
  MESSAGE_DATA,
  MESSAGE_FIN,
  readInt32,
  readUint16,
  SESSION_HEADER_BYTES,
} from './wire.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

/** Where a session is in its life. */
type SessionPhase = 'connecting' | 'unconfirmed' | 'established' | 'closed';

const failure = { value: 0 };

export class Session implements MessageReceiver, SendEvents {
  /** The program's socket; null before it is there and after it is closed. */
  user: SessionUser | null = null;
  phase: SessionPhase;
  /** Payload bytes delivered to, and taken from, the program. */
  bytesRead = 0;
  bytesWritten = 0;
  readonly #counts = new Counts();
  readonly #send: SendSide;
  readonly #receive: ReceiveSide;
  #reading = false;
  /** The program has closed its socket; what is left is ours to finish. */
  #userClosed = false;
  /** The provider has no connection any more. */
  #gone = false;
  /** Why the connection was lost; 0 if it was not. */
  #error = 0;
  #endDelivered = false;
  #errorDelivered = false;
  /** Due at the end of the run. */
  #confirmDue = false;
  #pumpDue = false;
  /** The provider failed the pending write; its end is on its way to the program. */
  #writeFailed = false;
  /** The connection took a pending write with it; a reading program hears of that after what came, for it may then stop. */
  #lostWrite = false;
  #scheduled = false;
  #exiting = false;
  /** The shutdown has ended (0 or a WSA code), and the program has not heard of it; -1: it has not. */
  #shutdownResult = -1;

  /** `phase`: 'connecting' for the side that offered, 'unconfirmed' for the side that was offered to. */
  constructor(
    readonly io: SessionIo,
    readonly local: Offer,
    phase: 'connecting' | 'unconfirmed',
  ) {
    this.phase = phase;
    this.#send = new SendSide(io.s, io.proc, io.receive, this.#counts, this);
    this.#receive = new ReceiveSide(this.#counts);
    this.#receive.windowBytes = local.windowBytes;
    this.#receive.receiveBuffers = local.receiveBuffers;
  }

  /** The pending write's bytes that the provider has not taken yet. */
  get pendingBytes(): number {
    return this.#send.pendingBytes;
  }

  /** Whether the peer has said that it sends no more. */
  get ended(): boolean {
    return this.#receive.finReceived;
  }

  /** Whether our own FIN is out or wanted. */
  get shut(): boolean {
    return this.#send.finWanted;
  }

  /**
   * Starts the flow with what the peer offered (SESS-4). On the connecting side the peer is owed a CONFIRM from now on;
   * the first write carries it, or `confirm()`. Returns 0 or the provider's WSA code.
   */
  establish(peer: Offer): number {
    const send = this.#send;
    send.windowBytes = peer.windowBytes;
    send.receiveBuffers = peer.receiveBuffers;
    const message = Math.min(peer.maxMessageBytes, this.local.maxMessageBytes) - SESSION_HEADER_BYTES;
    send.payloadBytesMax = Math.min(PAYLOAD_BYTES_MAX, message);
    if (this.phase === 'connecting') {
      this.phase = 'established';
      send.confirmOwed = true;
    }
    return this.io.receive.SdpSetReceiver(this.io.s, this, failure) === 0 ? 0 : failure.value;
  }

  /** The program's connect has completed: makes sure that the peer hears of it (D12). */
  confirm(): void {
    if (!this.#gone) this.#send.confirm();
  }

  // ---------------------------------------------------------------- the program writes

  /** One buffer. {@link WRITE_DONE}, {@link WRITE_PENDING}, or a negative WSA code. Only when no write is pending. */
  write(bytes: Uint8Array): number {
    const refusal = this.#refuseWrite(bytes.length);
    if (refusal !== 0) return refusal;
    if (bytes.length === 0 || this.#send.sendNow(bytes)) return WRITE_DONE;
    return this.#begin([bytes], bytes.length);
  }

  /** Several buffers, `total` bytes in all. Results as of `write()`. */
  writev(list: readonly Uint8Array[], total: number): number {
    const refusal = this.#refuseWrite(total);
    if (refusal !== 0) return refusal;
    return total === 0 ? WRITE_DONE : this.#begin(list, total);
  }

  /** 0 = go on; else what `write()` answers without sending. */
  #refuseWrite(bytes: number): number {
    if (this.#error !== 0) return -this.#error;
    if (this.#send.finWanted || this.#userClosed) return -WSAESHUTDOWN;
    this.bytesWritten += bytes;
    if (!this.#gone) return 0;
    // As on TCP: the first write after the peer has gone is taken, and answered by a reset.
    this.#error = WSAECONNRESET;
    this.#schedule();
    return WRITE_DONE;
  }

  #begin(list: readonly Uint8Array[], total: number): number {
    this.#writeFailed = false;
    this.#send.begin(list, total);
    return this.#send.pending !== null || this.#failedMeanwhile() ? WRITE_PENDING : WRITE_DONE;
  }

  /** Whether the provider has refused the write that was begun: its end is reported later. */
  #failedMeanwhile(): boolean {
    return this.#writeFailed;
  }

  /** The program sends no more: FIN, behind the pending write (CLOSE-1). `onShutdown` follows. */
  shutdown(): void {
    this.#send.finWanted = true;
    if (this.#gone) this.#endShutdown(this.#error);
    else this.#send.pump();
  }

  #endShutdown(error: number): void {
    this.#shutdownResult = error;
    setImmediate(tellShutdown, this);
  }

  /**
   * The program hears that its FIN is out before it hears of anything that may be the answer, in a callback of its own.
   * True: it was told now.
   */
  tellShutdown(): boolean {
    const error = this.#shutdownResult;
    if (error < 0) return false;
    this.#shutdownResult = -1;
    this.user?.onShutdown(error);
    return true;
  }

  // ---------------------------------------------------------------- the program reads

  /** Delivery may begin; never from inside this call. */
  startReading(): void {
    this.#reading = true;
    if (this.#hasDue()) this.#schedule();
  }

  stopReading(): void {
    this.#reading = false;
    if (!this.#lostWrite) return;
    this.#lostWrite = false;
    setImmediate(writeOver, this, WSAECONNRESET);
  }

  #hasDue(): boolean {
    if (this.#receive.hasQueued || this.#lostWrite) return true;
    if (this.#error !== 0) return !this.#errorDelivered;
    return this.#receive.finReceived && !this.#endDelivered;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(runScheduled, this);
  }

  /** One event that could not be delivered in a run: each gets a callback of its own, as from libuv. */
  deliverScheduled(): void {
    this.#scheduled = false;
    if (this.tellShutdown()) {
      this.#schedule();
      return;
    }
    if (this.user === null || !this.#reading) return;
    const chunk = this.#receive.takeQueued();
    if (chunk !== null) this.#deliver(chunk.memory, chunk.start, chunk.end);
    else if (this.#lostWrite) {
      this.#lostWrite = false;
      this.user.onWritten(WSAECONNRESET);
    } else if (this.#error !== 0) this.#deliverError();
    else if (this.#receive.finReceived) this.#deliverEnd();
    if (this.#wantsMore()) this.#schedule();
  }

  /** Whether the program still reads, and something waits for it. */
  #wantsMore(): boolean {
    return this.user !== null && this.#reading && this.#hasDue();
  }

  #deliver(memory: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const counts = this.#counts;
    counts.consumedBytes = (counts.consumedBytes + length) | 0;
    this.bytesRead += length;
    if (!this.#gone) {
      this.io.receive.SdpSetConsumed(this.io.s, counts.consumedBytes);
      this.#report();
    }
    this.user?.onData(memory.buffer as ArrayBuffer, memory.byteOffset + start, length);
  }

  #deliverEnd(): void {
    if (this.#endDelivered) return;
    this.#endDelivered = true;
    this.user?.onEnd();
  }

  #deliverError(): void {
    if (this.#errorDelivered) return;
    this.#errorDelivered = true;
    this.user?.onReset(this.#error);
  }

  #report(): void {
    this.#send.report(this.#receive.windowBytes, this.#receive.receiveBuffers);
  }

  // ---------------------------------------------------------------- the provider's upcalls

  onMessage(memory: Uint8Array, offset: number, length: number): number {
    if (this.#shutdownResult >= 0) return RUN_BEFORE;
    if (length < SESSION_HEADER_BYTES) return this.#violation(`a message of ${length} bytes`);
    const type = memory[offset];
    const flags = memory[offset + 1];
    const payload = length - SESSION_HEADER_BYTES;
    const receive = this.#receive;
    if (receive.hasGathered && (type !== MESSAGE_DATA || !receive.canGather(payload))) return RUN_BEFORE;
    if (readInt32(memory, offset + 4) !== payload) return this.#violation('a length that is not the message’s');
    const counts = this.#counts;
    counts.receivedMessages = (counts.receivedMessages + 1) & 0xffff;
    if (!counts.takeReport(readUint16(memory, offset + 2), readInt32(memory, offset + 8))) {
      return this.#violation('a report of more than was sent');
    }
    if (this.#send.pending !== null || this.#send.finWanted) this.#pumpDue = true;
    if (this.phase === 'unconfirmed') {
      if ((flags & FLAG_CONFIRM) === 0 && type !== MESSAGE_CONFIRM) return this.#violation('data before the CONFIRM');
      this.phase = 'established';
      this.#confirmDue = true;
    } else if ((flags & FLAG_CONFIRM) !== 0 || type === MESSAGE_CONFIRM) {
      return this.#violation('a second CONFIRM');
    }
    if (type === MESSAGE_DATA) return this.#onData(memory, offset + SESSION_HEADER_BYTES, payload, flags);
    if (payload !== 0) return this.#violation(`a message of type ${type} with a payload`);
    if (type === MESSAGE_FIN) return this.#onFin();
    if (type === MESSAGE_CREDIT || type === MESSAGE_CONFIRM) return this.#pumpDue ? RUN_STOP : RUN_CONTINUE;
    return this.#violation(`a message of unknown type ${type}`);
  }

  #onData(memory: Uint8Array, offset: number, length: number, flags: number): number {
    const receive = this.#receive;
    if (receive.finReceived) return this.#violation('data after the FIN');
    if (!receive.admits(length, (flags & FLAG_EXIT) !== 0)) return this.#violation('data beyond the window');
    if (length === 0) return RUN_CONTINUE;
    if (this.#userClosed) {
      // As TCP does: data for a socket that is closed are answered by a reset.
      this.#abort();
      return RUN_STOP;
    }
    if (this.user === null || !this.#reading || receive.hasQueued) {
      receive.keep(memory, offset, length);
      return RUN_CONTINUE;
    }
    return receive.gather(memory, offset, length) ? RUN_STOP : RUN_CONTINUE;
  }

  #onFin(): number {
    if (this.#receive.finReceived) return this.#violation('a second FIN');
    this.#receive.finReceived = true;
    return RUN_STOP;
  }

  onRunEnd(): void {
    if (this.tellShutdown()) return;
    let spent = false;
    if (this.#confirmDue) {
      this.#confirmDue = false;
      spent = true;
      this.io.onConfirmed(this);
    }
    const chunk = this.#receive.takeGathered();
    if (chunk !== null) {
      spent = true;
      this.#deliver(chunk.memory, chunk.start, chunk.end);
    } else if (!this.#gone) {
      this.#report();
    }
    if (this.#pumpDue) this.#pumpInRun(spent);
    if (this.#userClosed) this.#finishIfDone();
    else if (this.#receive.finReceived && this.#reading && !this.#endDelivered) this.#schedule();
  }

  /** A report may have opened the window. The program hears of a finished write in a callback of its own. */
  #pumpInRun(spent: boolean): void {
    this.#pumpDue = false;
    if (this.#gone) return;
    const writing = this.#send.pending !== null;
    this.#send.pump();
    if (!writing || this.#send.pending !== null) return;
    if (spent) setImmediate(writeOver, this, 0);
    else this.onWriteEnd(0);
  }

  onDisconnect(error: number): void {
    if (this.phase === 'closed') return;
    this.#gone = true;
    if (this.phase !== 'established' || this.#userClosed) {
      this.#finish();
      return;
    }
    const consumed = this.io.receive.SdpPeerConsumed(this.io.s);
    const unsent = this.#send.pending !== null;
    const allRead = ((consumed - this.#counts.sentBytes) | 0) === 0 && !unsent;
    const orderly = this.#receive.finReceived && this.#send.finSent;
    // A peer that died with everything read is what TCP shows as its FIN; with anything unread, as a reset. A provider
    // that closed (error 0) before both FINs was told to abort.
    if (!orderly && (!allRead || (error === 0 && !this.#receive.finReceived))) this.#error = WSAECONNRESET;
    this.#receive.finReceived = true;
    const shutting = this.#send.finWanted && !this.#send.finSent;
    this.#send.drop();
    if (unsent && this.#reading && this.#receive.hasQueued) this.#lostWrite = true;
    else if (unsent) setImmediate(writeOver, this, WSAECONNRESET);
    if (shutting) this.#endShutdown(this.#error);
    if (this.#reading && this.#hasDue()) this.#schedule();
  }

  // ---------------------------------------------------------------- the sending half's events

  onWriteEnd(error: number): void {
    if (!this.#exiting) this.user?.onWritten(error);
  }

  onFinSent(): void {
    if (this.#userClosed) this.#finishIfDone();
    else if (!this.#exiting) this.#endShutdown(0);
  }

  onSendFailed(error: number): void {
    // The provider has lost the connection and says so by onDisconnect, after what can still be read.
    if (this.phase === 'closed' || this.#gone || this.#send.pending === null) return;
    this.#writeFailed = true;
    this.#send.drop();
    setImmediate(writeOver, this, error);
  }

  // ---------------------------------------------------------------- the end

  /**
   * The program closed its socket. Unread data become a reset, as on TCP; otherwise what was sent arrives, then the FIN
   * (CLOSE-12, default linger). A pending write is dropped: its bytes were never reported as written.
   */
  close(): void {
    if (this.#userClosed || this.phase === 'closed') return;
    this.#userClosed = true;
    this.user = null;
    this.#reading = false;
    this.#send.drop();
    if (this.#gone) this.#finish();
    else if (this.#receive.hasQueued || this.#receive.hasGathered) this.#abort();
    else {
      this.#send.finWanted = true;
      this.#send.pump();
      this.#finishIfDone();
    }
  }

  /** Abortive close (linger 0): the peer gets ECONNRESET after what it can still read. */
  reset(): void {
    if (this.phase === 'closed') return;
    this.#userClosed = true;
    this.user = null;
    this.#abort();
  }

  /** Both directions are done and the program is gone: the provider's socket can go. */
  #finishIfDone(): void {
    if (this.phase !== 'closed' && this.#send.finSent && this.#receive.finReceived) this.#finish();
  }

  #abort(): void {
    this.#send.drop();
    this.#finish();
  }

  #finish(): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.#gone = true;
    this.#receive.discard();
    this.io.proc.lpWSPCloseSocket(this.io.s, failure);
    this.io.onClosed(this);
  }

  /**
   * The process exits (D7), between SdpBeginExit and SdpEndExit: what the program has written and the peer's window did
   * not admit yet goes after all, up to EXIT_BYTES_MAX, then the FIN; unread data become a reset, as on TCP. What the
   * socket keeps behind the pending write counts as well: TCP takes small writes for as long as its buffers have room.
   */
  exit(): void {
    if (this.phase !== 'established' || this.#gone) return;
    const { user } = this;
    const writing = this.#send.pending !== null;
    this.#send.beginExit();
    this.#send.pump();
    if (writing && this.#send.pending === null) {
      const unsent = user?.takeUnsent() ?? null;
      if (unsent === null) user?.onWritten(0);
      else this.#send.begin(unsent, totalBytes(unsent));
    }
    this.#exiting = true;
    this.#send.drop();
    if (this.#receive.hasQueued) {
      this.#abort();
      return;
    }
    this.#send.finWanted = true;
    this.#send.pump();
  }

  #violation(what: string): number {
    this.io.onViolation(this, what);
    return RUN_VIOLATION;
  }
}

function totalBytes(list: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const { length } of list) bytes += length;
  return bytes;
}

function runScheduled(session: Session): void {
  session.deliverScheduled();
}

function writeOver(session: Session, error: number): void {
  session.user?.onWritten(error);
}

function tellShutdown(session: Session): void {
  session.tellShutdown();
}
