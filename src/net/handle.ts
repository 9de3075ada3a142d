/**
 * The hybrid handle as a whole: the members that native consumers call, the rest of what `net` calls, close and reset.
 * Every member of `TCP.prototype` and its ancestors has its own here; self-test.ts refuses a Node that has one more.
 */
import { executionAsyncId } from 'node:async_hooks';
import { inspect } from 'node:util';
import { isDeliveringLate, type SessionUser } from '../session/index.js';
import { fillNodeAddress } from './address.js';
import { type AsyncContext, contextOf, copyStores, newHandleResource } from './async-context.js';
import { enter } from './callback.js';
import { handleEnvironment, newNativeStream, uvCode } from './handle-base.js';
import { namesOf } from './handle-names.js';
import { ReadingHandle } from './handle-read.js';
import type { Relay } from './handle-relay.js';
import { sharedSession } from './handle-shared.js';
import type { NodeAddress, TcpHandle } from './node-shapes.js';
import type { SanConnection } from './port.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

export type UrgentListener = (block: Buffer) => void;
type CloseCallback = ((this: HybridHandle) => void) | null | undefined;

export class HybridHandle extends ReadingHandle implements SessionUser {
  declare readonly isStreamBase: true;
  declare protected finishWrite: (req: object, status: number) => void;
  declare protected finishShutdown: (req: object, status: number) => void;
  declare protected readBuffer: (bytes: Uint8Array) => void;
  declare protected emitEOF: () => void;
  private closeCallback: CloseCallback = null;

  /** `listed`: the connection is there already. `native`: the stream that it is to be, of {@link newNativeStream}. */
  constructor(
    connection: SanConnection,
    tcp: TcpHandle | null,
    resource: AsyncContext,
    listed = true,
    native = newNativeStream(),
  ) {
    super(connection, tcp, resource, listed, native);
    if (tcp !== null) this.refed = tcp.hasRef();
    connection.session.user = this;
    handleEnvironment().onOpened(this);
  }

  /** The connection that was claimed is there. `listed`: on the SAN. */
  adopt(connection: SanConnection, listed: boolean): void {
    this.connection = connection;
    this.session = connection.session;
    this.listed = listed;
    connection.session.user = this;
    const owner = this.ownerSocket as { _sockname?: unknown; _peername?: unknown } | undefined;
    if (owner !== undefined) {
      // `net` has asked already, and remembers the answer.
      owner._sockname = null;
      owner._peername = null;
    }
    if (listed) handleEnvironment().onOpened(this);
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
    return this.beginShutdown({ req, resource: null });
  }

  // ---------------------------------------------------------------- urgent data

  private urgentListener: UrgentListener | null = null;
  private urgentBlock: Uint8Array | null = null;

  /** Null: blocks come among the data, each by itself. False: not supported here. */
  listenUrgent(listener: UrgentListener | null): boolean {
    if (this.session.startUrgent === undefined) return false;
    this.urgentListener = listener;
    this.session.startUrgent(listener === null);
    return true;
  }

  onUrgent(bytes: Uint8Array): void {
    if (this.closed) return;
    this.urgentBlock = bytes;
    enter(this.resource, deliverUrgent, this);
  }

  deliverUrgentNow(): void {
    const block = this.urgentBlock;
    this.urgentBlock = null;
    if (block !== null) this.urgentListener?.(Buffer.from(block.buffer, block.byteOffset, block.length));
  }

  // ---------------------------------------------------------------- end of life

  /** Whether the connection can go to another handle: its socket has let go of it, and nothing is under way. */
  get canMove(): boolean {
    if (this.closed || this.relay !== null || this.hasUnread || !this.canMoveWrites) return false;
    return !this.isKept;
  }

  /** Whether it can go to another thread: as to another process, but its socket lets go of it later. */
  get canTransfer(): boolean {
    return !this.closed && this.relay === null && this.shared === null && !this.hasUnread && this.canMoveWrites;
  }

  /** Whether other processes can have the connection as well: nothing is under way that only this handle could end. */
  get canShare(): boolean {
    return !this.closed && this.relay === null && this.canMoveWrites;
  }

  /** Whether the program here goes on with its socket when it sends it. */
  get isKept(): boolean {
    return this.ownerSocket?._handle === this;
  }

  /** Where the connection has gone; null: it is still here. */
  relay: Relay | null = null;
  /** The socket that other processes have too, and through which this one goes from then on; null: there is none. */
  shared: TcpHandle | null = null;

  /** Gives the connection to a new handle, which `relay` takes. This one is a shell from now on. */
  moveOut(relay: Relay): void {
    this.readStop();
    this.relay = relay;
    if (this.listed) handleEnvironment().onClosed(this);
    this.giveTo(relay);
  }

  /**
   * `relay` takes the connection, and this handle goes on with the travelling end, as whoever has received it: the kernel
   * decides who reads what, and when the last has closed it. `asStdio`: see handle-shared.ts.
   */
  share(relay: Relay, asStdio: boolean): void {
    const { flowing, connection } = this;
    if (flowing) this.session.stopReading();
    if (this.listed) handleEnvironment().onClosed(this);
    this.giveTo(relay);
    this.tcp = null;
    this.shared = relay.travelling;
    const session = sharedSession(relay.travelling, { shut: this.shutAsked, writer: asStdio ? relay.inner : null });
    this.adopt({ ...namesOf(connection), session, provider: '', peer: null, toSelf: false, id: 0 }, false);
    if (flowing) session.startReading();
  }

  private giveTo(relay: Relay): void {
    const next = new HybridHandle(this.connection, this.tcp, newHandleResource(), this.listed);
    this.moveRequests(next);
    relay.take(next, this.endSeen);
  }

  private closeShell(relay: Relay, callback: CloseCallback): void {
    this.closed = true;
    this.closeCallback = callback;
    relay.release();
    setImmediate(finishClose, this);
  }

  /** Closes the connection; the callback comes later, as from libuv. */
  close(callback?: CloseCallback): void {
    if (this.closed) return;
    if (this.relay !== null) {
      this.closeShell(this.relay, callback);
      return;
    }
    if (this.hasUnread) this.session.reset();
    else this.session.close();
    this.beginClose(callback);
  }

  /** Closes it so that the peer gets ECONNRESET. */
  reset(callback?: CloseCallback): number {
    if (this.closed) return 0;
    // What is pending is cancelled. Not as libuv, which refuses while a shutdown is under way: `net` then never closes the
    // socket, and a shutdown that waits for a large transfer is under way for longer than a kernel's ever is.
    if (this.relay !== null) return uvCode('UV_EINVAL');
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
    if (this.listed) handleEnvironment().onClosed(this);
    if (isDeliveringLate()) setImmediate(closeInLoop, this);
    else closeInLoop(this);
  }

  /** In the loop's phase for it, behind immediates. An accepted connection has no handle of the loop's own. */
  closeInLoop(): void {
    const { tcp } = this;
    const then = (): void => finishClose(this);
    if (tcp !== null) tcp.close(then);
    else if (!handleEnvironment().closeLate(then)) setImmediate(then);
  }

  finishClose(): void {
    this.cancelRequests();
    const callback = this.closeCallback;
    this.closeCallback = null;
    // The callback of a TCP handle's close is called in that handle's context, which is this one's.
    const entered = executionAsyncId() === this.resource.asyncId();
    if (typeof callback === 'function') enter(entered ? null : this.resource, callback, this);
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

  /** On the connecting side the TCP handle's, which the socket took for its own before it was connected. */
  getAsyncId(): number {
    return this.resource.asyncId();
  }

  /** An HTTP agent takes the socket for another request: its callbacks belong to the current context from now on. */
  asyncReset(resource?: { handle?: unknown }): void {
    const { tcp } = this;
    this.resource.emitDestroy();
    // What the agent wraps for async hooks is to be what they were shown first.
    if (tcp !== null && resource?.handle === this) resource.handle = tcp;
    tcp?.asyncReset(resource);
    this.resource = tcp === null ? newHandleResource() : contextOf(tcp, resource);
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

  /**
   * What `console.log(socket)` shows: a TCP handle, not our inner life. An object, which is then inspected in place of this
   * one, as a part of the same whole.
   */
  [inspect.custom](): unknown {
    const { ownerSymbol, TCP } = handleEnvironment().internals;
    const shape = Object.create(TCP.prototype) as Record<PropertyKey, unknown>;
    // Under TLS an accessor of Node's, which is shown as such: it may throw once the socket is gone.
    Object.defineProperty(shape, 'reading', Object.getOwnPropertyDescriptor(this, 'reading') ?? { value: false });
    shape['onconnection'] = null;
    shape[ownerSymbol] = this[ownerSymbol];
    copyStores(this.tcp ?? this.resource, shape);
    return shape;
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
    // TLS, HTTP/2 and HTTP/1 servers see a stream that they can read natively.
    isStreamBase: true,
  };
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(HybridHandle.prototype, name, { value, writable: true, configurable: true });
  }
}

function closeInLoop(handle: HybridHandle): void {
  handle.closeInLoop();
}

function deliverUrgent(this: HybridHandle): void {
  this.deliverUrgentNow();
}

function finishClose(handle: HybridHandle): void {
  const { session } = handle;
  if (!session.lending) {
    handle.finishClose();
    return;
  }
  // The program takes the end of its write for leave to use the buffer again, and the peer may be reading it (BLOCK-5).
  const { hold } = handleEnvironment();
  hold(1);
  session.onBuffersReturned = () => {
    hold(-1);
    setImmediate(finishClose, handle);
  };
}
