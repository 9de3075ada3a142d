/** Large transfers of a session (XFER-1 … XFER-17, D7): when they are used, and the messages about them. */
import { RUN_STOP, RUN_VIOLATION, SO_SIZE_UNLIMITED, WSAENOBUFS } from '../spi/index.js';
import type { Offer } from './negotiate.js';
import { PAYLOAD_BYTES_MAX } from './send-side.js';
import { writeOver } from './session-base.js';
import { DeliveringSession } from './session-delivery.js';
import { Incoming, type IncomingHost } from './transfer/incoming.js';
import { CANCEL_MILLISECONDS } from './transfer/limits.js';
import {
  BY_MESSAGE_FOR_GOOD,
  type Head,
  HEAD_BYTES,
  RANGE_BYTES,
  readDescriptor,
  readHead,
  readLength,
} from './transfer/messages.js';
import { Outgoing, type OutgoingHost, type TransferWay } from './transfer/outgoing.js';
import {
  FLAG_EXIT,
  MESSAGE_BY_MESSAGE,
  MESSAGE_PIECE,
  MESSAGE_SOURCE,
  MESSAGE_SOURCE_CANCEL,
  MESSAGE_SOURCE_DONE,
  MESSAGE_TARGET,
  MESSAGE_TARGET_DONE,
} from './wire.js';

/** As they are at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate, setTimeout, clearTimeout } = globalThis;

export abstract class TransferringSession extends DeliveringSession implements IncomingHost, OutgoingHost {
  /** After `close()`: the buffers of cancelled writes are the program's again (BLOCK-5). Called once, and only if {@link lending}. */
  onBuffersReturned: (() => void) | null = null;
  /** The provider failed the pending write, or the peer did; its end is on its way to the program. */
  protected writeFailed = false;
  private peer: Offer | null = null;
  private patience: NodeJS.Timeout | undefined;

  protected abstract abort(): void;
  protected abstract finishIfDone(): void;

  /** How this end's large writes travel (XFER-1, GAP-4). */
  get transfer(): TransferWay {
    return this.send.outgoing?.way ?? this.negotiatedWay();
  }

  /** Whether the peer may still be reading a buffer of the program's; see {@link onBuffersReturned}. */
  get lending(): boolean {
    return this.phase !== 'closed' && this.send.outgoing?.lending === true;
  }

  /** From now on buffers above the threshold are announced, if the two offers allow it (GAP-4, XFER-2). */
  protected establishTransfers(peer: Offer): void {
    this.peer = peer;
    this.send.announceOver(this.negotiatedWay() === 'copy' ? Infinity : this.thresholdBytes(peer));
  }

  /** The size above which both sides find RDMA worth its while (XFER-1, XFER-2). */
  private thresholdBytes(peer: Offer): number {
    return Math.max(this.local.rdmaThresholdBytes, peer.rdmaThresholdBytes) || PAYLOAD_BYTES_MAX;
  }

  /** Whether either side may announce large writes. */
  private get transfersNegotiated(): boolean {
    const { local, peer } = this;
    if (peer === null || !knowsTransfers(local) || !knowsTransfers(peer)) return false;
    return this.thresholdBytes(peer) !== SO_SIZE_UNLIMITED;
  }

  private negotiatedWay(): TransferWay {
    const { local, peer } = this;
    if (peer === null || !this.transfersNegotiated) return 'copy';
    if (peer.rdmaRead) return 'pull';
    return local.rdmaWrite ? 'push' : 'copy';
  }

  private rdmaBytesMax(): number {
    return Math.min(this.local.maxRdmaBytes || Infinity, this.peer?.maxRdmaBytes || Infinity);
  }

  beginTransfers(): Outgoing {
    const { io, send, local } = this;
    return new Outgoing(io, send, this, this.rdmaBytesMax(), this.negotiatedWay(), local.rdmaWrite);
  }

  protected beginReceiving(peer: Offer): Incoming {
    const { io, send, local } = this;
    const canPull = local.rdmaRead && io.extensions.WSPRdmaRead !== null;
    const partBytesMax = Math.min(local.windowBytes, this.rdmaBytesMax());
    const incoming = new Incoming(io, send, this, partBytesMax, canPull, peer.rdmaWrite);
    incoming.held = send.held;
    return incoming;
  }

  protected violation(what: string): number {
    this.io.onViolation(this, what);
    return RUN_VIOLATION;
  }

  // ---------------------------------------------------------------- messages

  /** One message about transfers: `bytes` of body at `at`. Everything is copied out of `memory` before it is looked at. */
  protected onTransferMessage(type: number, flags: number, memory: Uint8Array, at: number, bytes: number): number {
    const { peer } = this;
    if (peer === null || !knowsTransfers(this.local) || !knowsTransfers(peer)) {
      return this.violation(`a message of type ${type} with a payload`);
    }
    const head = readHead(memory, at, bytes);
    if (head === null) return this.violation(`a message of type ${type} with a body of ${bytes} bytes`);
    if (type === MESSAGE_SOURCE) return this.onSource(peer, head, memory, at, bytes);
    const { incoming } = this;
    const { outgoing } = this.send;
    let wrong: string | null;
    if (type === MESSAGE_SOURCE_DONE) wrong = outgoing?.onDone(head.number, head.word, head.value) ?? lacking(outgoing);
    else if (type === MESSAGE_TARGET) wrong = this.onTarget(head, memory, at, bytes);
    else if (type === MESSAGE_BY_MESSAGE) wrong = this.onByMessage(head, readLength(memory, at, bytes));
    else if (type === MESSAGE_TARGET_DONE) {
      wrong = incoming?.onTargetDone(head.number, head.word, head.value) ?? lacking(incoming);
    } else if (type === MESSAGE_PIECE) wrong = this.onPiece(head, flags, memory, at, bytes);
    else if (type === MESSAGE_SOURCE_CANCEL) wrong = this.onCancel(head);
    else wrong = `a message of type ${type} with a payload`;
    if (wrong !== null) return this.violation(wrong);
    this.pumpDue = true;
    if (this.reading && this.hasDue()) this.schedule();
    return RUN_STOP;
  }

  private onSource(peer: Offer, head: Head, memory: Uint8Array, at: number, bytes: number): number {
    const { receive } = this;
    if (!this.local.rdmaRead && !peer.rdmaWrite) return this.violation('a transfer, although nobody can move it');
    if (receive.finReceived || receive.cut) return this.violation('a transfer after the end');
    const descriptor = readDescriptor(memory, at, bytes, HEAD_BYTES, head.word);
    if (descriptor === null) return this.violation('a descriptor that is longer than its message');
    const start = HEAD_BYTES + descriptor.length;
    const counted = bytes - start;
    if (!receive.admits(counted, false)) return this.violation('data beyond the window');
    if (this.userClosed) {
      this.abort(); // as any data for a socket that is closed
      return RUN_STOP;
    }
    const initial = counted === 0 ? null : copyOf(memory, at + start, counted);
    this.incoming ??= this.beginReceiving(peer);
    const transfer = this.incoming.announce(head.number, head.value, descriptor, initial);
    if (typeof transfer === 'string') return this.violation(transfer);
    receive.place(transfer, counted);
    if (this.reading) this.schedule();
    return RUN_STOP;
  }

  private onTarget(head: Head, memory: Uint8Array, at: number, bytes: number): string | null {
    const { outgoing } = this.send;
    const length = readLength(memory, at, bytes);
    const descriptor = readDescriptor(memory, at, bytes, RANGE_BYTES, head.word);
    if (outgoing === null || descriptor === null) return 'a target that makes no sense';
    return outgoing.onTarget(head.number, head.value, length, descriptor);
  }

  private onByMessage(head: Head, length: number): string | null {
    const forGood = (head.word & BY_MESSAGE_FOR_GOOD) !== 0;
    const { outgoing } = this.send;
    return outgoing === null ? lacking(outgoing) : outgoing.onByMessage(head.number, head.value, length, forGood);
  }

  private onPiece(head: Head, flags: number, memory: Uint8Array, at: number, bytes: number): string | null {
    if (this.incoming === null || this.receive.cut) return 'a piece of no transfer';
    const piece = copyOf(memory, at + HEAD_BYTES, bytes - HEAD_BYTES);
    return this.incoming.onPiece(head.number, head.value, piece, (flags & FLAG_EXIT) !== 0);
  }

  private onCancel(head: Head): string | null {
    if (this.incoming === null || this.receive.cut) return 'a cancel of no transfer';
    this.receive.cut = true;
    this.cutTransfers();
    this.incoming.cancel(head.number);
    return null;
  }

  /** The stream ends where the first transfer does that is not complete here. False: all are. */
  protected cutTransfers(): boolean {
    const transfer = this.incoming?.cut() ?? null;
    if (transfer !== null) this.receive.cutAfter(transfer);
    return transfer !== null;
  }

  // ---------------------------------------------------------------- what the two halves report

  onNoMemory(): void {
    this.error = WSAENOBUFS;
    this.receive.discard();
    this.schedule();
  }

  onPeerNoMemory(): void {
    this.failWrite(WSAENOBUFS);
  }

  /** The pending write has failed; the program hears of it in a callback of its own. */
  protected failWrite(error: number): void {
    if (this.send.pending === null) return;
    this.writeFailed = true;
    this.send.drop();
    setImmediate(writeOver, this, error);
  }

  get transfersRest(): boolean {
    return this.incoming?.rests !== false && this.send.outgoing?.rests !== false;
  }

  onPushed(): void {
    if (this.gone) return;
    this.send.pump();
    if (this.userClosed) this.finishIfDone();
  }

  // ---------------------------------------------------------------- the program closes in the middle (BLOCK-4, BLOCK-5)

  /** Cuts the stream where the peer is. Its answer gives the buffers back; if that takes too long, the close is abortive. */
  protected cancelTransfers(): void {
    const { outgoing } = this.send;
    if (outgoing?.lending !== true) return;
    outgoing.cancel();
    this.patience = setTimeout(giveUp, this.io.cancelMilliseconds ?? CANCEL_MILLISECONDS, this);
    this.patience.unref();
  }

  /** For the timer: ERR-24. */
  giveUpLending(): void {
    if (this.lending) this.abort();
  }

  onReturned(): void {
    clearTimeout(this.patience);
    const returned = this.onBuffersReturned;
    this.onBuffersReturned = null;
    returned?.();
    if (this.userClosed) this.finishIfDone();
  }
}

function giveUp(session: TransferringSession): void {
  session.giveUpLending();
}

/** Whether a side that made this offer knows the messages about transfers. */
function knowsTransfers({ rdmaRead, rdmaWrite }: Offer): boolean {
  return rdmaRead || rdmaWrite;
}

/** What is wrong with a message to a half that has no transfers. */
function lacking(half: object | null): string | null {
  return half === null ? 'word of a transfer, although there is none' : null;
}

function copyOf(memory: Uint8Array, at: number, bytes: number): Uint8Array {
  return Uint8Array.prototype.slice.call(memory, at, at + bytes);
}
