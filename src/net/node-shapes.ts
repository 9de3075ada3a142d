/**
 * The shapes of Node's internal objects, as far as this folder touches them. None of this is Node's public API: it is
 * reached in internals.ts, checked there and by self-test.ts, and if anything differs this Node stays on TCP (D1).
 */
import type { Socket } from 'node:net';

/** What `getsockname`/`getpeername` fill. */
export interface NodeAddress {
  address?: string;
  family?: string;
  port?: number;
}

/** A libuv result: 0, or a negative `UV_*` code. */
export type UvResult = number;

/** The request object of a connect; `net` sets `oncomplete` and may take it away again (its own time limit). */
export interface ConnectReq {
  oncomplete?:
    | ((status: UvResult, handle: unknown, req: ConnectReq, readable: boolean, writable: boolean) => void)
    | undefined;
}

/** The request object of a shutdown. */
export interface ShutdownReq {
  oncomplete(status: UvResult): void;
}

/** The request object of a write: passed in by Node <= 24, made by the handle since Node 26. */
export interface WriteReq {
  oncomplete: ((status: UvResult, handle: unknown, error: undefined) => void) | null;
}

/** A `TCPWrap` as JavaScript sees it. The symbol key is `owner_symbol`. */
export interface TcpHandle {
  readonly fd: number;
  /** Set by `net`, when it has called `readStart`. */
  readonly reading: boolean;
  onread: unknown;
  onconnection: unknown;
  open(fd: number): UvResult;
  bind(address: string, port: number, flags?: number): UvResult;
  bind6(address: string, port: number, flags?: number): UvResult;
  listen(backlog: number): UvResult;
  connect(req: ConnectReq, address: string, port: number): UvResult;
  connect6(req: ConnectReq, address: string, port: number): UvResult;
  readStart(): UvResult;
  readStop(): UvResult;
  getsockname(out: NodeAddress): UvResult;
  getpeername(out: NodeAddress): UvResult;
  close(callback?: (() => void) | null): void;
  reset(callback?: (() => void) | null): UvResult;
  ref(): void;
  unref(): void;
  hasRef(): boolean;
  asyncReset(resource?: object): void;
  getAsyncId(): number;
  getProviderType(): number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  [key: symbol]: unknown;
}

/** The parts of a `JSStream` that its native consumers make us call. */
export interface JsStreamMethods {
  readBuffer(bytes: Uint8Array): void;
  emitEOF(): void;
  finishWrite(req: object, status: UvResult): void;
  finishShutdown(req: object, status: UvResult): void;
}

/** A `TLSWrap`: reads the stream under it natively, and is the handle of a `tls.TLSSocket`. */
export interface TlsWrap {
  onread: unknown;
  /** The handle it reads. */
  _parent?: unknown;
  readonly _secureContext?: { readonly context: unknown };
  /** Of the program's bytes. */
  readonly bytesWritten: number;
  useUserBuffer(buffer: Uint8Array): void;
  destroySSL(): void;
  [key: PropertyKey]: unknown;
}

/** `process.binding('tls_wrap')`; `tls` calls `wrap` as a property of it. */
export interface TlsWrapBinding {
  wrap(handle: object, context: object, isServer: boolean, ...rest: unknown[]): TlsWrap;
  readonly TLSWrap?: { readonly prototype: object };
}

/** The socket that owns a handle: what `handle[owner_symbol]` holds. */
export type OwnerSocket = Socket & {
  _handle: object | null;
  _parent?: unknown;
  /** Of an HTTP/1 connection; `_consumed`: it reads the handle natively. */
  parser?: { readonly _consumed?: boolean } | null;
  /** What the stream keeps of its program's writes, oldest first, the one under way not included. */
  readonly _writableState?: { readonly corked: number; getBuffer?(): readonly BufferedWrite[] };
  [key: symbol]: unknown;
};

/** A write that a stream keeps. */
interface BufferedWrite {
  readonly chunk: string | Uint8Array;
  readonly encoding: BufferEncoding;
}
