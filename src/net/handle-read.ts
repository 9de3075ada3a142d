/**
 * The reading half of the hybrid handle: hands the session's data, end and reset to `net`'s `onread`, to the buffer of
 * an `onread` option, or to a native consumer.
 *
 * A native consumer attaches to a stream that is being read already, and often never calls ReadStart, so its arrival has
 * to be noticed otherwise: TLS by `attachTls` (native-consumers.ts), an HTTP/2 session by the mark it puts on the socket,
 * an HTTP/1 server by the one it puts on the handle. HTTP/1 lets go again (`upgrade`, a 'data' listener), and then the
 * JavaScript path is the faster one; TLS and HTTP/2 stay.
 */
import { types } from 'node:util';
import { enter } from './callback.js';
import { handleEnvironment, kOffset, kRead, state, uvCode, uvFromWsa } from './handle-base.js';
import { WritingHandle } from './handle-write.js';
import {
  deliverSoon,
  deliversNatively,
  guardedRead,
  type NativeCall,
  type NativeReader,
  TAKE_LAST,
  TAKE_NOTHING,
  TAKE_PART,
  TAKE_SCOPED,
} from './native-delivery.js';
import type { OwnerSocket, TlsWrap } from './node-shapes.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

type OnRead = (this: unknown, memory?: ArrayBuffer) => unknown;

// The chunk that is being delivered; set right before enter(), taken first thing inside.
const NO_MEMORY = new ArrayBuffer(0);
let memory = NO_MEMORY;
let offset = 0;
let length = 0;
let failure = 0;

/** What libuv reads at most before it calls back. */
const NATIVE_BYTES_MAX = 65_536;

/** What a program's `onread` buffer, or a native consumer, could not take because it stopped reading. */
interface Leftover {
  readonly memory: ArrayBuffer;
  readonly offset: number;
  readonly length: number;
}

export abstract class ReadingHandle extends WritingHandle implements NativeReader {
  private userBuffer: Uint8Array | null = null;
  private leftover: Leftover | null = null;
  private leftoverScheduled = false;
  /** The leftover, or the end, is entered for its native consumer. */
  private due: 'nothing' | 'data' | 'end' = 'nothing';
  /** The end was due when the consumer stopped reading. */
  private endKept = false;
  /** The session waits for what is due. */
  private sessionWaits = false;
  /** TLS or HTTP/2 reads this stream natively. */
  private nativelyRead = false;
  /** An HTTP/1 server has had its parser read this stream natively. */
  private parsed = false;
  /** TLS is on top, or about to be. */
  private tlsTaken = false;
  /** The TLSWrap that reads this stream, if TLS does. */
  private tlsWrap: TlsWrap | null = null;

  /** JSStream's own: to the native listener of the stream. */
  protected abstract readBuffer(bytes: Uint8Array): void;
  protected abstract emitEOF(): void;

  private get isDue(): boolean {
    return this.due !== 'nothing';
  }

  // ---------------------------------------------------------------- what net calls

  readStart(): number {
    if (this.closed) return uvCode('UV_EINVAL');
    if (this.flowing) return 0;
    this.flowing = true;
    this.updateHold();
    if (this.due !== 'nothing') this.sessionWaits = true;
    else if (this.leftover === null && !this.endKept) this.startSession();
    else this.scheduleLeftover();
    return 0;
  }

  private startSession(): void {
    if (!this.hasReports) this.session.startReading();
  }

  protected override delay(): void {
    this.session.stopReading();
  }

  protected override goOn(): void {
    if (this.closed || !this.flowing) return;
    // What is due comes first; whoever delivers it goes on.
    if (this.isDue) this.sessionWaits = true;
    else if (this.leftover === null) this.session.startReading();
  }

  readStop(): number {
    if (this.closed || !this.flowing) return 0;
    this.flowing = false;
    this.session.stopReading();
    this.updateHold();
    return 0;
  }

  useUserBuffer(buffer: Uint8Array): number {
    this.userBuffer = buffer;
    return 0;
  }

  /** Whether received bytes are kept here that the program has not seen: closing is then a reset. */
  protected get hasUnread(): boolean {
    return this.leftover !== null;
  }

  // ---------------------------------------------------------------- native consumers

  /** A native consumer has asked for data, or TLS is being put on top. */
  protected readNatively(): void {
    this.nativelyRead = true;
  }

  /** TLS has been put on top of this stream. */
  attachTls(wrap: TlsWrap | null): void {
    this.nativelyRead = true;
    this.tlsTaken = true;
    this.tlsWrap = wrap;
    // As on TCP, TLS comes before the buffer of an `onread` option.
    this.userBuffer = null;
  }

  /** An HTTP/1 server sets it right before its parser consumes the stream. The name is Node's. */
  get _consumed(): boolean {
    return this.parsed;
  }

  set _consumed(value: boolean) {
    this.parsed = value;
  }

  protected override get underTls(): boolean {
    return this.tlsTaken;
  }

  private isNativelyRead(): boolean {
    if (this.nativelyRead) return true;
    const { ownerSymbol, boundSessionKeys } = handleEnvironment().internals;
    const owner = this[ownerSymbol] as OwnerSocket | undefined;
    if (owner === undefined) return false;
    if (this.parsed) return owner.parser?._consumed === true;
    const marks = owner as unknown as Record<PropertyKey, unknown>;
    if (marks[boundSessionKeys[0]] === undefined && marks[boundSessionKeys[1]] === undefined) return false;
    this.nativelyRead = true;
    return true;
  }

  /** Whether what comes is to be given to a native consumer with no callback around it. */
  private readsFromLoop(): boolean {
    return this.userBuffer === null && this.isNativelyRead() && deliversNatively();
  }

  // ---------------------------------------------------------------- what the session calls

  onData(from: ArrayBuffer, at: number, bytes: number): void {
    if (this.isDue) this.deliverDue();
    if (this.closed) return;
    const plain = this.userBuffer === null && !this.isNativelyRead();
    if (!plain && this.readsFromLoop()) {
      this.leftover = { memory: from, offset: at, length: bytes };
      this.due = 'data';
      deliverSoon(this);
      return;
    }
    memory = from;
    offset = at;
    length = bytes;
    enter(this.resource, plain ? deliverPlainChunk : deliverChunk, this);
  }

  onEnd(byReset: boolean): void {
    this.deliverDue();
    if (this.closed || this.ended) return;
    this.ended = true;
    this.endSeen = !byReset;
    this.updateHold();
    this.beginEnd();
  }

  private beginEnd(): void {
    if (!this.readsFromLoop()) {
      enter(this.resource, deliverEnd, this);
      return;
    }
    this.due = 'end';
    deliverSoon(this);
  }

  onReset(error: number): void {
    this.deliverDue();
    // As libuv, which stops reading at EOF: a reset after it is seen by the next write only.
    if (this.closed || this.ended) return;
    this.ended = true;
    this.updateHold();
    failure = uvFromWsa(error);
    enter(this.resource, deliverFailure, this);
  }

  // ---------------------------------------------------------------- delivery to a native consumer, in no context

  takeNative(call: NativeCall): number {
    if (this.hasReports) return TAKE_SCOPED;
    const { due, leftover } = this;
    if (this.closed || due === 'nothing') return TAKE_NOTHING;
    if (!this.flowing) {
      this.due = 'nothing';
      this.endKept = due === 'end';
      return TAKE_NOTHING;
    }
    if (!this.readsFromLoop()) return TAKE_SCOPED;
    if (this.tlsWrap !== null) this.tlsWrap.onread = guardedRead(this.tlsWrap.onread);
    call[1] = this;
    if (leftover === null) {
      this.due = 'nothing';
      call[0] = this.emitEOF;
      return TAKE_LAST;
    }
    const { memory, offset, length } = leftover;
    const size = Math.min(NATIVE_BYTES_MAX, length);
    this.bytesRead += size;
    call[0] = this.readBuffer;
    call[2] = new Uint8Array(memory, offset, size);
    if (size < length) {
      this.leftover = { memory, offset: offset + size, length: length - size };
      return TAKE_PART;
    }
    this.leftover = null;
    this.due = 'nothing';
    this.resumeSession();
    return TAKE_LAST;
  }

  /** What {@link takeNative} wanted a callback for. */
  deliverScoped(): void {
    if (!this.hasReports) this.deliverDue();
    else {
      this.flushReports();
      if (this.isDue) deliverSoon(this);
    }
  }

  /** Something else comes before that could happen, or the consumer has let go: as for any other reader. */
  private deliverDue(): void {
    const { due, leftover } = this;
    if (due === 'nothing') return;
    this.due = 'nothing';
    if (this.closed) return;
    if (due === 'end') enter(this.resource, deliverEnd, this);
    else if (leftover !== null && this.flowing) {
      this.leftover = null;
      memory = leftover.memory;
      offset = leftover.offset;
      length = leftover.length;
      enter(this.resource, deliverChunk, this);
    }
    this.resumeSession();
  }

  /** In a callback of their own, for Node has one around the immediates from which TLS on TCP hears of its writes. */
  protected override reportSoon(): boolean {
    if (!deliversNatively()) return false;
    deliverSoon(this);
    return true;
  }

  private resumeSession(): void {
    if (!this.sessionWaits) return;
    this.sessionWaits = false;
    if (this.canStart()) this.startSession();
  }

  // ---------------------------------------------------------------- delivery, inside the handle's context

  deliver(from: ArrayBuffer, at: number, bytes: number): void {
    if (this.userBuffer !== null) {
      this.deliverToUser(from, at, bytes);
      return;
    }
    if (this.isNativelyRead()) {
      this.deliverNatively(from, at, bytes);
      return;
    }
    this.deliverPlain(from, at, bytes);
  }

  deliverPlain(from: ArrayBuffer, at: number, bytes: number): void {
    this.bytesRead += bytes;
    state[kRead] = bytes;
    state[kOffset] = at;
    (this.onread as OnRead).call(this, from);
  }

  /**
   * Not more at a time than libuv reads: a consumer that has stopped reading takes the rest of a call all the same, and
   * HTTP/1, whose parser is paused then, takes it for a violation of the protocol.
   */
  private deliverNatively(from: ArrayBuffer, at: number, bytes: number): void {
    const end = at + bytes;
    while (at < end && !this.closed) {
      if (!this.flowing) {
        this.leftover = { memory: from, offset: at, length: end - at };
        return;
      }
      if (!this.isNativelyRead()) {
        this.deliver(from, at, end - at);
        return;
      }
      const size = Math.min(NATIVE_BYTES_MAX, end - at);
      this.bytesRead += size;
      this.readBuffer(new Uint8Array(from, at, size));
      // The consumer's answers were taken inside that call; it may hear of them now that it has returned. Not so TLS.
      if (!this.tlsTaken) this.flushReports();
      at += size;
    }
  }

  private deliverToUser(from: ArrayBuffer, at: number, bytes: number): void {
    const end = at + bytes;
    while (at < end) {
      const target = this.userBuffer;
      if (this.closed || target === null) return;
      if (!this.flowing) {
        this.leftover = { memory: from, offset: at, length: end - at };
        return;
      }
      const size = Math.min(target.length, end - at);
      target.set(new Uint8Array(from, at, size));
      at += size;
      this.bytesRead += size;
      state[kRead] = size;
      state[kOffset] = 0;
      const next = (this.onread as OnRead).call(this);
      // By its kind, not by its class: a program in a vm context has another Uint8Array.
      if (types.isUint8Array(next)) this.userBuffer = next;
    }
  }

  deliverEndNow(): void {
    if (this.isNativelyRead()) {
      this.emitEOF();
      if (!this.tlsTaken) this.flushReports();
      return;
    }
    state[kRead] = uvCode('UV_EOF');
    state[kOffset] = 0;
    (this.onread as OnRead).call(this);
  }

  /** An error goes to whom the program holds: the TLS socket on top if there is one, else this handle's socket. */
  deliverFailureNow(status: number): void {
    state[kRead] = status;
    state[kOffset] = 0;
    const tls = this.tlsWrap;
    const { ownerSymbol } = handleEnvironment().internals;
    const tlsOwner = tls?.[ownerSymbol] as OwnerSocket | undefined;
    if (tls !== null && tlsOwner?._handle === tls) (tls.onread as OnRead).call(tls);
    else (this.onread as OnRead).call(this);
  }

  // ---------------------------------------------------------------- leftover of an onread buffer

  private scheduleLeftover(): void {
    if (this.leftoverScheduled) return;
    this.leftoverScheduled = true;
    setImmediate(deliverLeftover, this);
  }

  resumeLeftover(): void {
    this.leftoverScheduled = false;
    const leftover = this.leftover;
    if (this.closed || !this.flowing || this.due !== 'nothing') return;
    if (leftover === null) {
      if (this.endKept) this.beginEnd();
      this.endKept = false;
      return;
    }
    this.leftover = null;
    this.onData(leftover.memory, leftover.offset, leftover.length);
    // What the chunk left behind for the next readStart keeps the session waiting as well.
    this.sessionWaits = true;
    if (!this.isDue) this.resumeSession();
  }

  private canStart(): boolean {
    return this.leftover === null && !this.closed && this.flowing;
  }
}

function deliverChunk(this: ReadingHandle): void {
  const from = memory;
  memory = NO_MEMORY;
  this.deliver(from, offset, length);
}

function deliverPlainChunk(this: ReadingHandle): void {
  const from = memory;
  memory = NO_MEMORY;
  this.deliverPlain(from, offset, length);
}

function deliverEnd(this: ReadingHandle): void {
  this.deliverEndNow();
}

function deliverFailure(this: ReadingHandle): void {
  this.deliverFailureNow(failure);
}

function deliverLeftover(handle: ReadingHandle): void {
  handle.resumeLeftover();
}
