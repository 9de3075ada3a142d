/**
 * The connecting side: `TCP.prototype.connect` and `connect6` ask the switch first (D1, D12). What the program sees is
 * one connect on one handle, whichever way it goes; the handle of its socket is exchanged when the SAN has connected.
 */
import type { AsyncResource } from 'node:async_hooks';
import { types } from 'node:util';
import type { SOCKADDR } from '../spi/index.js';
import type { RouteReason } from '../switch/reasons.js';
import { boundAddress, sockaddrFromText } from './address.js';
import { contextOf, newConnectResource } from './async-context.js';
import { enter } from './callback.js';
import { HybridHandle } from './handle.js';
import { uvCode, uvFromWsa } from './handle-base.js';
import type { NodeInternals } from './internals.js';
import type { TlsClients } from './native-consumers.js';
import type { ConnectReq, OwnerSocket, TcpHandle } from './node-shapes.js';
import type { PatchSet } from './patch.js';
import type { ConnectAttempt, ConnectRequest, Hold, SanConnection, SwitchPort } from './port.js';
import type { Destination, RouteTable } from './route.js';
import { afterAccept } from './self-connects.js';
import type { TlsOverlay } from './tls-overlay.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;
const now = performance.now.bind(performance);

type Connect = (this: TcpHandle, req: ConnectReq, address: string, port: number) => number;

/** What a connect needs to know; one per installation. */
export interface ConnectContext {
  readonly internals: NodeInternals;
  readonly port: SwitchPort;
  readonly hold: Hold;
  readonly routes: RouteTable;
  readonly tls: TlsClients;
  /** Connects under way, by the program's handle. */
  readonly pending: Map<object, PendingConnect>;
}

function noop(): void {
  // A TCP handle's onread must stay a function.
}

/** Patches both connects. */
export function interceptConnect(patches: PatchSet, context: ConnectContext): void {
  const { prototype } = context.internals.TCP;
  patches.method<Connect>(prototype, 'connect', (original) => intercepted(context, original, 4));
  patches.method<Connect>(prototype, 'connect6', (original) => intercepted(context, original, 6));
}

function intercepted(context: ConnectContext, original: Connect, family: 4 | 6): Connect {
  // A connect that stays on TCP must not be slower for having come by here: no object, no closure, no second look.
  return function connect(this: TcpHandle, req, address, port) {
    const overlay = context.tls.of(this);
    let reason = refuse(context, this, overlay);
    let unproven: Destination | null = null;
    if (reason === null) {
      const known = context.port.known(address, port);
      if (known === null) reason = begin(context, { tcp: this, args: [req, address, port], original, family });
      else {
        reason = known.reason;
        if (!known.remembered && reason === 'no-companion') unproven = { address, port, at: now() };
      }
      if (reason === null) return 0;
    }
    if (overlay !== undefined && overlay !== null) context.tls.leave(overlay);
    const result = original.call(this, req, address, port);
    if (result === 0 && context.routes.openTcp(this, reason, 'connect', unproven)) {
      context.routes.tellTcp(this, reason, 'connect', sockaddrFromText(family, address, port));
    }
    return result;
  };
}

/** One call of `connect(req, address, port)`. */
interface Call {
  readonly tcp: TcpHandle;
  readonly args: Parameters<Connect>;
  readonly original: Connect;
  readonly family: 4 | 6;
}

/** Why a handle's connect must stay on TCP, wherever it goes; null: it need not. */
function refuse(context: ConnectContext, tcp: TcpHandle, overlay: TlsOverlay | null | undefined): RouteReason | null {
  if (overlay === null) return context.tls.unknown === null ? 'tls-client' : 'tls-unknown';
  if (!isItsOwners(context, tcp, overlay)) return overlay === undefined ? 'handle-unsupported' : 'tls-client';
  // Made from a descriptor: `net` reads it already, and would hear before the SAN answers that it is not connected.
  if (overlay === undefined && tcp.reading) return 'handle-unsupported';
  // A second connect on the same handle is for libuv to refuse.
  return context.pending.has(tcp) ? 'handle-unsupported' : null;
}

/** Whether a socket has this handle, by itself or under TLS that can be moved, so that it can get another one. */
function isItsOwners(context: ConnectContext, tcp: TcpHandle, overlay: TlsOverlay | undefined): boolean {
  if (overlay !== undefined) return overlay.isMovable(context.internals);
  const owner = tcp[context.internals.ownerSymbol] as OwnerSocket | undefined;
  return owner?._handle === tcp;
}

/** Starts an attempt; or the reason for which this connect stays on TCP. */
function begin(context: ConnectContext, call: Call): RouteReason | null {
  const connect = new PendingConnect(context, call);
  const overlay = context.tls.of(call.tcp);
  const answer = context.port.connect(connect);
  if (typeof answer === 'string') return answer;
  if (overlay !== undefined && overlay !== null) context.tls.prepare(overlay);
  connect.start(answer);
  return null;
}

/** One connect of the program that the switch is working on. */
export class PendingConnect implements ConnectRequest {
  readonly tcp: TcpHandle;
  readonly remote: SOCKADDR;
  readonly local: SOCKADDR | null;
  readonly #context: ConnectContext;
  readonly #call: Call;
  #attempt: ConnectAttempt | null = null;
  #resource: AsyncResource | null = null;
  #over = false;
  // What the callbacks below have to tell.
  #reason: RouteReason = 'cancelled';
  #status = 0;
  #handle: TcpHandle | HybridHandle;

  constructor(context: ConnectContext, call: Call) {
    const { tcp, family, args } = call;
    this.#context = context;
    this.#call = call;
    this.tcp = tcp;
    this.#handle = tcp;
    this.remote = sockaddrFromText(family, args[1], args[2]);
    this.local = tcp.fd < 0 ? null : boundAddress(tcp);
  }

  /** The switch has taken it. As libuv's connect request does, it keeps the process alive, referenced or not. */
  start(attempt: ConnectAttempt): void {
    this.#attempt = attempt;
    this.#resource = newConnectResource(this.tcp);
    this.#context.pending.set(this.tcp, this);
    this.#context.hold(1);
  }

  onEstablished(connection: SanConnection): void {
    if (!this.#finish()) {
      connection.session.reset();
      return;
    }
    const { tcp } = this;
    const overlay = this.#context.tls.of(tcp);
    if (overlay === null || !isItsOwners(this.#context, tcp, overlay)) {
      // Somebody exchanged the handle meanwhile without closing it; libuv would report to the handle all the same.
      connection.session.reset();
      this.#report(uvCode('UV_ECANCELED'), tcp);
      return;
    }
    const handle = new HybridHandle(connection, tcp, contextOf(tcp), true, overlay?.stream);
    this.#exchange(handle);
    if (overlay !== undefined) this.#context.tls.move(overlay, handle);
    tcp.onread = noop;
    if (connection.toSelf) afterAccept(connection, () => this.#reportConnected(handle));
    else this.#report(0, handle);
  }

  /** The socket gets the handle of the SAN connection in the place of its TCP handle. */
  #exchange(handle: HybridHandle): void {
    const { tcp } = this;
    const { ownerSymbol, userBufferSymbol } = this.#context.internals;
    const owner = tcp[ownerSymbol] as OwnerSocket | null | undefined;
    handle[ownerSymbol] = owner;
    handle.onread = tcp.onread;
    carryOver(tcp, handle);
    // Under TLS it has the TLSWrap, see below.
    if (owner?._handle !== tcp) return;
    const buffer = owner[userBufferSymbol];
    // By its kind, not by its class: a program in a vm context has another Uint8Array.
    if (types.isUint8Array(buffer)) handle.useUserBuffer(buffer);
    owner._handle = handle;
  }

  #reportConnected(handle: HybridHandle): void {
    this.#report(handle.closed ? uvCode('UV_ECANCELED') : 0, handle);
  }

  onFallback(reason: RouteReason): void {
    if (!this.#finish()) return;
    this.#reason = reason;
    if (this.#resource !== null) enter(this.#resource, fallBack, this);
  }

  /** In the context of the connect: whoever is told of routes sees it. */
  fallBack(): void {
    this.#continueOnTcp(this.#reason);
  }

  onError(wsa: number): void {
    if (!this.#finish()) return;
    this.#dropTls();
    this.#report(uvFromWsa(wsa), this.tcp);
  }

  /** TLS takes the handle natively: the connection has to be TCP. */
  divert(reason: RouteReason): void {
    if (!this.#finish()) return;
    this.#attempt?.cancel();
    this.#continueOnTcp(reason, true);
  }

  /** The program closes the handle: the attempt ends, and the request hears ECANCELED before the close callback. */
  close(originalClose: TcpHandle['close'], callback: (() => void) | null | undefined): void {
    if (this.#finish()) this.#attempt?.cancel();
    this.#dropTls();
    originalClose.call(this.tcp, () => {
      this.#report(uvCode('UV_ECANCELED'), this.tcp);
      if (typeof callback === 'function') callback.call(this.tcp);
    });
  }

  /** TLS stays where it is. */
  #dropTls(): void {
    const { tls } = this.#context;
    const overlay = tls.of(this.tcp);
    if (overlay !== undefined && overlay !== null) tls.leave(overlay);
  }

  /** Whether the answer is the first one. */
  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    if (this.#resource !== null) {
      this.#context.pending.delete(this.tcp);
      this.#context.hold(-1);
    }
    return true;
  }

  #continueOnTcp(reason: RouteReason, later = false): void {
    const { original, args } = this.#call;
    const { routes } = this.#context;
    this.#dropTls();
    const result = original.apply(this.tcp, args);
    if (result === 0) {
      if (routes.openTcp(this.tcp, reason, 'connect', null)) routes.tellTcp(this.tcp, reason, 'connect', this.remote);
    } else if (later) setImmediate(() => this.#report(result, this.tcp));
    else this.#report(result, this.tcp);
  }

  #report(status: number, handle: TcpHandle | HybridHandle): void {
    this.#status = status;
    this.#handle = handle;
    const resource = this.#resource;
    if (resource === null) return;
    enter(resource, complete, this);
    resource.emitDestroy();
  }

  /** The request may have been disarmed meanwhile: `net` takes its callback away when its own time limit is up. */
  complete(): void {
    const connected = this.#status === 0;
    const [req] = this.#call.args;
    req.oncomplete?.(this.#status, this.#handle, req, connected, connected);
  }
}

/** What every TCP handle has of its own. */
const PLAIN_KEYS: ReadonlySet<string> = new Set(['reading', 'onconnection', 'onread']);

/** What a program has put on the handle before it was connected, e.g. a method of its own, stays in force. */
function carryOver(from: TcpHandle, to: HybridHandle): void {
  for (const key of Object.keys(from)) {
    if (PLAIN_KEYS.has(key)) continue;
    const value = Object.getOwnPropertyDescriptor(from, key);
    if (value !== undefined) Object.defineProperty(to, key, value);
  }
}

function complete(this: PendingConnect): void {
  this.complete();
}

function fallBack(this: PendingConnect): void {
  this.fallBack();
}
