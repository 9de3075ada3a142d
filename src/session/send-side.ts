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
  WSAEFAULT,
  WSAEWOULDBLOCK,
  type WSPPROC_TABLE,
} from '../spi/index.js';
import type { Counts } from './counts.js';
import type { ControlMessage, SendEvents, Word } from './send-events.js';
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
  MESSAGE_PIECE,
  MESSAGE_SOURCE,
  MESSAGE_SUSPENDED,
  SESSION_HEADER_BYTES,
} from './wire.js';
import { INITIAL_BYTES } from './transfer/limits.js';
import { HEAD_BYTES, headBody, putHead } from './transfer/messages.js';
import type { Outgoing, OutgoingTransfer } from './transfer/outgoing.js';

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

export class SendSide implements SendOwner {
  /** Large transfers; null until the first. */
  outgoing: Outgoing | null = null;
  /** The peer's byte credit and its number of receive buffers (SESS-2, SESS-4). */
  windowBytes = 0;
  receiveBuffers = 0;
  payloadBytesMax = PAYLOAD_BYTES_MAX;
  /** Most bytes that a write may have to take the short way: one message, and not a transfer (XFER-1). */
  sendNowMax = PAYLOAD_BYTES_MAX;
  /** A CONFIRM is owed; the next message carries it (D12). */
  confirmOwed = false;
  finWanted = false;
  finSent = false;
  /** The pending write: its buffers, how far it is, and bytes left. */
  pending: readonly Uint8Array[] | null = null;
  pendingBytes = 0;
  /** It was dropped before its end: how it ended is told elsewhere, and it has not ended well. */
  dropped = false;
  /** Nothing goes, for one end of the connection goes to another process (DUP-11, DUP-16, ERR-17). */
  held = false;
  /** Not even words about transfers go: our last word is said, or the peer's has come. */
  silent = false;
  /** What is to be said of it and could not go yet: a message type, or 0. */
  #word = 0;
  #index = 0;
  #offset = 0;
  /** The process exits: windows do not hold, up to {@link EXIT_BYTES_MAX}. */
  #exiting = false;
  #exitBytes = 0;
  #data: SendOperation | null = null;
  #credit: SendOperation | null = null;
  readonly #controls: ControlMessage[] = [];
  /** Buffers of more than this many bytes are announced, not sent (XFER-1). */
  #announceOver = Infinity;
  /** The buffer of the pending write at this index could not be registered, and goes in messages (XFER-15). */
  #notLent = -1;

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
      length > this.sendNowMax ||
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
    this.dropped = false;
    this.pendingBytes = bytes;
    this.#index = 0;
    this.#offset = 0;
    this.#notLent = -1;
    this.pump();
  }

  /** Buffers of more than `bytes` bytes become transfers; {@link SendEvents.beginTransfers} makes what they need. */
  announceOver(bytes: number): void {
    this.#announceOver = bytes;
    this.sendNowMax = Math.min(this.payloadBytesMax, bytes);
  }

  /** Whether a message that is not part of the stream waits. */
  get hasControl(): boolean {
    return this.#controls.length > 0;
  }

  /** Sends a message that is not part of the stream, ahead of what waits; or keeps it until it can go. */
  sendControl(type: number, body: Uint8Array): void {
    this.#controls.push({ type, body: { len: body.length, buf: body } });
    this.#pumpControls();
  }

  /** Drops the pending write; what the provider holds of it is copied first, so the program may reuse its buffers. */
  drop(): void {
    if (this.pending !== null) this.dropped = true;
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
    this.outgoing?.beginExit();
    if (this.#credit !== null) this.#credit.busy = false;
  }

  /** Sends as much as credits and the provider allow; then the FIN if it is wanted. */
  pump(): void {
    if (this.held) {
      this.#pumpHeld();
      return;
    }
    if (this.#word !== 0) this.#say();
    if (this.#word !== 0) return;
    if (this.#controls.length > 0 && !this.#pumpControls()) return;
    if (this.outgoing !== null && !this.#pumpPieces(this.outgoing)) return;
    while (this.pending !== null) {
      if (this.#data?.busy) return;
      if (this.pendingBytes > 0 && !this.#sendNext(this.pending)) return;
      if (this.pendingBytes === 0 && !this.#data?.busy) {
        // What is lent, the peer still has to read (XFER-9); a process that exits has sent it instead.
        if (!this.#exiting && this.outgoing !== null && this.outgoing.transfers.length > 0) break;
        this.pending = null;
      }
    }
    if (this.finWanted && !this.finSent && this.pending === null && !this.#data?.busy) {
      if (this.outgoing?.cancelWaits !== true) this.#sendFin();
    }
  }

  /** Words about transfers that are under way, until ours about the suspension may go. */
  #pumpHeld(): void {
    if (this.#controls.length > 0 && !this.#pumpControls()) return;
    if (this.#word !== 0) this.#say();
    const lent = this.outgoing !== null && this.outgoing.transfers.length > 0;
    if (this.pendingBytes === 0 && !this.#data?.busy && !lent) this.pending = null;
  }

  #pumpControls(): boolean {
    if (this.silent) return false;
    while (this.#controls.length > 0) {
      if (this.#data?.busy || !this.#hasMessageCredit()) return false;
      const { type, body } = this.#controls[0];
      if (!this.#sendMessage(type, 0, [header, body], body.len, 0)) return false;
      this.#controls.shift();
    }
    return true;
  }

  #hasMessageCredit(): boolean {
    return this.#exiting || this.counts.messagesUnderWay < this.receiveBuffers - 3;
  }

  /** Parts of transfers that go in messages: in their own place in the stream, so ahead of all other bytes. */
  #pumpPieces(outgoing: Outgoing): boolean {
    for (let transfer = outgoing.inPieces; transfer !== null; transfer = outgoing.inPieces) {
      if (this.#data?.busy || !this.#hasMessageCredit()) return false;
      const left = this.#exiting ? EXIT_BYTES_MAX - this.#exitBytes : Infinity;
      const { pieceAt, pieceEnd, number, memory } = transfer;
      const length = Math.min(pieceEnd - pieceAt, this.payloadBytesMax - HEAD_BYTES, left);
      if (length <= 0) {
        // What an exiting process may leave is spent: the stream ends here, and no room is left for what is behind.
        outgoing.cancel();
        return true;
      }
      if (memory.length < pieceAt + length) {
        this.events.onSendFailed(WSAEFAULT); // as in #sendNext
        return false;
      }
      const body = headBody(number, 0, pieceAt);
      const bytes = memory.subarray(pieceAt, pieceAt + length);
      const buffers = [header, { len: HEAD_BYTES, buf: body }, { len: length, buf: bytes }];
      const flags = this.#exiting ? FLAG_EXIT : 0;
      if (!this.#sendMessage(MESSAGE_PIECE, flags, buffers, HEAD_BYTES + length, 0)) return false;
      if (this.#exiting) this.#exitBytes += length;
      transfer.pieceAt += length;
    }
    return true;
  }

  /** Nothing more goes once what the provider holds is out, but `word`, after all of it (DUP-12, DUP-13). */
  hold(word: number): void {
    this.held = true;
    this.#word = word;
    if (this.#controls.length === 0 || this.#pumpControls()) this.#say();
  }

  /** Things go on, and the peer is told by `word`, or has told us (0). {@link pump} comes next. */
  release(word: number): void {
    this.held = false;
    this.silent = false;
    this.#word = word;
    if (word !== 0) this.#say();
  }

  /** Takes a word back that has not gone; true: it had not. */
  unhold(): boolean {
    const kept = this.#word !== 0;
    this.held = false;
    this.silent = false;
    this.#word = 0;
    return kept;
  }

  /** Whether the provider holds a message. */
  get busy(): boolean {
    return this.#data?.busy === true || this.#credit?.busy === true;
  }

  /** Whether a word waits for credit, or for the provider. */
  get owesWord(): boolean {
    return this.#word !== 0;
  }

  #say(): void {
    if (this.#data?.busy || this.#credit?.busy || this.counts.messagesUnderWay >= this.receiveBuffers) return;
    if (this.held && (this.#controls.length > 0 || !this.events.transfersRest)) return;
    const word = this.#word;
    this.#word = 0;
    this.#control(word);
    if (word === MESSAGE_SUSPENDED) this.events.onSilence();
  }

  /** Words about transfers that did not go; they are the caller's from now on. */
  takeControls(): Word[] {
    return this.#controls.splice(0).map(({ type, body }) => ({ type, body: body.buf }));
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
      else if (this.#controls.length > 0) this.#pumpControls();
      this.events.onFinSent();
      return;
    }
    const writing = this.pending !== null;
    this.pump();
    if (writing && this.pending === null && !this.dropped) this.events.onWriteEnd(0);
  }

  /** The next message of the pending write; false if nothing could be sent now. */
  #sendNext(list: readonly Uint8Array[]): boolean {
    const left = this.#index < list.length ? list[this.#index].length - this.#offset : -1;
    if (left < 0) {
      this.events.onSendFailed(WSAEFAULT); // memory is gone: detached, or a resizable buffer shrunk
      return false;
    }
    if (left > this.#announceOver && !this.#exiting && this.#index !== this.#notLent) {
      this.outgoing ??= this.events.beginTransfers();
      if (this.outgoing.way === 'copy') this.announceOver(Infinity);
      else return this.#announce(this.outgoing, list[this.#index]);
    }
    return this.#sendSlice(list);
  }

  /** Announces the rest of the buffer at hand (XFER-5, XFER-6); true: go on, perhaps by message. */
  #announce(outgoing: Outgoing, bytes: Uint8Array): boolean {
    if (!outgoing.hasRoom || !this.#hasMessageCredit()) return false;
    const from = this.#offset;
    const room = this.windowBytes - this.counts.bytesUnderWay;
    const left = bytes.length - from;
    const initial = Math.max(0, Math.min(INITIAL_BYTES, room, left >>> 1, this.payloadBytesMax >>> 1));
    const transfer = outgoing.lend(bytes.subarray(from + initial));
    if (transfer === null || HEAD_BYTES + transfer.descriptor.length + initial > this.payloadBytesMax) {
      if (transfer !== null) outgoing.takeBack(transfer);
      this.#notLent = this.#index;
      return true;
    }
    if (!this.#sendSource(transfer, bytes.subarray(from, from + initial))) {
      outgoing.takeBack(transfer);
      return false;
    }
    outgoing.lent(transfer);
    this.#index++;
    this.#offset = 0;
    this.pendingBytes -= left;
    return true;
  }

  #sendSource(transfer: OutgoingTransfer, initial: Uint8Array): boolean {
    const { descriptor, number, length } = transfer;
    const size = HEAD_BYTES + descriptor.length;
    const body = new Uint8Array(size);
    putHead(body, number, descriptor.length, length);
    body.set(descriptor, HEAD_BYTES);
    const buffers = [header, { len: size, buf: body }, { len: initial.length, buf: initial }];
    return this.#sendMessage(MESSAGE_SOURCE, 0, buffers, size + initial.length, initial.length);
  }

  /** One message out of the pending write; false if nothing could be sent now. */
  #sendSlice(list: readonly Uint8Array[]): boolean {
    const counts = this.counts;
    let room = this.#exiting ? EXIT_BYTES_MAX - this.#exitBytes : this.windowBytes - counts.bytesUnderWay;
    if (room <= 0 || !this.#hasMessageCredit()) return false;
    if (room > this.payloadBytesMax) room = this.payloadBytesMax;
    const buffers: WSABUF[] = [header];
    let index = this.#index;
    let offset = this.#offset;
    let length = 0;
    while (length < room && index < list.length && buffers.length <= GATHER_BUFFERS_MAX) {
      const bytes = list[index];
      // The next buffer may be one to announce.
      if (index > this.#index && bytes.length > this.#announceOver && !this.#exiting) break;
      const take = Math.min(bytes.length - offset, room - length);
      if (take > 0) buffers.push({ len: take, buf: offset === 0 ? bytes : bytes.subarray(offset) });
      length += take;
      offset += take;
      if (offset === bytes.length) {
        index++;
        offset = 0;
      }
    }
    const flags = this.#exiting ? FLAG_EXIT : 0;
    // Only empty buffers were left: nothing to send.
    if (length > 0 && !this.#sendMessage(MESSAGE_DATA, flags, buffers, length, length)) return false;
    if (this.#exiting) this.#exitBytes += length;
    this.#index = index;
    this.#offset = offset;
    this.pendingBytes -= length;
    return true;
  }

  /** `length` bytes of payload behind the scratch header; `counted` of them are of the window. False: not now. */
  #sendMessage(type: number, flags: number, buffers: readonly WSABUF[], length: number, counted: number): boolean {
    this.#stamp(header.buf, type, flags, length);
    const result = this.proc.lpWSPSend(this.s, buffers, buffers.length, bytesSent, 0, null, null, null, failure);
    if (result !== 0) {
      if (failure.value !== WSAEWOULDBLOCK) return this.#refused(failure.value);
      this.#data ??= new SendOperation(this);
      if (!this.#post(this.#data, buffers)) return false;
    }
    this.#sent(counted);
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
