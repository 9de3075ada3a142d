/**
 * The writing half of the hybrid handle: both of Node's write protocols, gathering, shutdown, and what becomes of
 * requests when the handle is closed.
 *
 * Node <= 24 passes a request object with each write and reads from `streamBaseState` whether it must wait for its
 * `oncomplete`; Node 26 passes null and expects a number, or a request object if the write goes on. A write that the
 * session takes at once allocates nothing.
 */
import { WRITE_DONE, WRITE_PENDING } from '../session/index.js';
import { enter } from './callback.js';
import { BaseHandle, kAsync, kWriteError, kWritten, state, uvCode, uvFromWsa } from './handle-base.js';
import type { ShutdownReq, WriteReq } from './node-shapes.js';
import { abandonScratch, encodedBytesMax, SCRATCH_BYTES, scratchView, useScratch } from './text-scratch.js';

/** A write that could not go at once. `req` is null only for the moment before a Node 26 request is made. */
interface WriteOperation {
  readonly req: object;
  /** A native consumer's: completed by `finishWrite`, not by `oncomplete`. */
  readonly native: boolean;
  readonly list: readonly Uint8Array[];
  readonly bytes: number;
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

// The event that is being handed to the program; set right before enter(), read first thing inside.
let finished: Finished = { operation: { req: {}, native: false, list: [], bytes: 0 }, status: 0 };
let shutdownReq: object = {};
let shutdownNative = false;
let shutdownStatus = 0;

export abstract class WritingHandle extends BaseHandle {
  private writing: WriteOperation | null = null;
  /** Writes behind the pending one: only a native consumer and JavaScript together, or TLS, ever make any. */
  private waiting: WriteOperation[] | null = null;
  /** Finished, to be reported once the caller's frames are gone. */
  private reports: Finished[] | null = null;
  private shutdownReq: object | null = null;
  private shutdownNative = false;
  private shutdownDue = false;

  /** JSStream's own, for requests of native consumers. */
  protected abstract finishWrite(req: object, status: number): void;
  protected abstract finishShutdown(req: object, status: number): void;

  protected override get busy(): boolean {
    return this.writing !== null || this.shutdownReq !== null;
  }

  get writeQueueSize(): number {
    let bytes = this.writing === null ? 0 : this.session.pendingBytes;
    if (this.waiting !== null) for (const operation of this.waiting) bytes += operation.bytes;
    return bytes;
  }

  // ---------------------------------------------------------------- what net calls

  writeBuffer(req: WriteReq | null, bytes: Uint8Array): number | WriteReq {
    if (!(bytes instanceof Uint8Array)) throw notABuffer();
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
    return this.beginShutdown(req, false);
  }

  // ---------------------------------------------------------------- writing

  private writeOne(req: WriteReq | null, bytes: Uint8Array): number | WriteReq {
    const length = bytes.length;
    state[kWritten] = length;
    state[kAsync] = 0;
    if (kWriteError >= 0) state[kWriteError] = 0;
    if (this.closed) return uvCode('UV_EBADF');
    if (this.writing !== null) return this.dispatch(req, [bytes], length);
    const result = this.session.write(bytes);
    if (result < 0) return uvFromWsa(-result);
    this.bytesWritten += length;
    return result === WRITE_DONE ? 0 : this.pend(req, [bytes], length);
  }

  private writeText(req: WriteReq | null, text: string, encoding: BufferEncoding): number | WriteReq {
    if (encodedBytesMax(text, encoding) > SCRATCH_BYTES) return this.writeOne(req, Buffer.from(text, encoding));
    const length = useScratch().write(text, 0, encoding);
    return this.writeScratch(req, length);
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
    if (this.writing !== null) {
      this.bytesWritten += bytes;
      return this.pend(req, list, bytes);
    }
    const result = this.session.writev(list, bytes);
    if (result < 0) return uvFromWsa(-result);
    this.bytesWritten += bytes;
    return result === WRITE_DONE ? 0 : this.pend(req, list, bytes);
  }

  private pend(req: WriteReq | null, list: readonly Uint8Array[], bytes: number): number | WriteReq {
    state[kAsync] = 1;
    const request = req ?? new PendingWrite();
    this.enqueue({ req: request, native: false, list, bytes });
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

  /** A native consumer writes; `list` holds copies of its bytes. Completion must never come from inside this call. */
  protected writeNatively(req: object, list: readonly Uint8Array[]): number {
    if (this.closed) return uvCode('UV_EBADF');
    let bytes = 0;
    for (const chunk of list) bytes += chunk.length;
    const operation = { req, native: true, list, bytes };
    if (this.writing === null) {
      const result = list.length === 1 ? this.session.write(list[0]) : this.session.writev(list, bytes);
      if (result < 0) return uvFromWsa(-result);
      if (result === WRITE_PENDING) this.enqueue(operation);
      else this.reportLater(operation, 0);
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
    this.report({ operation, status: uvFromWsa(error) });
  }

  private writeWaiting(): void {
    while (this.writing === null) {
      const next = this.waiting?.shift();
      if (next === undefined) break;
      const result = this.session.writev(next.list, next.bytes);
      if (result === WRITE_PENDING) this.writing = next;
      else this.reportLater(next, result < 0 ? uvFromWsa(-result) : 0);
    }
    if (this.writing === null && this.shutdownDue) {
      this.shutdownDue = false;
      this.session.shutdown();
    }
  }

  // ---------------------------------------------------------------- telling the requester

  private report(what: Finished): void {
    finished = what;
    enter(this.resource, reportFinished, this);
  }

  private reportLater(operation: WriteOperation, status: number): void {
    if (this.reports === null) {
      this.reports = [];
      setImmediate(reportAll, this);
    }
    this.reports.push({ operation, status });
  }

  /** Reports what is finished now, because no frame of the requester is on the stack. */
  protected flushReports(): void {
    const reports = this.reports;
    if (reports === null) return;
    this.reports = null;
    for (const item of reports) this.report(item);
  }

  /** For the callbacks outside the class. */
  completeRequest({ operation, status }: Finished): void {
    if (operation.native) {
      this.finishWrite(operation.req, status);
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

  protected beginShutdown(req: object, native: boolean): number {
    if (this.closed || this.shutdownReq !== null) return uvCode('UV_ENOTCONN');
    this.shutdownReq = req;
    this.shutdownNative = native;
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
    const req = this.shutdownReq;
    if (req === null) return;
    this.shutdownReq = null;
    this.updateHold();
    shutdownReq = req;
    shutdownNative = this.shutdownNative;
    shutdownStatus = status;
    enter(this.resource, reportShutdown, this);
  }

  completeShutdown(req: object, native: boolean, status: number): void {
    if (native) this.finishShutdown(req, status);
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
  this.completeRequest(finished);
}

function reportAll(handle: WritingHandle): void {
  handle.reportAllNow();
}

function reportShutdown(this: WritingHandle): void {
  this.completeShutdown(shutdownReq, shutdownNative, shutdownStatus);
}

function encodingAt(chunks: readonly unknown[], index: number): BufferEncoding {
  return chunks[index + 1] as BufferEncoding;
}

function notABuffer(): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new TypeError('Second argument must be a buffer');
  error.code = 'ERR_INVALID_ARG_TYPE';
  return error;
}
