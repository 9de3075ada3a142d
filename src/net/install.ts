/** Puts the switch under `node:net` in this isolate, once. */
import { extendActiveHandles } from './active-handles.js';
import { prepareContexts } from './async-context.js';
import { type HandleEnvironment, setHandleEnvironment } from './handle-base.js';
import { completeHybridPrototype } from './handle.js';
import { claimArrivals, claimTransfers } from './handle-claim.js';
import { guardHandlePassing } from './handle-passing.js';
import { watchServers } from './handle-transfer.js';
import { interceptClose } from './intercept-close.js';
import { interceptConnect, type PendingConnect } from './intercept-connect.js';
import { type Companion, interceptListen } from './intercept-listen.js';
import { type InternalsReason, type NodeInternals, reachInternals } from './internals.js';
import { correctLoopMetrics } from './loop-metrics.js';
import { TlsClients } from './native-consumers.js';
import { type Deliveries, setDeliveries } from './native-delivery.js';
import { PatchSet } from './patch.js';
import type { CloseLate, Hold, SwitchPort } from './port.js';
import { type RouteObserver, RouteTable } from './route.js';
import { selfTest } from './self-test.js';

/** What the composition root gives beside the switch. */
export interface NetOptions {
  readonly hold: Hold;
  readonly closeLate?: CloseLate;
  /** How native consumers get their chunks; without, inside of callbacks. */
  readonly deliveries?: Deliveries;
  /** How long this isolate's loop has polled with nothing to do, in nanoseconds; without, it never does. */
  readonly polled?: () => number;
  readonly observer?: RouteObserver;
}

/** The switch under `net`. */
export interface InstalledNet {
  readonly routes: RouteTable;
  /** The listening handles of this isolate that passed through `listen` since. */
  listeners(): Iterable<Companion>;
  /** Takes all patches back; sockets that are on the SAN stay there. For tests. */
  restore(): void;
}

/** The answer of {@link install}. */
export type InstallResult =
  | { readonly ok: true; readonly net: InstalledNet }
  | { readonly ok: false; readonly reason: InternalsReason; readonly detail: string };

/** Marks an isolate whose `net` is taken, so that a second copy of this package leaves it alone. */
const MARK = Symbol.for('sockets-direct.net');

let installed: Extract<InstallResult, { ok: true }> | null = null;

/** Installs, or says why not. Where it is installed, a second call changes nothing and answers as the first. */
export function install(port: SwitchPort, options: NetOptions): InstallResult {
  if (installed !== null) return installed;
  const result = tryInstall(port, options);
  if (result.ok) installed = result;
  return result;
}

function tryInstall(port: SwitchPort, options: NetOptions): InstallResult {
  if (MARK in process) {
    return { ok: false, reason: 'bindings-unavailable', detail: 'another copy of sockets-direct is in this isolate' };
  }
  const reached = reachInternals();
  if (!reached.ok) return reached;
  const { internals } = reached;
  const wrong = testNode(internals);
  if (wrong !== null) return { ok: false, reason: 'node-unknown', detail: `the self-test stumbles over ${wrong}` };
  return { ok: true, net: patch(internals, port, options) };
}

function testNode(internals: NodeInternals): string | null {
  setHandleEnvironment({ internals, hold: nothing, closeLate: never, onOpened: nothing, onClosed: nothing });
  completeHybridPrototype();
  prepareContexts();
  return selfTest(internals);
}

function nothing(): void {
  // The self-test's handles keep nothing alive and are on no list.
}

function never(): boolean {
  return false;
}

function patch(internals: NodeInternals, port: SwitchPort, options: NetOptions): InstalledNet {
  const patches = new PatchSet();
  const routes = new RouteTable(internals, options.observer ?? null);
  const pending = new Map<object, PendingConnect>();
  const listeners = new Map<object, Companion>();
  const { connect } = internals.TCP.prototype;
  let guarded = false;
  const environment: HandleEnvironment = {
    internals,
    hold: options.hold,
    closeLate: options.closeLate ?? never,
    onOpened(handle) {
      if (!guarded) {
        guardHandlePassing(patches, { internals, connect, port });
        extendActiveHandles(patches, routes);
      }
      guarded = true;
      if (handle.listed) routes.openSan(handle);
    },
    onClosed(handle) {
      routes.closeSan(handle);
    },
  };
  setHandleEnvironment(environment);
  setDeliveries(options.deliveries ?? null);
  if (options.polled !== undefined) correctLoopMetrics(patches, options.polled);
  claimArrivals(patches, internals, port);
  claimTransfers(patches, internals, port);
  watchServers(patches, (handle) => listeners.get(handle)?.close());
  const tls = new TlsClients(patches, internals, {
    isPending: (handle) => pending.has(handle),
    onStays: (handle) => pending.get(handle)?.divert('tls-client'),
  });
  interceptClose(patches, { internals, routes, pending, listeners, port });
  interceptListen(patches, { internals, port, hold: options.hold, routes, listeners });
  interceptConnect(patches, { internals, port, hold: options.hold, routes, tls, pending });
  Object.defineProperty(process, MARK, { value: true, configurable: true });
  return {
    routes,
    listeners: () => listeners.values(),
    restore() {
      patches.restore();
      setDeliveries(null);
      Reflect.deleteProperty(process, MARK);
      installed = null;
    },
  };
}
