/**
 * Starts the switch and puts it under `net`. Even when it must stay off, connections are recorded with the reason, as
 * long as Node's internals can be reached: `ss` and `routeOf` are for those who wonder why (DESIGN D9).
 */
import { compileFilters, type Config } from '../config/index.js';
import { install, type InstalledNet, reachInternals, type SwitchPort, type TcpHandle } from '../net/index.js';
import { TcpipProvider, type TcpMethods } from '../providers/tcpip/index.js';
import { DuplicateTransport, type ProxyDriver } from '../proxy-driver/index.js';
import { countShutdowns, tellFirstShutdown } from '../session/index.js';
import type { Catalog, CatalogFollower } from '../catalog/index.js';
import { presentTimers, type RouteReason, SanConnection, Switch, type Timers } from '../switch/index.js';
import { makeCatalog } from './catalog.js';
import type { Observer } from './observer.js';

export interface StartInput {
  readonly config: Config;
  readonly driver: ProxyDriver | null;
  readonly observer: Observer;
  /** Why the switch must stay off; null: start it. */
  readonly off: { readonly reason: RouteReason; readonly detail: string } | null;
}

export interface Started {
  readonly net: InstalledNet | null;
  readonly sw: Switch | null;
  /** Keeps the providers as the catalog file has them; null: nothing does. */
  readonly follower: CatalogFollower | null;
  readonly reason: RouteReason | null;
  readonly detail: string;
}

/** Messages that a peer may have under way to us on one connection (SESS-2): the ring is drained at once, so plenty. */
const RECEIVE_BUFFERS = 32767;
/** How long it is remembered that a listener is on TCP alone, in milliseconds (D4, D12). */
const NEGATIVE_MS = 1000;

export function startSwitch(input: StartInput): Started {
  const { off, driver, observer } = input;
  const reached = reachInternals();
  if (!reached.ok) {
    const { reason, detail } = off ?? reached;
    return { net: null, sw: null, follower: null, reason, detail };
  }
  if (off !== null || driver === null) return installOff(off ?? NO_DRIVER, observer);
  const tcpip = new TcpipProvider(driver, originals(reached.internals.TCP.prototype));
  const { catalog, follower } = makeCatalog(input.config, driver, observer);
  const sw = makeSwitch(input, driver, catalog, tcpip);
  sw.start();
  const { off: reason, detail } = sw.snapshot();
  if (reason !== null) {
    follower?.stop();
    return installOff({ reason, detail }, observer);
  }
  const result = install(makePort(sw, tcpip), {
    hold: (delta) => driver.hold(delta),
    closeLate: (then) => driver.addon.closeLate(then) === 0,
    deliveries: driver.addon,
    polled: () => driver.addon.loopStats().polledNanoseconds,
    observer,
  });
  if (!result.ok) {
    follower?.stop();
    sw.stop();
    return { net: null, sw: null, follower: null, reason: result.reason, detail: result.detail };
  }
  const untold = driver.addon.tellBy(tellFirstShutdown);
  if (typeof untold !== 'number') countShutdowns(new Int32Array(untold));
  driver.secured.watch((address, bytes) => sw.memoryChanged(address, bytes));
  afterExitHandlers(() => sw.exit());
  return { net: result.net, sw, follower, reason: null, detail: '' };
}

const NO_DRIVER = { reason: 'addon-unavailable' as const, detail: '' };

/** The switch is off: every connection stays on TCP, and says why. */
function installOff(off: { reason: RouteReason; detail: string }, observer: Observer): Started {
  const { reason, detail } = off;
  const listening = { reason, close: () => 0 };
  const known = { reason, remembered: true };
  const port: SwitchPort = {
    known: () => known,
    provenPlain: nothing,
    connect: () => reason,
    listen: () => listening,
  };
  const result = install(port, { hold: nothing, observer });
  return { net: result.ok ? result.net : null, sw: null, follower: null, reason, detail };
}

function nothing(): void {
  // Nothing is on the SAN, so nothing holds the loop and nothing is to be closed.
}

/** `TCP.prototype` as it is before anything replaces its methods. */
function originals({ open, listen, connect, connect6, getsockname }: TcpHandle): TcpMethods {
  return { open, listen, connect, connect6, getsockname };
}

function makeSwitch(
  { config, observer }: StartInput,
  driver: ProxyDriver,
  catalog: Catalog,
  tcpip: TcpipProvider,
): Switch {
  const filters = compileFilters(config.include, config.exclude);
  const program = filters.program(process.argv[1] ?? '');
  return new Switch({
    tcpip,
    catalog,
    session: {
      windowBytes: config.windowBytes,
      receiveBuffers: RECEIVE_BUFFERS,
      transfer: config.transfer,
      transferThresholdBytes: config.transferThresholdBytes,
    },
    connectTimeoutMs: config.connectTimeoutMilliseconds,
    negativeTtlMs: NEGATIVE_MS,
    events: observer.switchEvents,
    timers: withAlarm(presentTimers(), driver),
    duplicates: new DuplicateTransport(driver.addon, process.geteuid?.() ?? -1),
    admits: (address, port, use) =>
      program && (use === 'listen' ? filters.listener(address, port) : filters.connection(address, port)),
  });
}

/** Time limits are the switch's, not that connect's that happens to set the timer. */
function withAlarm(timers: Timers, driver: ProxyDriver): Timers {
  return {
    ...timers,
    alarm(act, ms, argument) {
      if (!driver.alarm(ms, () => act(argument))) timers.alarm(act, ms, argument);
    },
  };
}

/** Gives the switch descriptors where `net` has handles. */
export function makePort(sw: Switch, tcpip: TcpipProvider): SwitchPort {
  return {
    known: (address, port) => sw.known(address, port),
    provenPlain: (address, port, ageMs) => sw.provenPlain(address, port, ageMs),
    handOver: (connection, tcp, events) =>
      connection instanceof SanConnection ? sw.handOver(connection, tcp.fd, events) : null,
    claim: (tcp, events) => sw.claim(tcp.fd, events),
    connect(request) {
      const tcp = tcpip.adopt(request.tcp, request.remote.sa_family);
      const result = sw.connect({
        tcp,
        remote: request.remote,
        local: request.local,
        onEstablished(connection) {
          tcpip.forget(tcp);
          request.onEstablished(connection);
        },
        onFallback(reason) {
          tcpip.forget(tcp);
          request.onFallback(reason);
        },
        onError(wsa) {
          tcpip.forget(tcp);
          request.onError(wsa);
        },
      });
      if (typeof result === 'string') {
        tcpip.forget(tcp);
        return result;
      }
      return {
        cancel() {
          tcpip.forget(tcp);
          result.cancel();
        },
      };
    },
    listen(request) {
      const tcp = tcpip.adopt(request.tcp, request.local.sa_family);
      const { local, backlog } = request;
      const listening = sw.listen({
        tcp,
        local,
        backlog,
        isEligible: () => request.isEligible(),
        hasRoom: (waiting) => request.hasRoom(waiting),
        onConnection: (connection) => request.onConnection(connection),
        onLost: () => request.onLost(),
      });
      return {
        get reason() {
          return listening.reason;
        },
        close() {
          tcpip.forget(tcp);
          return listening.close();
        },
      };
    },
  };
}

/** Runs `act` after the program's own 'exit' handlers, which may still write (D7). */
function afterExitHandlers(act: () => void): void {
  const emit = process.emit.bind(process) as (event: string, ...rest: unknown[]) => boolean;
  Object.defineProperty(process, 'emit', {
    value: function emitThenAct(event: string, ...rest: unknown[]): boolean {
      const handled = emit(event, ...rest);
      if (event === 'exit') act();
      return handled;
    },
    writable: true,
    configurable: true,
    enumerable: false,
  });
}
