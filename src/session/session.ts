/**
 * One connection's session: what turns a provider's messages into the byte stream that a program expects of TCP
 * (SW-3, SESS-1). The two halves are in send-side.ts and receive-side.ts. The class is built up by topic: shared state
 * (session-base.ts), what the program is told (session-delivery.ts), large transfers (session-transfer.ts), the ends
 * (session-end.ts), and here establishment, writing, and what the provider says.
 */
import { type MessageReceiver, RUN_BEFORE, RUN_CONTINUE, RUN_STOP, WSAESHUTDOWN } from '../spi/index.js';
import type { Offer } from './negotiate.js';
import { PAYLOAD_BYTES_MAX } from './send-side.js';
import { failure, writeOver } from './session-base.js';
import { SuspendableSession } from './suspension.js';
import { WRITE_DONE, WRITE_PENDING } from './types.js';
import {
  FLAG_CONFIRM,
  FLAG_EXIT,
  MESSAGE_CONFIRM,
  MESSAGE_CREDIT,
  MESSAGE_DATA,
  MESSAGE_FIN,
  MESSAGE_RESUME,
  MESSAGE_SUSPEND,
  MESSAGE_URGENT,
  readInt32,
  readUint16,
  SESSION_HEADER_BYTES,
} from './wire.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

export class Session extends SuspendableSession implements MessageReceiver {
  /** Due at the end of the run. */
  private confirmDue = false;

  /** The pending write's bytes that the provider has not taken yet, or that the peer has not read yet. */
  get pendingBytes(): number {
    const { outgoing, pendingBytes } = this.send;
    return outgoing === null ? pendingBytes : pendingBytes + outgoing.lentBytes;
  }

  /** Whether the peer has said that it sends no more. */
  get ended(): boolean {
    return this.receive.finReceived;
  }

  /** Whether our own FIN is out or wanted. */
  get shut(): boolean {
    return this.send.finWanted;
  }

  /**
   * Starts the flow with what the peer offered (SESS-4). On the connecting side the peer is owed a CONFIRM from now on;
   * `confirm()` sends it, or what goes next carries it. Returns 0 or the provider's WSA code.
   */
  establish(peer: Offer): number {
    const send = this.send;
    this.peerOffer = peer;
    send.windowBytes = peer.windowBytes;
    send.receiveBuffers = peer.receiveBuffers;
    const message = Math.min(peer.maxMessageBytes, this.local.maxMessageBytes) - SESSION_HEADER_BYTES;
    send.payloadBytesMax = Math.min(PAYLOAD_BYTES_MAX, message);
    this.establishTransfers(peer);
    this.establishUrgent(this.local.urgent === true && peer.urgent === true);
    if (this.phase === 'connecting') {
      this.phase = 'established';
      send.confirmOwed = true;
    }
    if (this.io.receive.SdpSetReceiver(this.io.s, this, failure) === 0) return 0;
    send.confirmOwed = false; // to the listener's program there is no connection
    return failure.value;
  }

  protected override establishedWith(peer: Offer): number {
    return this.establish(peer);
  }

  /** The program's connect has completed: makes sure that the peer hears of it (D12). */
  confirm(): void {
    if (!this.gone) this.send.confirm();
  }

  // ---------------------------------------------------------------- the program writes

  /** One buffer. {@link WRITE_DONE}, {@link WRITE_PENDING}, or a negative WSA code. Only when no write is pending. */
  write(bytes: Uint8Array): number {
    const refusal = this.refuseWrite(bytes.length);
    if (refusal !== 0) return refusal;
    if (bytes.length === 0 || this.send.sendNow(bytes)) return WRITE_DONE;
    return this.begin([bytes], bytes.length);
  }

  /** Several buffers, `total` bytes in all. Results as of `write()`. */
  writev(list: readonly Uint8Array[], total: number): number {
    const refusal = this.refuseWrite(total);
    if (refusal !== 0) return refusal;
    return total === 0 ? WRITE_DONE : this.begin(list, total);
  }

  /** 0 = go on; else what `write()` answers without sending. */
  protected refuseWrite(bytes: number): number {
    if (this.error !== 0) return -this.error;
    if (this.send.finWanted || this.userClosed) return -WSAESHUTDOWN;
    this.bytesWritten += bytes;
    if (!this.gone) return 0;
    // As on TCP: the first write after the peer has gone is taken, and answered by a reset.
    this.error = this.lossCode;
    this.schedule();
    return WRITE_DONE;
  }

  protected begin(list: readonly Uint8Array[], total: number): number {
    this.writeFailed = false;
    this.send.begin(list, total);
    return this.send.pending !== null || this.failedMeanwhile() ? WRITE_PENDING : WRITE_DONE;
  }

  /** Whether the provider has refused the write that was begun: its end is reported later. */
  protected failedMeanwhile(): boolean {
    return this.writeFailed;
  }

  /** The program sends no more: FIN, behind the pending write (CLOSE-1). `onShutdown` follows. */
  shutdown(): void {
    this.send.finWanted = true;
    this.finFailed = false;
    if (this.gone) this.endShutdown(this.error);
    else if (this.send.finSent)
      this.endShutdown(0); // another process has sent it; so it is on TCP
    else this.send.pump();
  }

  // ---------------------------------------------------------------- the provider's upcalls

  onMessage(memory: Uint8Array, offset: number, length: number): number {
    if (this.shutdownResult >= 0) return RUN_BEFORE;
    if (length < SESSION_HEADER_BYTES) return this.violation(`a message of ${length} bytes`);
    const type = memory[offset];
    const flags = memory[offset + 1];
    const payload = length - SESSION_HEADER_BYTES;
    const receive = this.receive;
    if (receive.hasGathered && (type !== MESSAGE_DATA || !receive.canGather(payload))) return RUN_BEFORE;
    if (readInt32(memory, offset + 4) !== payload) return this.violation('a length that is not the message’s');
    const counts = this.counts;
    counts.receivedMessages = (counts.receivedMessages + 1) & 0xffff;
    if (!counts.takeReport(readUint16(memory, offset + 2), readInt32(memory, offset + 8))) {
      return this.violation('a report of more than was sent');
    }
    const { send } = this;
    if (send.pending !== null || send.finWanted || send.owesWord || send.hasControl) this.pumpDue = true;
    if (this.phase === 'unconfirmed') {
      if ((flags & FLAG_CONFIRM) === 0 && type !== MESSAGE_CONFIRM) return this.violation('data before the CONFIRM');
      this.phase = 'established';
      this.confirmDue = true;
    } else if ((flags & FLAG_CONFIRM) !== 0 || type === MESSAGE_CONFIRM) {
      return this.violation('a second CONFIRM');
    }
    if (type === MESSAGE_DATA) return this.onData(memory, offset + SESSION_HEADER_BYTES, payload, flags);
    if (payload !== 0) {
      if (type === MESSAGE_URGENT) return this.onUrgent(memory, offset + SESSION_HEADER_BYTES, payload);
      return this.onTransferMessage(type, flags, memory, offset + SESSION_HEADER_BYTES, payload);
    }
    if (type === MESSAGE_FIN) return this.onFin();
    if (type === MESSAGE_CREDIT || type === MESSAGE_CONFIRM) return this.pumpDue ? RUN_STOP : RUN_CONTINUE;
    if (type === MESSAGE_URGENT && this.onUrgentTaken()) return RUN_STOP;
    if (type >= MESSAGE_SUSPEND && type <= MESSAGE_RESUME && this.onSuspensionMessage(type)) return RUN_STOP;
    return this.violation(`a message of type ${type}, which is unknown or out of turn`);
  }

  protected onData(memory: Uint8Array, offset: number, length: number, flags: number): number {
    const receive = this.receive;
    if (receive.finReceived || receive.cut) return this.violation('data after the end');
    if (!receive.admits(length, (flags & FLAG_EXIT) !== 0)) return this.violation('data beyond the window');
    if (length === 0) return RUN_CONTINUE;
    if (this.userClosed) {
      // As TCP does: data for a socket that is closed are answered by a reset.
      this.abort();
      return RUN_STOP;
    }
    if (this.user === null || !this.reading || receive.hasQueued) {
      receive.keep(memory, offset, length);
      return RUN_CONTINUE;
    }
    return receive.gather(memory, offset, length) ? RUN_STOP : RUN_CONTINUE;
  }

  protected onUrgent(memory: Uint8Array, at: number, length: number): number {
    const wrong = this.onUrgentMessage(memory, at, length);
    return wrong === null ? RUN_STOP : this.violation(wrong);
  }

  protected onFin(): number {
    if (this.receive.finReceived) return this.violation('a second FIN');
    this.receive.finReceived = true;
    return RUN_STOP;
  }

  onRunEnd(): void {
    if (this.tellShutdown()) return;
    let spent = false;
    if (this.confirmDue) {
      this.confirmDue = false;
      spent = true;
      this.io.onConfirmed(this);
    }
    const chunk = this.receive.takeGathered();
    if (chunk !== null) {
      spent = true;
      this.deliver(chunk.memory, chunk.start, chunk.end);
    } else if (!this.gone) {
      this.report();
    }
    if (this.pumpDue && this.pumpInRun(spent)) spent = true;
    if (this.userClosed) this.finishIfDone();
    else if (this.receive.finReceived && this.reading && !this.endDelivered) this.endInRun(spent);
  }

  /**
   * A report may have opened the window. The program hears of a finished write in a callback of its own; true: it has used
   * up this one.
   */
  protected pumpInRun(spent: boolean): boolean {
    this.pumpDue = false;
    if (this.gone) return false;
    const writing = this.send.pending !== null;
    this.send.pump();
    if (!writing || this.send.pending !== null || this.send.dropped) return false;
    if (spent) setImmediate(writeOver, this, 0);
    else this.onWriteEnd(0);
    return !spent;
  }

  // ---------------------------------------------------------------- the sending half's events

  onWriteEnd(error: number): void {
    if (!this.exiting) this.user?.onWritten(error);
  }

  onFinSent(): void {
    if (this.userClosed) this.finishIfDone();
    else if (!this.exiting) this.endShutdown(0);
  }

  onSendFailed(error: number): void {
    // The provider has lost the connection and says so by onDisconnect, after what can still be read. But whatever waits
    // for something to be sent is not to depend on that.
    if (this.phase === 'closed' || this.gone) return;
    const writing = this.send.pending !== null;
    this.failWrite(error);
    if (this.userClosed) this.abort();
    else if (this.send.finWanted && !this.send.finSent && !this.finFailed && !writing) {
      this.finFailed = true;
      this.endShutdown(error);
    }
  }
}
