/**
 * The sending half of a session: cuts writes into messages, spends credits, sends reports and the FIN.
 *
 * Credits cannot deadlock (GAP-3). With G receive buffers at the peer, DATA may use G-3 of them; the last-but-one pair
 * is the control reserve: FIN may use one more, a CREDIT the very last. If both sides had spent everything, the last
 * message of one of them was a CREDIT, which reported all that it had received, so the other had credits again; and a
 * message sent thereafter by the other reports in turn. A peer drains its receive queue whether its program reads or
 * not (SESS-14), so a message that was sent is always taken off the wire.
 */
import {
  type OwnedReceive,
  type SOCKET,
  SOCKET_ERROR,
  WSA_IO_PENDING,
  type WSABUF,
  WSAEWOULDBLOCK,
  type WSPPROC_TABLE,
} from '../spi/index.js';
import type { Counts } from './counts.js';
import { SendOperation, type SendOwner } from './send-operation.js';
import {
  encodeHeader,
  EXIT_BYTES_MAX,
  FLAG_CONFIRM,
  FLAG_EXIT,
  MESSAGE_CONFIRM,
  MESSAGE_CREDIT,
  MESSAGE_DATA,
  MESSAGE_FIN,
  SESSION_HEADER_BYTES,
} from './wire.js';

/** Most buffers that one message gathers: small writes behind a closed window become one message. */
const GATHER_BUFFERS_MAX = 256;
/** Largest payload of one message, in bytes; the peer's and the provider's limits may make it smaller. */
export const PAYLOAD_BYTES_MAX = 64 * 1024;

// Scratch for the fast path: one message at a time is built, in one thread, and the provider copies before it returns.
const header: WSABUF = { len: SESSION_HEADER_BYTES, buf: new Uint8Array(SESSION_HEADER_BYTES) };
const payload: WSABUF = { len: 0, buf: header.buf };
const headerOnly = [header];
const headerAndPayload = [header, payload];
const bytesSent = { value: 0 };
const failure = { value: 0 };

/** What the sending half tells its session. */
export interface SendEvents {
  /** The pending write has ended (0 or a WSA code). */
  onWriteEnd(error: number): void;
  /** The FIN is out. */
  onFinSent(): void;
  /** The provider failed a send for good. */
  onSendFailed(error: number): void;
}

export class SendSide implements SendOwner {
  /** The peer's byte credit and its number of receive buffers (SESS-2, SESS-4). */
  windowBytes = 0;
  receiveBuffers = 0;
  payloadBytesMax = PAYLOAD_BYTES_MAX;
  /** A CONFIRM is owed; the next message carries it (D12). */
  confirmOwed = false;
  finWanted = false;
  finSent = false;
  /** The pending write: its buffers, how far it is, and bytes left. */
  pending: readonly Uint8Array[] | null = null;
  pendingBytes = 0;
  /** Nothing goes, for one end of the connection goes to another process (DUP-11, DUP-16). */
  held = false;
  /** What is to be said of it and could not go yet: a message type, or 0. */
  #word = 0;
  #index = 0;
  #offset = 0;
  /** The process exits: windows do not hold, up to {@link EXIT_BYTES_MAX}. */
  #exiting = false;
  #exitBytes = 0;
  #data: SendOperation | null = null;
  #credit: SendOperation | null = null;

  constructor(
    readonly s: SOCKET,
    readonly proc: WSPPROC_TABLE,
    readonly receive: OwnedReceive,
    readonly counts: Counts,
    readonly events: SendEvents,
  ) {}

  /** Sends one buffer at once if credits and the provider allow; the whole of the fast path. */
  sendNow(bytes: Uint8Array): boolean {
    const length = bytes.length;
    const counts = this.counts;
    if (
      this.held ||
      length > this.payloadBytesMax ||
      counts.bytesUnderWay + length > this.windowBytes ||
      counts.messagesUnderWay >= this.receiveBuffers - 3 ||
      this.#data?.busy
    ) {
      return false;
    }
    payload.buf = bytes;
    payload.len = length;
    this.#stamp(header.buf, MESSAGE_DATA, 0, length);
    const result = this.proc.lpWSPSend(this.s, headerAndPayload, 2, bytesSent, 0, null, null, null, failure);
    payload.buf = header.buf;
    if (result !== 0) return this.#refused(failure.value);
    this.#sent(length);
    return true;
  }

  /** Takes a write that could not go at once; `onWriteEnd` follows unless `pending` is null when this returns. */
  begin(list: readonly Uint8Array[], bytes: number): void {
    this.pending = list;
    this.pendingBytes = bytes;
    this.#index = 0;
    this.#offset = 0;
    this.pump();
  }

  /** Drops the pending write; what the provider holds of it is copied first, so the program may reuse its buffers. */
  drop(): void {
    this.pending = null;
    this.pendingBytes = 0;
    if (this.#data?.busy) this.#data.detach();
  }

  /** The process exits (D7). The provider has placed what it had taken over, whether it has said so or not. */
  beginExit(): void {
    this.#exiting = true;
    const data = this.#data;
    if (data?.busy) {
      data.busy = false;
      if (data.header[0] === MESSAGE_FIN) this.finSent = true;
    }
    if (this.#credit !== null) this.#credit.busy = false;
  }

  /** Sends as much as credits and the provider allow; then the FIN if it is wanted. */
  pump(): void {
    if (this.#word !== 0) this.#say();
    if (this.held) {
      if (this.pendingBytes === 0 && !this.#data?.busy) this.pending = null;
      return;
    }
    while (this.pending !== null) {
      if (this.#data?.busy) return;
      if (this.pendingBytes > 0 && !this.#sendSlice(this.pending)) return;
      if (this.pendingBytes === 0 && !this.#data?.busy) this.pending = null;
    }
    if (this.finWanted && !this.finSent && !this.#data?.busy) this.#sendFin();
  }

  /** Nothing more goes once what the provider holds is out, but `word`, after all of it (DUP-12, DUP-13). */
  hold(word: number): void {
    this.held = true;
    this.#word = word;
    this.#say();
  }

  /** Things go on, and the peer is told by `word`, or has told us (0). {@link pump} comes next. */
  release(word: number): void {
    this.held = false;
    this.#word = word;
    if (word !== 0) this.#say();
  }

  /** Takes a word back that has not gone; true: it had not. */
  unhold(): boolean {
    const kept = this.#word !== 0;
    this.held = false;
    this.#word = 0;
    return kept;
  }

  /** Whether a word waits for credit, or for the provider. */
  get owesWord(): boolean {
    return this.#word !== 0;
  }

  #say(): void {
    if (this.#data?.busy || this.#credit?.busy || this.counts.messagesUnderWay >= this.receiveBuffers) return;
    const word = this.#word;
    this.#word = 0;
    this.#control(word);
  }

  /** What of the pending write the provider has not been given; it is the caller's from now on. */
  takePending(): readonly Uint8Array[] {
    const list = (this.pending ?? []).slice(this.#index);
    if (list.length > 0) list[0] = list[0].subarray(this.#offset);
    this.pending = null;
    this.pendingBytes = 0;
    return list;
  }

  /** Sends the CONFIRM by itself, if no message has carried it yet. */
  confirm(): void {
    if (this.confirmOwed && !this.#data?.busy) this.#control(MESSAGE_CONFIRM);
  }

  /** Tells the peer both counts when half a window or half the buffers are owed (GAP-3). */
  report(localWindowBytes: number, localReceiveBuffers: number): void {
    const counts = this.counts;
    const owedBytes = (counts.consumedBytes - counts.reportedBytes) | 0;
    const owedMessages = (counts.receivedMessages - counts.reportedMessages) & 0xffff;
    if (owedBytes * 2 < localWindowBytes && owedMessages * 2 < localReceiveBuffers) return;
    if (this.#credit?.busy || counts.messagesUnderWay >= this.receiveBuffers) return;
    this.#control(MESSAGE_CREDIT);
  }

  onSendComplete(operation: SendOperation, error: number): void {
    if (error !== 0) {
      this.#refused(error);
      return;
    }
    if (operation === this.#credit) {
      if (this.#word !== 0) this.pump();
      return;
    }
    if (operation.header[0] === MESSAGE_FIN) {
      this.finSent = true;
      if (this.#word !== 0) this.pump();
      this.events.onFinSent();
      return;
    }
    const writing = this.pending !== null;
    this.pump();
    if (writing && this.pending === null) this.events.onWriteEnd(0);
  }

  /** One message out of the pending write; false if nothing could be sent now. */
  #sendSlice(list: readonly Uint8Array[]): boolean {
    const counts = this.counts;
    let room = this.#exiting ? EXIT_BYTES_MAX - this.#exitBytes : this.windowBytes - counts.bytesUnderWay;
    if (room <= 0) return false;
    if (!this.#exiting && counts.messagesUnderWay >= this.receiveBuffers - 3) return false;
    if (room > this.payloadBytesMax) room = this.payloadBytesMax;
    const buffers: WSABUF[] = [header];
    let index = this.#index;
    let offset = this.#offset;
    let length = 0;
    while (length < room && index < list.length && buffers.length <= GATHER_BUFFERS_MAX) {
      const bytes = list[index];
      const take = Math.min(bytes.length - offset, room - length);
      if (take > 0) buffers.push({ len: take, buf: offset === 0 ? bytes : bytes.subarray(offset) });
      length += take;
      offset += take;
      if (offset === bytes.length) {
        index++;
        offset = 0;
      }
    }
    this.#stamp(header.buf, MESSAGE_DATA, this.#exiting ? FLAG_EXIT : 0, length);
    const result = this.proc.lpWSPSend(this.s, buffers, buffers.length, bytesSent, 0, null, null, null, failure);
    if (result !== 0) {
      if (failure.value !== WSAEWOULDBLOCK) return this.#refused(failure.value);
      this.#data ??= new SendOperation(this);
      if (!this.#post(this.#data, buffers)) return false;
    }
    if (this.#exiting) this.#exitBytes += length;
    this.#sent(length);
    this.#index = index;
    this.#offset = offset;
    this.pendingBytes -= length;
    return true;
  }

  #sendFin(): void {
    if (!this.#exiting && this.counts.messagesUnderWay >= this.receiveBuffers - 1) return;
    this.#stamp(header.buf, MESSAGE_FIN, 0, 0);
    const result = this.proc.lpWSPSend(this.s, headerOnly, 1, bytesSent, 0, null, null, null, failure);
    if (result === 0) {
      this.#sent(0);
      this.finSent = true;
      this.events.onFinSent();
      return;
    }
    if (failure.value !== WSAEWOULDBLOCK) {
      this.#refused(failure.value);
      return;
    }
    this.#data ??= new SendOperation(this);
    if (this.#post(this.#data, headerOnly)) this.#sent(0);
  }

  /** A CREDIT or a bare CONFIRM. */
  #control(type: number): void {
    this.#stamp(header.buf, type, 0, 0);
    const result = this.proc.lpWSPSend(this.s, headerOnly, 1, bytesSent, 0, null, null, null, failure);
    if (result !== 0) {
      if (failure.value !== WSAEWOULDBLOCK) {
        this.#refused(failure.value);
        return;
      }
      this.#credit ??= new SendOperation(this);
      if (this.#credit.busy || !this.#post(this.#credit, headerOnly)) return;
    }
    this.#sent(0);
  }

  /** Hands the message in the scratch header to the provider as an overlapped operation (XFER-21). */
  #post(operation: SendOperation, buffers: readonly WSABUF[]): boolean {
    operation.header.set(header.buf);
    operation.buffers = [{ len: SESSION_HEADER_BYTES, buf: operation.header }, ...buffers.slice(1)];
    operation.busy = true;
    const count = operation.buffers.length;
    const result = this.proc.lpWSPSend(this.s, operation.buffers, count, bytesSent, 0, operation, null, null, failure);
    if (result === SOCKET_ERROR && failure.value === WSA_IO_PENDING) return true;
    operation.busy = false;
    return result === 0 || this.#refused(failure.value);
  }

  #stamp(into: Uint8Array, type: number, flags: number, length: number): void {
    const counts = this.counts;
    const all = this.confirmOwed && type !== MESSAGE_CONFIRM ? flags | FLAG_CONFIRM : flags;
    encodeHeader(into, type, all, counts.receivedMessages, length, counts.consumedBytes);
  }

  /** The message in the scratch header is on its way. */
  #sent(length: number): void {
    const counts = this.counts;
    counts.sentBytes = (counts.sentBytes + length) | 0;
    counts.sentMessages = (counts.sentMessages + 1) & 0xffff;
    counts.reportedBytes = counts.consumedBytes;
    counts.reportedMessages = counts.receivedMessages;
    this.confirmOwed = false;
  }

  #refused(error: number): false {
    if (error !== WSAEWOULDBLOCK) this.events.onSendFailed(error);
    return false;
  }
}
