/**
 * The hybrid handle as a whole: the members that native consumers call, the rest of what `net` calls, close and reset.
 * Every member of `TCP.prototype` and its ancestors has its own here; self-test.ts refuses a Node that has one more.
 */
import type { AsyncResource } from 'node:async_hooks';
import { inspect, type InspectOptions } from 'node:util';
import type { SessionUser } from '../session/index.js';
import { fillNodeAddress } from './address.js';
import { newHandleResource } from './async-context.js';
import { enter } from './callback.js';
import { handleEnvironment, uvCode } from './handle-base.js';
import { ReadingHandle } from './handle-read.js';
import type { NodeAddress, TcpHandle } from './node-shapes.js';
import type { SanConnection } from './port.js';

type CloseCallback = ((this: HybridHandle) => void) | null | undefined;

export class HybridHandle extends ReadingHandle implements SessionUser {
  declare readonly isStreamBase: true;
  declare protected finishWrite: (req: object, status: number) => void;
  declare protected finishShutdown: (req: object, status: number) => void;
  declare protected readBuffer: (bytes: Uint8Array) => void;
  declare protected emitEOF: () => void;
  private closeCallback: CloseCallback = null;

  constructor(connection: SanConnection, tcp: TcpHandle | null, resource: AsyncResource) {
    super(connection, tcp, resource);
    if (tcp !== null) this.refed = tcp.hasRef();
    connection.session.user = this;
    handleEnvironment().onOpened(this);
  }

  // ---------------------------------------------------------------- native consumers

  isClosing(): boolean {
    return this.closed;
  }

  onreadstart(): number {
    this.readNatively();
    return this.readStart();
  }

  onreadstop(): number {
    return this.readStop();
  }

  onwrite(req: object, list: readonly Uint8Array[]): number {
    return this.writeNatively(req, list);
  }

  onshutdown(req: object): number {
    return this.beginShutdown(req, true);
  }

  // ---------------------------------------------------------------- end of life

  /** Closes the connection; the callback comes later, as from libuv. */
  close(callback?: CloseCallback): void {
    if (this.closed) return;
    if (this.hasUnread) this.session.reset();
    else this.session.close();
    this.beginClose(callback);
  }

  /** Closes it so that the peer gets ECONNRESET. */
  reset(callback?: CloseCallback): number {
    if (this.closed) return 0;
    if (this.busy) return uvCode('UV_EINVAL');
    this.session.reset();
    this.beginClose(callback);
    return 0;
  }

  private beginClose(callback: CloseCallback): void {
    this.closed = true;
    this.flowing = false;
    this.session.user = null;
    this.closeCallback = callback;
    this.updateHold();
    handleEnvironment().onClosed(this);
    if (this.tcp === null) setImmediate(finishClose, this);
    else this.tcp.close(() => finishClose(this));
  }

  finishClose(): void {
    this.cancelRequests();
    const callback = this.closeCallback;
    this.closeCallback = null;
    if (typeof callback === 'function') enter(this.resource, callback, this);
    this.resource.emitDestroy();
  }

  // ---------------------------------------------------------------- names, options, identity

  getsockname(out: NodeAddress): number {
    if (this.closed) return uvCode('UV_EBADF');
    fillNodeAddress(this.connection.local, out);
    return 0;
  }

  getpeername(out: NodeAddress): number {
    if (this.closed) return uvCode('UV_EBADF');
    fillNodeAddress(this.connection.remote, out);
    return 0;
  }

  get fd(): number {
    return this.tcp === null ? -1 : this.tcp.fd;
  }

  get _externalStream(): undefined {
    return undefined;
  }

  // There is no wire to tune; a program that asks is told that all went well (OPT-12).
  setNoDelay(): number {
    return 0;
  }

  setKeepAlive(): number {
    return 0;
  }

  setBlocking(): number {
    return 0;
  }

  setSimultaneousAccepts(): number {
    return 0;
  }

  private typeOfService = 0;

  setTypeOfService(value: number): number {
    this.typeOfService = value;
    return 0;
  }

  getTypeOfService(): number {
    return this.typeOfService;
  }

  open(): number {
    return uvCode('UV_EINVAL');
  }

  bind(): number {
    return uvCode('UV_EINVAL');
  }

  bind6(): number {
    return uvCode('UV_EINVAL');
  }

  listen(): number {
    return uvCode('UV_EINVAL');
  }

  connect(): number {
    return uvCode('UV_EISCONN');
  }

  connect6(): number {
    return uvCode('UV_EISCONN');
  }

  getAsyncId(): number {
    return this.resource.asyncId();
  }

  /** An HTTP agent takes the socket for another request: its callbacks belong to the current context from now on. */
  asyncReset(): void {
    this.resource.emitDestroy();
    this.resource = newHandleResource();
  }

  getProviderType(): number {
    if (this.tcp !== null) return this.tcp.getProviderType();
    const { TCP, tcpSocketType } = handleEnvironment().internals;
    const sample = new TCP(tcpSocketType);
    const type = sample.getProviderType();
    sample.close();
    return type;
  }

  getAsyncContextFrameForDebuggingOnly(): undefined {
    return undefined;
  }

  /** What `console.log(socket)` shows: a TCP handle, not our inner life. */
  [inspect.custom](depth: number, options: InspectOptions): unknown {
    if (depth < 0) return '[TCP]';
    const { ownerSymbol, TCP } = handleEnvironment().internals;
    const shape = Object.create({ constructor: TCP }) as Record<PropertyKey, unknown>;
    shape['reading'] = this.reading;
    shape['onconnection'] = null;
    shape[ownerSymbol] = this[ownerSymbol];
    return inspect(shape, { ...options, depth: options.depth === null ? null : depth });
  }
}

/** Puts on the prototype what is data or native. Comes after `setHandleEnvironment`; repeating it is harmless. */
export function completeHybridPrototype(): void {
  const { JSStream, TCP } = handleEnvironment().internals;
  const native = JSStream.prototype;
  const members: Record<string, unknown> = {
    constructor: TCP,
    finishWrite: native.finishWrite,
    finishShutdown: native.finishShutdown,
    readBuffer: native.readBuffer,
    emitEOF: native.emitEOF,
    // TLS and HTTP/2 see a stream that they can read natively …
    isStreamBase: true,
    // … while HTTP/1 believes that it is read natively already, and keeps to the JavaScript path, which is the faster.
    _consumed: true,
  };
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(HybridHandle.prototype, name, { value, writable: true, configurable: true });
  }
}

function finishClose(handle: HybridHandle): void {
  handle.finishClose();
}
