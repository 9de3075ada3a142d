/**
 * Which way each connection went, and why (D9): for `routeOf(socket)` and for observers. SAN connections are listed by
 * their handles; TCP ones only if they passed our connect or accept, by one entry in a map each.
 */
import type { SOCKADDR } from '../spi/index.js';
import type { RouteReason } from '../switch/reasons.js';
import { boundAddress, peerAddress } from './address.js';
import type { TransferWay } from '../session/index.js';
import { BaseHandle } from './handle-base.js';
import type { NodeInternals } from './internals.js';
import type { OwnerSocket, TcpHandle } from './node-shapes.js';
import type { SanConnection, SanPeer } from './port.js';

/** The way of one connection. */
export interface Route {
  readonly carrier: 'san' | 'tcp';
  /** The SAN provider's name; null on TCP. */
  readonly provider: string | null;
  /** Why it is on TCP; null on the SAN. */
  readonly reason: RouteReason | null;
  /** As the program sees them; null: not known (any more). */
  readonly local: SOCKADDR | null;
  readonly remote: SOCKADDR | null;
  readonly peer: SanPeer | null;
  /** How this end's large writes travel on the SAN (D7); null on TCP. */
  readonly transfer: TransferWay | null;
}

/** Which end of the connection this process is. */
export type Role = 'connect' | 'accept';

/** A connection that is open now. */
export interface LiveConnection extends Route {
  readonly role: Role;
  /** Unique in this isolate. */
  readonly id: number;
  /** The switch's side of a SAN connection; null on TCP. */
  readonly connection: SanConnection | null;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes of the pending write that are not sent yet. */
  readonly pendingBytes: number;
}

/** Who a TCP connection is; `local` is null until TCP has chosen it. */
export interface TcpEnds {
  /** As of {@link LiveConnection}. */
  readonly id: number;
  readonly local: SOCKADDR | null;
  readonly remote: SOCKADDR | null;
}

/** Hears of connections as they open and close; for counters and channels. Not called on the data path. */
export interface RouteObserver {
  /** `id` as of {@link LiveConnection}. */
  sanOpened(id: number, role: Role, connection: SanConnection): void;
  sanClosed(id: number, bytesRead: number, bytesWritten: number): void;
  /** A connect goes by TCP (it may still fail), or a TCP connection was accepted. True: `tcpEnds` is wanted as well. */
  tcpOpened(reason: RouteReason): boolean;
  tcpEnds(role: Role, reason: RouteReason, ends: TcpEnds): void;
}

/** Where a connect goes, and when it began, in ms as `performance.now()` has it. */
export interface Destination {
  readonly address: string;
  readonly port: number;
  readonly at: number;
}

/** One per reason and role, shared by all connections that have them, but for those that have something to prove. */
interface TcpRecord {
  readonly reason: RouteReason;
  readonly role: Role;
  /** Where a plain listener would be proved by this connection. */
  readonly unproven: Destination | null;
}

/** How far `routeOf` follows a socket to what it is built on: request → TLS socket → raw socket. */
const FOLLOW_MAX = 6;

export class RouteTable {
  readonly #san = new Set<BaseHandle>();
  readonly #tcp = new Map<TcpHandle, TcpRecord>();
  readonly #records: Readonly<Record<Role, Map<RouteReason, TcpRecord>>> = { connect: new Map(), accept: new Map() };
  /** What became of sockets that have no handle any more. Not the connection: a program may keep closed sockets for long. */
  readonly #closed = new WeakMap<object, Route | TcpRecord>();
  readonly #ids = new WeakMap<object, number>();
  #lastId = 0;
  readonly #internals: NodeInternals;
  readonly #observer: RouteObserver | null;

  constructor(internals: NodeInternals, observer: RouteObserver | null) {
    this.#internals = internals;
    this.#observer = observer;
  }

  /** SAN handles carry theirs; TCP ones get one when somebody asks. */
  #idOf(handle: TcpHandle): number {
    let id = this.#ids.get(handle);
    if (id === undefined) {
      id = ++this.#lastId;
      this.#ids.set(handle, id);
    }
    return id;
  }

  // ---------------------------------------------------------------- bookkeeping

  openSan(handle: BaseHandle): void {
    this.#san.add(handle);
    handle.routeId = ++this.#lastId;
    this.#observer?.sanOpened(handle.routeId, roleOf(handle), handle.connection);
  }

  closeSan(handle: BaseHandle): void {
    this.#san.delete(handle);
    const owner = handle.ownerSocket;
    if (owner !== undefined) this.#closed.set(owner, sanRoute(handle.connection));
    this.#observer?.sanClosed(handle.routeId, handle.bytesRead, handle.bytesWritten);
  }

  /** `unproven` comes back from {@link closeTcp}. True: {@link tellTcp} is wanted as well, which costs more. */
  openTcp(handle: TcpHandle, reason: RouteReason, role: Role, unproven: Destination | null): boolean {
    this.#tcp.set(handle, unproven === null ? this.#recordOf(reason, role) : { reason, role, unproven });
    return this.#observer?.tcpOpened(reason) === true;
  }

  /** `remote`: where it is about to connect to; null: it is connected. */
  tellTcp(handle: TcpHandle, reason: RouteReason, role: Role, remote: SOCKADDR | null): void {
    const ends = { id: this.#idOf(handle), local: boundAddress(handle), remote: remote ?? peerAddress(handle) };
    this.#observer?.tcpEnds(role, reason, ends);
  }

  #recordOf(reason: RouteReason, role: Role): TcpRecord {
    const records = this.#records[role];
    let record = records.get(reason);
    if (record === undefined) {
      record = { reason, role, unproven: null };
      records.set(reason, record);
    }
    return record;
  }

  closeTcp(handle: TcpHandle): Destination | null {
    const record = this.#tcp.get(handle);
    if (record === undefined) return null;
    this.#tcp.delete(handle);
    const owner = handle[this.#internals.ownerSymbol];
    if (typeof owner === 'object' && owner !== null) this.#closed.set(owner, record);
    return record.unproven;
  }

  /** Forgets everything; for tests. */
  clear(): void {
    this.#san.clear();
    this.#tcp.clear();
  }

  // ---------------------------------------------------------------- questions

  /**
   * The route of a socket, of one that TLS or HTTP/2 has built on it, or of what has one as `socket` (requests,
   * responses, HTTP/2 sessions). Null: not connected yet, not TCP, or older than the switch.
   */
  routeOf(subject: object): Route | null {
    try {
      return this.#follow(subject, FOLLOW_MAX);
    } catch {
      // An HTTP/2 session that is over throws when its socket is asked for.
      return null;
    }
  }

  #follow(subject: object, depth: number): Route | null {
    if (depth === 0) return null;
    if (subject instanceof BaseHandle) return subject.listed ? sanRoute(subject.connection) : null;
    const record = this.#tcp.get(subject as TcpHandle);
    if (record !== undefined) return tcpRoute(record, subject as TcpHandle);
    const closed = this.#closed.get(subject);
    const { _handle: handle, _parent: parent, socket } = subject as Partial<OwnerSocket> & { socket?: unknown };
    if (isObject(handle)) {
      const route = this.#follow(handle, depth - 1);
      if (route !== null) return route;
    }
    if (closed !== undefined) return 'carrier' in closed ? closed : tcpRoute(closed, null);
    // A TLSWrap's or a TLS socket's `_parent` is what it stands on.
    if (isObject(parent)) return this.#follow(parent, depth - 1);
    return isObject(socket) ? this.#follow(socket, depth - 1) : null;
  }

  /** Handles of accepted SAN connections that are referenced. */
  *accepted(): IterableIterator<BaseHandle> {
    for (const handle of this.#san) if (handle.tcp === null && handle.hasRef()) yield handle;
  }

  /** What the programs of the SAN connections that are open now have read and written; no object is made for each. */
  sanBytes(): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const { bytesRead, bytesWritten } of this.#san) {
      read += bytesRead;
      written += bytesWritten;
    }
    return { read, written };
  }

  /** The connections that are open now. */
  *live(): IterableIterator<LiveConnection> {
    for (const handle of this.#san) {
      const { bytesRead, bytesWritten, connection } = handle;
      const { pendingBytes } = connection.session;
      const own = { id: handle.routeId, role: roleOf(handle), connection, bytesRead, bytesWritten, pendingBytes };
      yield { ...sanRoute(connection), ...own };
    }
    for (const [handle, record] of this.#tcp) {
      // A handle that went to another thread was never closed here.
      if (handle.fd < 0) {
        this.#tcp.delete(handle);
        continue;
      }
      const { bytesRead, bytesWritten } = handle;
      const own = { id: this.#idOf(handle), role: record.role, connection: null, bytesRead, bytesWritten };
      yield { ...tcpRoute(record, handle), ...own, pendingBytes: 0 };
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Only the connecting side has a TCP handle underneath (D12). */
function roleOf(handle: BaseHandle): Role {
  return handle.tcp === null ? 'accept' : 'connect';
}

function sanRoute({ provider, local, remote, peer, session }: SanConnection): Route {
  return { carrier: 'san', provider, reason: null, local, remote, peer, transfer: session.transfer };
}

function tcpRoute({ reason }: TcpRecord, handle: TcpHandle | null): Route {
  const local = handle === null ? null : boundAddress(handle);
  const remote = handle === null ? null : peerAddress(handle);
  return { carrier: 'tcp', provider: null, reason, local, remote, peer: null, transfer: null };
}
