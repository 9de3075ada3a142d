/**
 * Urgent data (OOB-1 … OOB-5, GAP-14): blocks in control messages of their own, never by RDMA, ahead of ordinary data that
 * waits to be sent, first in first out among themselves. The program gets them whether it reads ordinary data or not.
 */
import { WSAECONNRESET, WSAEINVAL, WSAEMSGSIZE, WSAEOPNOTSUPP, WSAESHUTDOWN, WSAEWOULDBLOCK } from '../spi/index.js';
import { TransferringSession } from './session-transfer.js';
import type { UrgentState } from './suspension-state.js';
import { MESSAGE_URGENT } from './wire.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

/** Blocks that may be under way, or with the peer and not taken by its program; each at most one message. */
export const URGENT_BLOCKS_MAX = 16;

export abstract class UrgentSession extends TransferringSession {
  private urgentAllowed = false;
  /** Sent, and not taken by the peer's program. */
  private urgentUnderWay = 0;
  private readonly urgentWaiting: Uint8Array[] = [];
  /** Received, and not taken by our program. */
  private receivedUrgent = 0;
  private urgentWanted = false;
  private urgentInline = false;
  private urgentScheduled = false;
  /** Bytes that had come before the last block, mod 2^32; null: none has. */
  private mark: number | null = null;

  protected establishUrgent(allowed: boolean): void {
    this.urgentAllowed = allowed;
  }

  /** Sends a block at once (OOB-2). 0, or a negative WSA code. The bytes are copied. */
  sendUrgent(bytes: Uint8Array): number {
    if (this.error !== 0 || this.gone) return -(this.error || WSAECONNRESET);
    if (!this.urgentAllowed) return -WSAEOPNOTSUPP;
    if (this.send.finWanted || this.userClosed) return -WSAESHUTDOWN;
    if (bytes.length === 0) return -WSAEINVAL;
    if (bytes.length > this.send.payloadBytesMax) return -WSAEMSGSIZE;
    if (this.urgentUnderWay === URGENT_BLOCKS_MAX) return -WSAEWOULDBLOCK;
    this.urgentUnderWay++;
    this.send.sendControl(MESSAGE_URGENT, Uint8Array.prototype.slice.call(bytes));
    return 0;
  }

  /** The program wants blocks from now on: by `onUrgent`, or, `inline`, among its data, each by itself (SO_OOBINLINE). */
  startUrgent(inline: boolean): void {
    this.urgentWanted = true;
    this.urgentInline = inline;
    if (!inline && this.urgentWaiting.length > 0) this.scheduleUrgent();
    if (!inline) return;
    for (const block of this.urgentWaiting.splice(0)) this.receive.placeUrgent(block);
    if (this.reading && this.receive.hasQueued) this.schedule();
  }

  /** Whether the program has read exactly what was written before the last urgent block (SIOCATMARK). */
  get atMark(): boolean {
    return this.mark !== null && this.mark === this.counts.consumedBytes;
  }

  /** What is under way and waits, for another process (DUP-8). */
  protected takeUrgent(): UrgentState {
    const { urgentUnderWay: underWay, urgentInline: inline, mark } = this;
    return { underWay, inline, mark, waiting: this.urgentWaiting.splice(0) };
  }

  /** As {@link takeUrgent} gave it elsewhere; `placed`: so many blocks more are among the data. */
  protected restoreUrgent({ underWay, inline, mark, waiting }: UrgentState, placed: number): void {
    this.urgentUnderWay = underWay;
    this.urgentWanted = inline;
    this.urgentInline = inline;
    this.mark = mark;
    this.urgentWaiting.push(...waiting);
    this.receivedUrgent = waiting.length + placed;
  }

  /** A block of `length` bytes. A string tells what is wrong with it. */
  protected onUrgentMessage(memory: Uint8Array, at: number, length: number): string | null {
    if (!this.urgentAllowed) return 'urgent data, although they were not negotiated';
    if (this.receive.finReceived) return 'urgent data after the end';
    if (this.receivedUrgent === URGENT_BLOCKS_MAX) return `more than ${URGENT_BLOCKS_MAX} urgent blocks`;
    if (this.userClosed) return null;
    const block = Uint8Array.prototype.slice.call(memory, at, at + length);
    this.receivedUrgent++;
    this.mark = this.counts.receivedBytes;
    this.receive.seal(); // no delivery spans the mark (OOB-5)
    if (this.urgentInline) {
      this.receive.placeUrgent(block);
      if (this.reading) this.schedule();
    } else {
      this.urgentWaiting.push(block);
      if (this.urgentWanted) this.scheduleUrgent();
    }
    return null;
  }

  /** The peer's program has taken a block. */
  protected onUrgentTaken(): boolean {
    if (this.urgentUnderWay === 0) return false;
    this.urgentUnderWay--;
    return true;
  }

  protected override urgentTaken(): void {
    this.receivedUrgent--;
    super.urgentTaken();
  }

  private scheduleUrgent(): void {
    if (this.urgentScheduled) return;
    this.urgentScheduled = true;
    setImmediate(tellUrgent, this);
  }

  /** One block, in a callback of its own. */
  tellUrgentNow(): void {
    this.urgentScheduled = false;
    if (this.user === null || !this.urgentWanted) return;
    const block = this.urgentWaiting.shift();
    if (block === undefined) return;
    if (this.urgentWaiting.length > 0) this.scheduleUrgent();
    this.urgentTaken();
    this.user.onUrgent?.(block);
  }
}

function tellUrgent(session: UrgentSession): void {
  session.tellUrgentNow();
}
