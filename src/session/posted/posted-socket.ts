/**
 * One connected socket of a provider that does not own receive buffers, made to look like one that does. Messages go out
 * through a pool of registered buffers and come in through receives that are posted again at once (SESS-11 … SESS-14),
 * so that the session above sees only whole messages and never an operation of the provider's.
 *
 * `WSPSend` returns 0 when the message is copied into a registered buffer and posted (XFER-16): the memory is the
 * caller's again, and the message leaves as soon as the NIC gets to it, as long as this process lives.
 *
 * Sends are polled, for a notification each would cost more than it tells (XFER-24); only two of a pool are not: those
 * at which half of it and all of it is out, so that whoever waits for a buffer hears of one.
 */
import {
  beginOverlapped,
  finishOverlapped,
  MEM_READ,
  MEM_WRITE,
  type MessageReceiver,
  type Out,
  RUN_BEFORE,
  RUN_STOP,
  RUN_VIOLATION,
  SOCKET_ERROR,
  type SOCKET,
  WSA_IO_INCOMPLETE,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  type WSABUF,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAEMSGSIZE,
  WSAENETRESET,
  WSAENOTCONN,
  type WSAOVERLAPPED,
  WSAEWOULDBLOCK,
} from '../../spi/index.js';
import { completeOperation } from '../operation.js';
import { readInt32, SESSION_HEADER_BYTES } from '../wire.js';
import { type BufferOwner, POSTED_BUFFER_BYTES, POSTED_BUFFERS, ReceiveBuffer, Region, SendBuffer } from './buffers.js';
import type { PostedHost } from './posted-receive.js';

/** A message that waits for a buffer; its memory stays its owner's until it has one. */
interface Waiting {
  readonly buffers: readonly WSABUF[];
  readonly count: number;
  readonly bytes: number;
  readonly overlapped: WSAOVERLAPPED;
}

/** How long a closed socket may take to get out what was sent before, in ms; then it ends all the same (CLOSE-12). */
const DRAIN_MS_MAX = 10_000;
/** Looks without a pause, before those that are a millisecond apart. */
const DRAIN_LOOKS = 16;

const errno: Out<number> = { value: 0 };
const transferred: Out<number> = { value: 0 };
const resultFlags: Out<number> = { value: 0 };
const noFlags: Out<number> = { value: 0 };

/** Codes that say that the connection is gone: what is posted for messages ends as well, behind what has come (CLOSE-3). */
function isGone(code: number): boolean {
  return (
    code === WSAECONNRESET ||
    code === WSAECONNABORTED ||
    code === WSAENETRESET ||
    code === WSAENOTCONN ||
    code === WSA_OPERATION_ABORTED
  );
}

export class PostedSocket implements BufferOwner {
  readonly #s: SOCKET;
  readonly #host: PostedHost;
  #state: 'open' | 'draining' | 'closed' = 'open';
  /** Nothing can be sent any more: a message was lost, or the connection is. */
  #sendFailed = false;
  /** Nothing more will come in; the receiver hears of it after what has come. */
  #lost = false;
  #lossTold = false;
  #receiver: MessageReceiver | null = null;
  readonly #sendRegion = new Region();
  readonly #receiveRegion = new Region();
  readonly #free: SendBuffer[] = [];
  /** Posted sends, oldest first: the order in which they end. */
  readonly #out: SendBuffer[] = [];
  #waiting: Waiting[] = [];
  #admitting = false;
  /** Messages of a process that exits, in memory of their own, for which there was no buffer (D7). */
  readonly #overflow: Uint8Array[] = [];
  /** Full buffers, oldest first. */
  readonly #ready: ReceiveBuffer[] = [];
  /** Receives that the provider holds. */
  #posted = 0;
  #running = false;
  /** What the peer's last message said it had consumed. */
  #peerConsumed = 0;
  #drainUntil = 0;
  #looks = 0;

  constructor(s: SOCKET, host: PostedHost) {
    this.#s = s;
    this.#host = host;
  }

  /** Registers both regions and posts all receives: ready before anything is said to the peer (SESS-3). 0 or a code. */
  open(): number {
    const { extensions } = this.#host;
    const code =
      this.#sendRegion.register(this.#s, extensions, MEM_READ) ||
      this.#receiveRegion.register(this.#s, extensions, MEM_WRITE);
    if (code !== 0) return this.#abandon(code);
    for (const part of this.#sendRegion.parts()) this.#free.push(new SendBuffer(this, part));
    for (const part of this.#receiveRegion.parts()) {
      const wrong = this.#post(new ReceiveBuffer(this, part));
      // A connection that has ended meanwhile still has what came before its end.
      if (wrong !== 0 && !(isGone(wrong) && this.#posted > 0)) return this.#abandon(wrong);
    }
    return 0;
  }

  #abandon(code: number): number {
    this.#state = 'closed';
    this.#sendRegion.deregister(this.#s, this.#host.extensions);
    this.#receiveRegion.deregister(this.#s, this.#host.extensions);
    return code;
  }

  // ---------------------------------------------------------------- sending

  /** As `WSPSend` of a provider with owned receive. */
  send(
    buffers: readonly WSABUF[],
    count: number,
    lpSent: Out<number>,
    overlapped: WSAOVERLAPPED | null,
    lpErrno: Out<number>,
  ): number {
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += buffers[i].len;
    let code = 0;
    if (this.#sendFailed || this.#state !== 'open') code = WSAECONNRESET;
    else if (bytes > POSTED_BUFFER_BYTES) code = WSAEMSGSIZE;
    else {
      const buffer = this.#waiting.length > 0 || this.#overflow.length > 0 ? undefined : this.#take();
      if (buffer !== undefined) {
        copy(buffers, count, buffer.memory);
        code = this.#postSend(buffer, bytes);
      } else if (this.#host.exiting) this.#overflow.push(joined(buffers, count, bytes));
      else if (overlapped === null) code = WSAEWOULDBLOCK;
      else {
        beginOverlapped(overlapped);
        this.#waiting.push({ buffers, count, bytes, overlapped });
        code = WSA_IO_PENDING;
      }
    }
    if (code === 0) {
      lpSent.value = bytes;
      return 0;
    }
    lpErrno.value = code;
    return SOCKET_ERROR;
  }

  /** A free buffer, if there is one; looks at what has ended meanwhile. */
  #take(): SendBuffer | undefined {
    if (this.#free.length === 0) this.#reclaim();
    return this.#free.pop();
  }

  #postSend(buffer: SendBuffer, bytes: number): number {
    const left = this.#free.length;
    buffer.notify = !this.#host.exiting && (left === 0 || left === POSTED_BUFFERS >> 1);
    buffer.list[0].len = bytes;
    const { lpWSPSend } = this.#host.provider;
    const result = lpWSPSend(this.#s, buffer.list, 1, transferred, 0, buffer, null, null, errno);
    if (result === 0) this.#free.push(buffer);
    else if (errno.value === WSA_IO_PENDING) this.#out.push(buffer);
    else {
      const code = errno.value;
      this.#free.push(buffer);
      this.#failSending(code);
      return code;
    }
    return 0;
  }

  /** Takes back the buffers of polled sends that have ended (XFER-26), oldest first. */
  #reclaim(): void {
    const { provider } = this.#host;
    for (let first = this.#out.at(0); first !== undefined; first = this.#out.at(0)) {
      if (first.hEvent === 0) return; // it is told of
      if (provider.lpWSPGetOverlappedResult(this.#s, first, transferred, false, resultFlags, errno)) {
        this.#out.shift();
        this.#free.push(first);
      } else if (errno.value === WSA_IO_INCOMPLETE) return;
      else {
        const code = errno.value;
        this.#out.shift();
        this.#free.push(first);
        this.#failSending(code);
      }
    }
  }

  /** The provider tells of a send's end: those before it have ended too. */
  onSent(buffer: SendBuffer, error: number): void {
    const at = this.#out.indexOf(buffer);
    if (at < 0 || this.#state === 'closed') return;
    this.#out.splice(at, 1);
    this.#free.push(buffer);
    if (error !== 0) this.#failSending(error);
    else if (at > 0) this.#reclaim();
    this.#admitSoon();
  }

  /** Whoever waits for a buffer hears of it in a callback of his own. */
  #admitSoon(): void {
    if (this.#admitting || this.#waiting.length === 0) return;
    this.#admitting = true;
    this.#host.clock.setImmediate(admit, this);
  }

  /** For the event loop: gives one message that waits the buffer that has become free. */
  admit(): void {
    this.#admitting = false;
    const buffer = this.#sendFailed || this.#waiting.length === 0 ? undefined : this.#take();
    if (buffer === undefined) return;
    const first = this.#waiting.shift();
    if (first === undefined) return;
    copy(first.buffers, first.count, buffer.memory);
    const code = this.#postSend(buffer, first.bytes);
    if (this.#free.length > 0) this.#admitSoon();
    end(first.overlapped, code, first.bytes);
  }

  /** A message was lost or cannot be sent: the stream ends here, for nothing may follow a gap. */
  #failSending(code: number): void {
    if (this.#sendFailed) return;
    this.#sendFailed = true;
    this.#host.clock.setImmediate(failWaiting, this);
    // If the connection is gone the receives say so, behind what has come; if it is not, nobody else would.
    if (!isGone(code) || this.#posted === 0) this.#lose();
  }

  /** For the event loop. */
  failWaiting(): void {
    for (const { overlapped } of this.#waiting.splice(0)) end(overlapped, WSAECONNRESET, 0);
  }

  // ---------------------------------------------------------------- receiving

  /** Messages go there from now on; what has come and was not taken, first. */
  setReceiver(receiver: MessageReceiver | null): void {
    this.#receiver = receiver;
    this.#peerConsumed = 0;
    this.#runSoon();
  }

  get peerConsumed(): number {
    return this.#peerConsumed;
  }

  /** Hands a buffer to the provider; 0 or a code. */
  #post(buffer: ReceiveBuffer): number {
    const { lpWSPRecv } = this.#host.provider;
    this.#posted++;
    noFlags.value = 0;
    const result = lpWSPRecv(this.#s, buffer.list, 1, transferred, noFlags, buffer, null, null, errno);
    if (result === 0) {
      this.#fill(buffer, transferred.value);
      return 0;
    }
    if (errno.value === WSA_IO_PENDING) return 0;
    this.#posted--;
    return errno.value;
  }

  #fill(buffer: ReceiveBuffer, bytes: number): void {
    this.#posted--;
    buffer.bytes = bytes;
    this.#ready.push(buffer);
    this.#runSoon();
  }

  onReceived(buffer: ReceiveBuffer, error: number, bytes: number): void {
    if (this.#state !== 'open') this.#posted--;
    else if (error === 0) this.#fill(buffer, bytes);
    else {
      this.#posted--;
      this.#lose();
    }
  }

  /** Nothing more comes in. What has come is delivered first. */
  #lose(): void {
    this.#sendFailed = true;
    this.#lost = true;
    if (this.#waiting.length > 0) this.#host.clock.setImmediate(failWaiting, this);
    this.#runSoon();
  }

  #isDue(): boolean {
    return this.#receiver !== null && !this.#lossTold && (this.#ready.length > 0 || this.#lost);
  }

  #runSoon(): void {
    if (this.#running || this.#state !== 'open' || !this.#isDue()) return;
    this.#running = true;
    this.#host.clock.setImmediate(run, this);
  }

  /** For the event loop: one run of messages, one event for the program. */
  run(): void {
    this.#running = false;
    const receiver = this.#receiver;
    if (receiver === null || this.#lossTold || this.#state !== 'open') return;
    if (this.#ready.length === 0) {
      if (!this.#lost) return;
      this.#lossTold = true;
      // 0, whatever the reason was: with the connection messages may be lost, so without a FIN nothing was complete.
      receiver.onDisconnect(0);
      return;
    }
    let result: number;
    do {
      const buffer = this.#ready[0];
      result = receiver.onMessage(buffer.memory, 0, buffer.bytes);
      if (result === RUN_BEFORE) break;
      this.#ready.shift();
      if (buffer.bytes >= SESSION_HEADER_BYTES) this.#peerConsumed = readInt32(buffer.memory, 8);
      if (result !== RUN_VIOLATION) this.#repost(buffer);
    } while (result !== RUN_STOP && result !== RUN_VIOLATION && this.#ready.length > 0);
    if (result === RUN_VIOLATION) {
      this.#ready.length = 0;
      this.#lose();
      return;
    }
    this.#runSoon();
    receiver.onRunEnd();
  }

  /** The receive queue never waits for the program (SESS-14): the peer counts on every buffer of ours (SESS-4). */
  #repost(buffer: ReceiveBuffer): void {
    if (this.#lost) return;
    const code = this.#post(buffer);
    if (code !== 0 && (!isGone(code) || this.#posted === 0)) this.#lose();
  }

  // ---------------------------------------------------------------- the end

  /** The session is through with the socket: what was sent goes out, then the provider's socket is closed. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.#receiver = null;
    this.#ready.length = 0;
    for (const { overlapped } of this.#waiting.splice(0)) end(overlapped, WSA_OPERATION_ABORTED, 0);
    this.#drainUntil = this.#host.clock.now() + DRAIN_MS_MAX;
    this.drain();
  }

  /** For the event loop: looks whether everything is out. */
  drain(): void {
    if (this.#state !== 'draining') return;
    this.poll();
    const { clock } = this.#host;
    if (this.#isOut() || this.#lost || clock.now() >= this.#drainUntil) this.#finish();
    else if (this.#looks++ < DRAIN_LOOKS) clock.setImmediate(drain, this);
    else clock.setTimeout(drain, 1, this).unref();
  }

  /** Nothing of what was sent is still here. */
  #isOut(): boolean {
    return this.#out.length === 0 && this.#overflow.length === 0;
  }

  #finish(): void {
    this.#state = 'closed';
    const { extensions, provider } = this.#host;
    if (this.#out.length === 0) this.#sendRegion.deregister(this.#s, extensions);
    if (this.#posted === 0) this.#receiveRegion.deregister(this.#s, extensions);
    provider.lpWSPCloseSocket(this.#s, errno);
    this.#host.closed(this.#s);
  }

  /** The process exits (D7): what waits for a buffer is kept in memory of its own; its owner does not ask again. */
  beginExit(): void {
    for (const { buffers, count, bytes } of this.#waiting.splice(0)) {
      this.#overflow.push(joined(buffers, count, bytes));
    }
  }

  /** Looks at the transport, and posts what waits. True: everything is out, or never will be. */
  poll(): boolean {
    this.#reclaimAll();
    for (
      let message = this.#overflow.at(0);
      message !== undefined && !this.#sendFailed;
      message = this.#overflow.at(0)
    ) {
      const buffer = this.#free.pop();
      if (buffer === undefined) break;
      this.#overflow.shift();
      buffer.memory.set(message);
      this.#postSend(buffer, message.length);
    }
    return this.#sendFailed || this.#isOut();
  }

  /**
   * As `#reclaim`, for a socket that nobody will be told of any more. Sends end in the order of posting, so one that has
   * ended, ended all before it.
   */
  #reclaimAll(): void {
    const { provider } = this.#host;
    for (let i = this.#out.length - 1; i >= 0; i--) {
      const ended = provider.lpWSPGetOverlappedResult(this.#s, this.#out[i], transferred, false, resultFlags, errno);
      if (!ended && errno.value === WSA_IO_INCOMPLETE) continue;
      if (!ended) this.#sendFailed = true;
      // One that is yet to be told of is the provider's until then.
      for (const buffer of this.#out.splice(0, i + 1)) if (buffer.hEvent !== 0) this.#free.push(buffer);
      return;
    }
  }
}

/** Ends an operation of the session's by the way every provider ends one that is notified (XFER-25). */
function end(overlapped: WSAOVERLAPPED, error: number, bytes: number): void {
  finishOverlapped(overlapped, error, bytes);
  completeOperation(overlapped);
}

function copy(buffers: readonly WSABUF[], count: number, into: Uint8Array): void {
  let at = 0;
  for (let i = 0; i < count; i++) {
    const { buf, len } = buffers[i];
    into.set(len === buf.length ? buf : buf.subarray(0, len), at);
    at += len;
  }
}

function joined(buffers: readonly WSABUF[], count: number, bytes: number): Uint8Array {
  const message = new Uint8Array(bytes);
  copy(buffers, count, message);
  return message;
}

function admit(socket: PostedSocket): void {
  socket.admit();
}

function failWaiting(socket: PostedSocket): void {
  socket.failWaiting();
}

function run(socket: PostedSocket): void {
  socket.run();
}

function drain(socket: PostedSocket): void {
  socket.drain();
}
