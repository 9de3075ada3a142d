/**
 * The accepting side: `Server.prototype._listen2` gets a companion for each listening TCP handle, and connections that
 * the companion accepts reach the program through the same `onconnection` as those that libuv accepts (D1).
 */
import { Server } from 'node:net';
import { AF_INET6, type SOCKADDR } from '../spi/index.js';
import type { RouteReason } from '../switch/reasons.js';
import { boundAddress, mapToV6 } from './address.js';
import { type AsyncContext, contextOf, newAcceptedResource, newServerResource } from './async-context.js';
import { enter } from './callback.js';
import { HybridHandle } from './handle.js';
import type { NodeInternals } from './internals.js';
import type { TcpHandle } from './node-shapes.js';
import type { PatchSet } from './patch.js';
import type { Hold, Listening, ListenRequest, SanConnection, SharedHandle, SwitchPort } from './port.js';
import type { RouteTable } from './route.js';
import { accepted } from './self-connects.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

type OnConnection = (this: unknown, status: number, client?: unknown) => void;
/**
 * What a cluster's worker gets from a primary that distributes the connections itself: a plain object, for the socket is
 * the primary's. Connections come as messages, each with a TCP handle, and are given to `onconnection` (design/cluster.md).
 */
type WorkerHandle = SharedHandle & { onconnection: OnConnection; close(...args: unknown[]): unknown };
type ListenHandle = (TcpHandle & { onconnection: OnConnection }) | WorkerHandle;
type NetServer = Server & {
  _handle: ListenHandle | null;
  _connections: number;
  _emitCloseIfDrained(): void;
  readonly dropMaxConnection?: boolean;
};

/** What `net` uses where `listen` was given no backlog. */
const DEFAULT_BACKLOG = 511;
/** Position of `backlog` in `_listen2(address, port, addressType, backlog, fd, flags)`. */
const BACKLOG_ARGUMENT = 3;

/** Node takes notice of `dropMaxConnection` since 22.12 and 23.1. Nothing in it shows that. */
const [NODE_MAJOR, NODE_MINOR] = process.versions.node.split('.', 2).map(Number);
const KNOWS_DROP = NODE_MAJOR > 23 || (NODE_MAJOR === 23 && NODE_MINOR >= 1) || (NODE_MAJOR === 22 && NODE_MINOR >= 12);

/** What listening needs to know; one per installation. */
export interface ListenContext {
  readonly internals: NodeInternals;
  readonly port: SwitchPort;
  readonly routes: RouteTable;
  readonly hold: Hold;
  /** Companions by their listening handle. */
  readonly listeners: Map<object, Companion>;
}

/** Patches `_listen2`, the step of `listen` that has the handle, which `net` keeps under this name for who wraps it. */
export function interceptListen(patches: PatchSet, context: ListenContext): void {
  patches.method<(this: NetServer, ...args: unknown[]) => unknown>(
    Server.prototype,
    '_listen2',
    (original) =>
      function listen(this: NetServer, ...args) {
        const result = original.apply(this, args);
        const backlog = args[BACKLOG_ARGUMENT];
        attach(context, this, typeof backlog === 'number' && backlog > 0 ? backlog : DEFAULT_BACKLOG);
        return result;
      },
  );
}

function attach(context: ListenContext, server: NetServer, backlog: number): void {
  const handle = server._handle;
  // Null: listen failed. A HybridHandle cannot listen, a Pipe is not ours.
  if (handle === null || typeof handle.onconnection !== 'function') return;
  if (context.listeners.has(handle)) {
    // Another server listens on the handle of one that does already, and gets its connections from now on: by TCP, for
    // the companion steps back.
    countAccepted(context, handle, () => 'listener-shared');
    return;
  }
  const { TCP, Pipe } = context.internals;
  if ((handle as object) instanceof Pipe || typeof handle.getsockname !== 'function') return;
  const local = boundAddress(handle);
  if (local === null) return;
  const companion = new Companion(context, server, handle, local, backlog);
  companion.open();
  if (!((handle as object) instanceof TCP)) closeWith(handle as WorkerHandle, companion);
}

/** TCP handles share a `close` that is watched (intercept-close.ts); this one is the handle's own. */
function closeWith(handle: WorkerHandle, companion: Companion): void {
  const { close } = handle;
  handle.close = function closeBoth(...args) {
    const result = close.apply(this, args);
    companion.close();
    return result;
  };
}

/** Notes the route of what libuv, or the cluster's primary, gives to a listening handle. */
function countAccepted(context: ListenContext, handle: ListenHandle, reason: () => RouteReason): OnConnection {
  const { TCP } = context.internals;
  const inner = handle.onconnection;
  const onConnection: OnConnection = function onconnection(this: unknown, status, client) {
    if (status === 0 && client instanceof TCP) {
      const why = reason();
      if (context.routes.openTcp(client, why, 'accept', null)) context.routes.tellTcp(client, why, 'accept', null);
    }
    inner.call(this, status, client);
  };
  handle.onconnection = onConnection;
  return inner;
}

/** The companion of one listening handle. */
export class Companion implements ListenRequest {
  readonly tcp: ListenHandle;
  readonly local: SOCKADDR;
  readonly backlog: number;
  readonly #context: ListenContext;
  readonly #server: NetServer;
  readonly #handle: ListenHandle;
  readonly #resource: AsyncContext;
  #inner: OnConnection;
  #installed: OnConnection;
  #listening: Listening | null = null;
  #accepted: HybridHandle | null = null;
  /** Connections that are still to come after the handle was closed. */
  #toCome = 0;

  constructor(context: ListenContext, server: NetServer, handle: ListenHandle, local: SOCKADDR, backlog: number) {
    this.#context = context;
    this.#server = server;
    this.#handle = handle;
    this.tcp = handle;
    this.local = local;
    this.backlog = backlog;
    this.#resource =
      (handle as object) instanceof context.internals.TCP ? contextOf(handle as TcpHandle) : newServerResource();
    this.#inner = handle.onconnection;
    this.#installed = handle.onconnection;
  }

  open(): void {
    const { listeners, port } = this.#context;
    this.#inner = countAccepted(this.#context, this.#handle, () => this.#listening?.reason ?? 'peer-used-tcp');
    this.#installed = this.#handle.onconnection;
    listeners.set(this.#handle, this);
    this.#listening = port.listen(this);
    // The primary of a round-robin cluster takes the handle over when `listening` is emitted, which is in the queue by
    // now: no companion for it then, before anybody has found it.
    if (this.#listening.reason !== null) return;
    process.nextTick(closeIfTakenOver, this);
    setImmediate(closeIfTakenOver, this).unref();
  }

  /** The handle was closed. */
  close(): void {
    if (!this.#context.listeners.delete(this.#handle)) return;
    // If others have the listening socket too, nothing in its queue is lost by our leaving; what this process has taken
    // of it is the program's, and its server is not closed before that has come.
    this.#toCome = this.#listening?.close() ?? 0;
    if (this.#toCome === 0) {
      this.#resource.emitDestroy();
      return;
    }
    this.#server._connections += this.#toCome;
    this.#context.hold(1);
  }

  onLost(): void {
    if (this.#toCome === 0) return;
    this.#came();
    this.#server._emitCloseIfDrained();
  }

  /** One of those that were to come has, or never will. */
  #came(): void {
    this.#server._connections--;
    if (--this.#toCome > 0) return;
    this.#context.hold(-1);
    this.#resource.emitDestroy();
  }

  isEligible(): boolean {
    return this.#server._handle === this.#handle && this.#handle.onconnection === this.#installed;
  }

  /**
   * A cluster's worker that is full gives the connection back to its primary, which looks for another one until one has
   * room. So what is refused here goes to another worker or by TCP, and so to the primary. Elsewhere `net` drops it.
   */
  hasRoom(waiting: number): boolean {
    if (this.#handle.fd !== undefined) return true;
    const { maxConnections, _connections: open, dropMaxConnection } = this.#server;
    if (KNOWS_DROP && dropMaxConnection === true) return true;
    return typeof maxConnections !== 'number' || open + waiting < maxConnections;
  }

  /** Why this listener is on TCP alone; null: it serves the SAN too. */
  get reason(): RouteReason | null {
    return this.#listening?.reason ?? null;
  }

  closeIfTakenOver(): void {
    if (this.#context.listeners.get(this.#handle) === this && !this.isEligible()) this.#listening?.close();
  }

  onConnection(connection: SanConnection): void {
    if (this.#toCome === 0 && !this.isEligible()) {
      connection.session.reset();
      return;
    }
    const seen = this.local.sa_family === AF_INET6 ? asV6(connection) : connection;
    this.#accepted = new HybridHandle(seen, null, newAcceptedResource(this.#resource));
    enter(this.#resource, inject, this);
    accepted(connection);
  }

  /** Exactly what libuv's callback does: `maxConnections`, `pauseOnConnect`, `drop` … are `net`'s. */
  inject(): void {
    const handle = this.#accepted;
    this.#accepted = null;
    // It is counted by `net` from now on.
    if (this.#toCome > 0) this.#came();
    this.#inner.call(this.#handle, 0, handle);
  }
}

function inject(this: Companion): void {
  this.inject();
}

function closeIfTakenOver(companion: Companion): void {
  companion.closeIfTakenOver();
}

/** The connection as a dual-stack listener shows it. */
function asV6(connection: SanConnection): SanConnection {
  if (connection.remote.sa_family === AF_INET6) return connection;
  const { session, provider, local, remote, peer, toSelf, id } = connection;
  return { session, provider, peer, toSelf, id, local: mapToV6(local), remote: mapToV6(remote) };
}
