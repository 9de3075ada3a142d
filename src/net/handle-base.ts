/**
 * The ground of the hybrid handle (D1): a native `JSStream` object whose prototype chain is ours, on top of
 * `TCP.prototype`. JavaScript (`net`) calls our methods; native consumers (`TLSWrap`, `Http2Session`) see the genuine
 * stream underneath. This file makes the object, holds what all layers share, and keeps the event loop alive as libuv
 * would.
 */
import { errnoFromWsa } from '../spi/index.js';
import type { AsyncContext } from './async-context.js';
import type { NodeInternals } from './internals.js';
import type { OwnerSocket, TcpHandle } from './node-shapes.js';
import type { CloseLate, Hold, SanConnection, SanSession } from './port.js';
import type { UvName } from './requirements.js';

/** What every handle of this isolate shares. */
export interface HandleEnvironment {
  readonly internals: NodeInternals;
  readonly hold: Hold;
  readonly closeLate: CloseLate;
  /** A handle begins to live, or has been closed: for who keeps the list. */
  onOpened(handle: BaseHandle): void;
  onClosed(handle: BaseHandle): void;
}

let environment: HandleEnvironment | null = null;

// The following are read on the data path; live bindings of plain values are the cheapest way to them.
/** Node's result mailbox, see {@link NodeInternals.streamState}. */
export let state: Int32Array = new Int32Array(8);
export let kRead = 0;
export let kOffset = 1;
export let kWritten = 2;
export let kAsync = 3;
/** -1 before Node 26. */
export let kWriteError = -1;

/** Makes the internals known to the classes of this folder. Comes before the first handle; repeating it is harmless. */
export function setHandleEnvironment(next: HandleEnvironment): void {
  const { internals } = next;
  environment = next;
  state = internals.streamState;
  kRead = internals.kReadBytesOrError;
  kOffset = internals.kArrayBufferOffset;
  kWritten = internals.kBytesWritten;
  kAsync = internals.kLastWriteWasAsync;
  kWriteError = internals.kLastWriteErr;
  Object.setPrototypeOf(NativeStream.prototype, internals.TCP.prototype);
}

/** The shared environment; to be asked only after {@link setHandleEnvironment}. */
export function handleEnvironment(): HandleEnvironment {
  if (environment === null) throw new Error('the handle environment is not set');
  return environment;
}

/** A libuv code by name, e.g. `UV_EOF`. internals.ts has checked that those used here exist. */
export function uvCode(name: UvName): number {
  return handleEnvironment().internals.uv[name];
}

/**
 * What libuv would have said: on Linux its codes are negated errnos. 0 stays 0, and not -0, which is no int32: native
 * code would abort over it.
 */
export function uvFromWsa(error: number): number {
  return error === 0 ? 0 : -errnoFromWsa(error);
}

/**
 * What is left of a chunk when its native consumer lets go of the stream in the middle of it. From libuv nothing more
 * comes once the handle is closed.
 */
function onNativeRead(this: BaseHandle, memory?: ArrayBuffer): unknown {
  return this.closed ? undefined : handleEnvironment().internals.onStreamRead.call(this, memory);
}

/**
 * A native JSStream that is no handle yet. `onread` is set while the native accessor still shows: the slot must hold a
 * function before a native consumer lets go of the stream, else Node aborts.
 */
export function newNativeStream(): object {
  const native = new (handleEnvironment().internals.JSStream)() as { onread: unknown };
  native.onread = onNativeRead;
  return native;
}

/** `new` gives a native JSStream with the prototype of the class that was asked for. */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- it only lends its prototype.
class NativeStream {
  constructor(native: object) {
    return Object.setPrototypeOf(native, new.target.prototype) as NativeStream;
  }
}

/** Fields are own properties on purpose: the accessors of `TCP.prototype` abort the process when used on a JSStream. */
export abstract class BaseHandle extends NativeStream {
  /** What `net` sets; the same names as on a TCP handle. */
  onread: unknown;
  reading = false;
  onconnection: unknown = null;
  /** As on a TCP handle: payload bytes given to, and taken from, the program. */
  bytesRead = 0;
  bytesWritten = 0;

  session: SanSession;
  connection: SanConnection;
  /** It is on the SAN, and on the lists. Not so while it is claimed from another process, nor if it is relayed then. */
  listed: boolean;
  /** The program's TCP handle underneath: it holds the local port (D12). Connecting side only. */
  tcp: TcpHandle | null;
  /** The async context of this handle's callbacks. */
  resource: AsyncContext;
  /** Unique among the isolate's connections, for observers. */
  routeId = 0;
  /** Close or reset was called. */
  closed = false;
  /** The program wants data (`readStart`). */
  flowing = false;
  /** EOF or an error was delivered: nothing more will come. */
  ended = false;
  /** It was EOF. */
  endSeen = false;
  /** `ref()`/`unref()`. */
  refed = true;
  /** Whether this handle keeps the loop alive now. */
  private held = false;
  [key: symbol]: unknown;

  constructor(
    connection: SanConnection,
    tcp: TcpHandle | null,
    resource: AsyncContext,
    listed: boolean,
    native: object,
  ) {
    super(native);
    this.onread = handleEnvironment().internals.onStreamRead;
    this.session = connection.session;
    this.connection = connection;
    this.tcp = tcp;
    this.resource = resource;
    this.listed = listed;
  }

  /** The socket that owns this handle, if any. */
  get ownerSocket(): OwnerSocket | undefined {
    return this[handleEnvironment().internals.ownerSymbol] as OwnerSocket | undefined;
  }

  /** Whether a write or a shutdown is under way. */
  protected abstract get busy(): boolean;

  /**
   * libuv keeps the loop alive for a stream that is read and referenced, and for one with a request under way whether
   * referenced or not; a paused or ended one does not count.
   */
  protected updateHold(): void {
    const wanted = !this.closed && ((this.refed && this.flowing && !this.ended) || this.busy);
    if (wanted === this.held) return;
    this.held = wanted;
    handleEnvironment().hold(wanted ? 1 : -1);
  }

  ref(): void {
    this.refed = true;
    // So that Node's list of active handles says the same.
    this.tcp?.ref();
    this.updateHold();
  }

  unref(): void {
    this.refed = false;
    this.tcp?.unref();
    this.updateHold();
  }

  hasRef(): boolean {
    return !this.closed && this.refed;
  }
}
