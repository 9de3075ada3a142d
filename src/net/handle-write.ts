/**
 * The writing half of the hybrid handle: both of Node's write protocols, gathering, shutdown, and what becomes of
 * requests when the handle is closed.
 *
 * Node <= 24 passes a request object with each write and reads from `streamBaseState` whether it must wait for its
 * `oncomplete`; Node 26 passes null and expects a number, or a request object if the write goes on. A write that the
 * session takes at once allocates nothing.
 */
import type { AsyncResource } from 'node:async_hooks';
import { types } from 'node:util';
import { WRITE_DONE, WRITE_PENDING } from '../session/index.js';
import { WSAECONNRESET } from '../spi/index.js';
import { newShutdownResource, newWriteResource } from './async-context.js';
import { enter } from './callback.js';
import { BaseHandle, kAsync, kWriteError, kWritten, state, uvCode, uvFromWsa } from './handle-base.js';
import type { ShutdownReq, WriteReq } from './node-shapes.js';
import { abandonScratch, encodedBytesMax, SCRATCH_BYTES, scratchView, useScratch } from './text-scratch.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

/** A write that could not go at once. */
interface WriteOperation {
  readonly req: object;
  /** The writer's context; null: a native consumer's, completed by `finishWrite`, which knows the context itself. */
  readonly resource: AsyncResource | null;
  readonly list: readonly Uint8Array[];
  readonly bytes: number;
}

/** A shutdown that is under way; `resource` as of a write. */
interface ShutdownOperation {
  readonly req: object;
  readonly resource: AsyncResource | null;
}

/** An operation that is over and whose requester does not know yet. */
interface Finished {
  readonly operation: WriteOperation;
  readonly status: number;
}

/** The request that Node 26 gets for a write that goes on; `net` puts its own fields on it. */
class PendingWrite implements WriteReq {
  writeStatus: number | null = null;
  oncomplete: WriteReq['oncomplete'] = null;
}

// The event that is being handed to the program; set right before enter(), taken first thing inside.
let finished: Finished | null = null;
let shutdown: ShutdownOperation | null = null;
let shutdownStatus = 0;

export abstract class WritingHandle extends BaseHandle {
  private writing: WriteOperation | null = null;
  /** Writes behind the pending one: only a native consumer and JavaScript together, or TLS, ever make any. */
  private waiting: WriteOperation[] | null = null;
  /** Finished, to be reported once the caller's frames are gone. */
  private reports: Finished[] | null = null;
  private shutting: ShutdownOperation | null = null;
  private shutdownDue = false;
  /** The program has ended its side. */
  protected shutAsked = false;
  /** A native consumer is being told that a write is over. */
  private completing = false;

  /** Whether TLS writes natively. */
  protected abstract get underTls(): boolean;
  /** Nothing is to be delivered until {@link goOn}. */
  protected abstract delay(): void;
  protected abstract goOn(): void;
  /** Has {@link flushReports} called soon, from the event loop itself. False: that cannot be done here. */
  protected abstract reportSoon(): boolean;
  /** JSStream's own, for requests of native consumers. */
  protected abstract finishWrite(req: object, status: number): void;
  protected abstract finishShutdown(req: object, status: number): void;

  protected override get busy(): boolean {
    return this.writing !== null || this.shutting !== null;
  }

  /** Whether what is under way can go on under another handle: not what a native consumer has asked for. */
  protected get canMoveWrites(): boolean {
    if (this.shutdownDue || (this.waiting !== null && this.waiting.length > 0)) return false;
    return this.writing?.resource !== null && this.shutting?.resource !== null;
  }

  /** `next` tells the requester of what is under way, when it is over. */
  protected moveRequests(next: WritingHandle): void {
    next.writing = this.writing;
    this.writing = null;
    next.shutting = this.shutting;
    this.shutting = null;
    this.updateHold();
    next.updateHold();
  }

  /** A write that nobody here has asked for is under way: others wait for it. */
  adoptWrite(): void {
    const own = this.writing;
    if (own !== null) this.waiting = [own, ...(this.waiting ?? [])];
    this.writing = { req: new PendingWrite(), resource: newWriteResource(this.resource), list: [], bytes: 0 };
    this.updateHold();
    if (this.shutting !== null) this.shutdownDue = true;
  }

  get writeQueueSize(): number {
    let bytes = this.writing === null ? 0 : this.session.pendingBytes;
    if (this.waiting !== null) for (const operation of this.waiting) bytes += operation.bytes;
    return bytes;
  }

  // ---------------------------------------------------------------- what net calls

  writeBuffer(req: WriteReq | null, bytes: Uint8Array): number | WriteReq {
    // One of a vm context is of another class.
    if (!(bytes instanceof Uint8Array) && !types.isUint8Array(bytes)) throw notABuffer();
    return this.writeOne(req, bytes);
  }

  writeUtf8String(req: WriteReq | null, text: string): number | WriteReq {
    return this.writeText(req, text, 'utf8');
  }

  writeLatin1String(req: WriteReq | null, text: string): number | WriteReq {
    return this.writeText(req, text, 'latin1');
  }

  writeAsciiString(req: WriteReq | null, text: string): number | WriteReq {
    return this.writeText(req, text, 'latin1');
  }

  writeUcs2String(req: WriteReq | null, text: string): number | WriteReq {
    return this.writeText(req, text, 'utf16le');
  }

  /** `chunks`: buffers only (`allBuffers`), or chunk and encoding by turns. */
  writev(req: WriteReq | null, chunks: readonly unknown[], allBuffers: boolean): number | WriteReq {
    const step = allBuffers ? 1 : 2;
    let most = 0;
    for (let i = 0; i < chunks.length && most <= SCRATCH_BYTES; i += step) {
      const chunk = chunks[i];
      most += typeof chunk === 'string' ? encodedBytesMax(chunk, encodingAt(chunks, i)) : (chunk as Uint8Array).length;
    }
    if (most <= SCRATCH_BYTES && this.writing === null) return this.writeGathered(req, chunks, step);
    const list: Uint8Array[] = [];
    let bytes = 0;
    for (let i = 0; i < chunks.length; i += step) {
      const chunk = chunks[i];
      const buffer = typeof chunk === 'string' ? Buffer.from(chunk, encodingAt(chunks, i)) : (chunk as Uint8Array);
      bytes += buffer.length;
      list.push(buffer);
    }
    return this.dispatch(req, list, bytes);
  }

  shutdown(req: ShutdownReq): number {
    return this.beginShutdown({ req, resource: newShutdownResource(this.resource) });
  }

  // ---------------------------------------------------------------- writing

  private writeOne(req: WriteReq | null, bytes: Uint8Array): number | WriteReq {
    const length = bytes.length;
    state[kWritten] = length;
    state[kAsync] = 0;
    if (kWriteError >= 0) state[kWriteError] = 0;
    if (this.closed) return uvCode('UV_EBADF');
    if (this.writing !== null) return this.dispatch(req, [bytes], length);
    this.bytesWritten += length;
    const result = this.session.write(bytes);
    if (result < 0) return this.writeError(-result);
    return result === WRITE_DONE ? 0 : this.pend(req, [bytes], length);
  }

  private writeText(req: WriteReq | null, text: string, encoding: BufferEncoding): number | WriteReq {
    if (encodedBytesMax(text, encoding) > SCRATCH_BYTES) return this.writeOne(req, Buffer.from(text, encoding));
    const length = useScratch().write(text, 0, encoding);
    const result = this.writeScratch(req, length);
    // As Node has it: what could not be written counts as written, unless it is a short string.
    if (typeof result === 'number' && result < 0 && !this.closed) this.bytesWritten -= length;
    return result;
  }

  private writeGathered(req: WriteReq | null, chunks: readonly unknown[], step: number): number | WriteReq {
    const into = useScratch();
    let at = 0;
    for (let i = 0; i < chunks.length; i += step) {
      const chunk = chunks[i];
      if (typeof chunk === 'string') {
        at += into.write(chunk, at, encodingAt(chunks, i));
      } else {
        into.set(chunk as Uint8Array, at);
        at += (chunk as Uint8Array).length;
      }
    }
    return this.writeScratch(req, at);
  }

  private writeScratch(req: WriteReq | null, length: number): number | WriteReq {
    const result = this.writeOne(req, scratchView(length));
    if (state[kAsync] === 1) abandonScratch();
    return result;
  }

  /** A write that does not take the short way. */
  private dispatch(req: WriteReq | null, list: readonly Uint8Array[], bytes: number): number | WriteReq {
    state[kWritten] = bytes;
    state[kAsync] = 0;
    if (kWriteError >= 0) state[kWriteError] = 0;
    if (this.closed) return uvCode('UV_EBADF');
    this.bytesWritten += bytes;
    if (this.writing !== null) return this.pend(req, list, bytes);
    const result = this.session.writev(list, bytes);
    if (result < 0) return this.writeError(-result);
    return result === WRITE_DONE ? 0 : this.pend(req, list, bytes);
  }

  private pend(req: WriteReq | null, list: readonly Uint8Array[], bytes: number): number | WriteReq {
    state[kAsync] = 1;
    const request = req ?? new PendingWrite();
    this.enqueue({ req: request, resource: newWriteResource(this.resource), list, bytes });
    return req === null ? request : 0;
  }

  private enqueue(operation: WriteOperation): void {
    if (this.writing === null) {
      this.writing = operation;
      this.updateHold();
    } else {
      this.waiting ??= [];
      this.waiting.push(operation);
    }
  }

  /**
   * A native consumer writes; `list` holds copies of its bytes. HTTP/2 hears of a finished write within the call, as from
   * libuv: while a write of its own is under way it stops reading, and with nothing left to read for it stays so and never
   * sees the peer go. Not so while it hears that a write which had to wait is over: then it goes on with input that waited
   * as well, and would begin with the same input again. TLS hears of it later, see `reportLater`.
   */
  protected writeNatively(req: object, list: readonly Uint8Array[]): number {
    if (this.closed) return uvCode('UV_EBADF');
    let bytes = 0;
    for (const chunk of list) bytes += chunk.length;
    const operation = { req, resource: null, list, bytes };
    if (this.writing === null) {
      const result = list.length === 1 ? this.session.write(list[0]) : this.session.writev(list, bytes);
      if (result < 0) return this.writeError(-result);
      if (result === WRITE_PENDING) this.enqueue(operation);
      else if (this.underTls || this.completing) this.reportLater(operation, 0);
      else this.finishWrite(req, 0);
    } else {
      this.enqueue(operation);
    }
    this.bytesWritten += bytes;
    return 0;
  }

  /** The session: the pending write is over. */
  onWritten(error: number): void {
    const operation = this.writing;
    if (operation === null) return;
    this.writing = null;
    this.writeWaiting();
    this.updateHold();
    this.report({ operation, status: this.writeError(error) });
  }

  /** As the kernel has it: once the peer's FIN has been seen, its reset is a broken pipe. */
  private writeError(wsa: number): number {
    return wsa === WSAECONNRESET && this.endSeen ? uvCode('UV_EPIPE') : uvFromWsa(wsa);
  }

  private writeWaiting(): void {
    while (this.writing === null) {
      const next = this.waiting?.shift();
      if (next === undefined) break;
      const result = this.session.writev(next.list, next.bytes);
      if (result === WRITE_PENDING) this.writing = next;
      else this.reportLater(next, result < 0 ? this.writeError(-result) : 0);
    }
    if (this.writing === null && this.shutdownDue) {
      this.shutdownDue = false;
      this.session.shutdown();
    }
  }

  /** The session, when the process exits: what is written and has not reached it. TLS keeps its own. */
  takeUnsent(): readonly Uint8Array[] | null {
    if (this.underTls || this.writing?.resource === null) return null;
    const list: Uint8Array[] = [];
    for (const operation of this.waiting ?? []) list.push(...operation.list);
    const state = this.ownerSocket?._writableState;
    // What the program has corked, TCP would not have either.
    if (state === undefined || state.corked > 0 || typeof state.getBuffer !== 'function') return list;
    for (const { chunk, encoding } of state.getBuffer()) {
      list.push(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    }
    return list;
  }

  // ---------------------------------------------------------------- telling the requester

  private report(what: Finished): void {
    finished = what;
    const { resource } = what.operation;
    enter(resource ?? this.resource, reportFinished, this);
    resource?.emitDestroy();
  }

  private reportLater(operation: WriteOperation, status: number): void {
    if (this.reports === null) {
      this.reports = [];
      // Soon, for HTTP/2 sends nothing more until it knows. TLS over TCP hears of every write from a native immediate, before
      // the loop can have anything to read again. Here: when the chunk is through, or in the loop's next turn, ahead of
      // native immediates, in which HTTP/2 sends what the write was in the way of; no earlier, else TLS takes the end of one
      // write for that of the next. Nor may it hear of an answer to a write before it hears of the write: a program
      // that ends its socket in between would cut off the last words of a handshake, which wait for that.
      if (this.underTls) {
        if (!this.reportSoon()) setImmediate(reportAll, this);
        this.delay();
      } else process.nextTick(reportAll, this);
    }
    this.reports.push({ operation, status });
  }

  protected get hasReports(): boolean {
    return this.reports !== null;
  }

  /** Reports what is finished now, because no frame of the requester is on the stack. */
  protected flushReports(): void {
    const reports = this.reports;
    if (reports === null) return;
    this.reports = null;
    for (const item of reports) this.report(item);
    if (this.underTls && !this.hasReports) this.goOn();
  }

  /** For the callbacks outside the class. */
  completeRequest({ operation, status }: Finished): void {
    if (operation.resource === null) {
      this.completing = true;
      try {
        this.finishWrite(operation.req, status);
      } finally {
        this.completing = false;
      }
      return;
    }
    const req = operation.req as PendingWrite;
    if (typeof req.oncomplete === 'function') req.oncomplete(status, this, undefined);
    else req.writeStatus = status;
  }

  reportAllNow(): void {
    this.flushReports();
  }

  // ---------------------------------------------------------------- shutdown and close

  protected beginShutdown(operation: ShutdownOperation): number {
    if (this.closed || this.shutting !== null) return uvCode('UV_ENOTCONN');
    this.shutting = operation;
    this.shutAsked = true;
    this.updateHold();
    if (this.waiting === null || this.waiting.length === 0) this.session.shutdown();
    else this.shutdownDue = true;
    return 0;
  }

  /** The session: the FIN is out, or never will be. */
  onShutdown(error: number): void {
    this.flushReports();
    this.reportShutdown(uvFromWsa(error));
  }

  private reportShutdown(status: number): void {
    const operation = this.shutting;
    if (operation === null) return;
    this.shutting = null;
    this.updateHold();
    shutdown = operation;
    shutdownStatus = status;
    enter(operation.resource ?? this.resource, reportShutdown, this);
    operation.resource?.emitDestroy();
  }

  completeShutdown({ req, resource }: ShutdownOperation, status: number): void {
    if (resource === null) this.finishShutdown(req, status);
    else (req as ShutdownReq).oncomplete(status);
  }

  /** The handle is closed: as libuv does, requests that are left hear ECANCELED, writes first, before the close callback. */
  protected cancelRequests(): void {
    const status = uvCode('UV_ECANCELED');
    this.flushReports();
    const writing = this.writing;
    this.writing = null;
    if (writing !== null) this.report({ operation: writing, status });
    const waiting = this.waiting;
    this.waiting = null;
    if (waiting !== null) for (const operation of waiting) this.report({ operation, status });
    this.reportShutdown(status);
  }
}

function reportFinished(this: WritingHandle): void {
  const what = finished;
  finished = null;
  if (what !== null) this.completeRequest(what);
}

function reportAll(handle: WritingHandle): void {
  handle.reportAllNow();
}

function reportShutdown(this: WritingHandle): void {
  const operation = shutdown;
  shutdown = null;
  if (operation !== null) this.completeShutdown(operation, shutdownStatus);
}

function encodingAt(chunks: readonly unknown[], index: number): BufferEncoding {
  return chunks[index + 1] as BufferEncoding;
}

function notABuffer(): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new TypeError('Second argument must be a buffer');
  error.code = 'ERR_INVALID_ARG_TYPE';
  return error;
}
