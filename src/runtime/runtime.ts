/**
 * One runtime per isolate (main thread or worker). It starts what can be started; what cannot becomes the reason that
 * `status()`, `routeOf`, `ss` and the debug log show. It never throws and never prints (DESIGN D9).
 */
import { type Config, type ConfigResult, describeConfigError, loadConfig } from '../config/index.js';
import {
  type MemoryStats,
  type ProviderSnapshot,
  type Snapshot,
  startLog,
  startQueryServer,
  type Stats,
} from '../observe/index.js';
import { type DriverLimits, ProxyDriver } from '../proxy-driver/index.js';
import type { SOCKADDR } from '../spi/index.js';
import type { RouteReason } from '../switch/index.js';
import { Observer } from './observer.js';
import { withOwnTicks } from './own-ticks.js';
import { makeSnapshot, providerSnapshots } from './snapshot.js';
import { isAtMark, listenUrgent, sendUrgent } from '../net/index.js';
import { startSwitch } from './start-switch.js';

/** How one connection travels. */
export interface SocketRoute {
  readonly route: 'san' | 'tcp';
  /** The SAN service provider's name; null on TCP. */
  readonly provider: string | null;
  /** Why it is on TCP, a code of `REASONS`; null on the SAN. */
  readonly reason: RouteReason | null;
  /** Both ends as the socket shows them; null once they are not known any more. */
  readonly local: SOCKADDR | null;
  readonly remote: SOCKADDR | null;
  /** The process at the other end of a SAN connection. */
  readonly peerPid: number | null;
  /**
   * How this end's large writes travel on the SAN: `pull`, the peer reads them out of this process; `push`, they are
   * written into the peer; `copy`, in messages. Null on TCP.
   */
  readonly transfer: 'pull' | 'push' | 'copy' | null;
}

export interface Runtime {
  /** Urgent data: as of src/net/urgent.ts. */
  readonly urgent: typeof URGENT;
  routeOf(socket: object): SocketRoute | null;
  stats(): Stats;
  status(): Status;
}

/** Whether the switch works here, and which providers it has. */
export interface Status {
  readonly on: boolean;
  readonly reason: RouteReason | null;
  readonly detail: string;
  /** In order of preference; those that did not start have the reason. */
  readonly providers: readonly ProviderSnapshot[];
}

/** Where the isolate's one runtime is, for a second copy of this package to find. */
const KEY = Symbol.for('sockets-direct.runtime');
const place = globalThis as { [KEY]?: Runtime | undefined };

/** Starts the switch in this isolate; a second call, from whichever copy of the package, changes nothing. */
export function startRuntime(): Runtime {
  const present = place[KEY];
  if (present !== undefined) return present;
  return (place[KEY] = withOwnTicks(() => new IsolateRuntime()));
}

/** The isolate's runtime; one that says `switch-off` if none was started. */
export function currentRuntime(): Runtime {
  return place[KEY] ?? NOT_STARTED;
}

const observerOfNothing = new Observer();
const NO_BYTES = { read: 0, written: 0 };

const URGENT = { sendUrgent, listenUrgent, isAtMark };

const NOT_STARTED: Runtime = {
  urgent: URGENT,
  routeOf: () => null,
  stats: () => observerOfNothing.stats(NO_BYTES, null),
  status: () => ({
    on: false,
    reason: 'switch-off',
    detail: 'sockets-direct/register is not loaded',
    providers: [],
  }),
};

class IsolateRuntime implements Runtime {
  readonly urgent = URGENT;
  readonly #observer = new Observer();
  readonly #config: ConfigResult;
  readonly #driver: ProxyDriver | null;
  readonly #started: ReturnType<typeof startSwitch> | null;
  readonly #reason: RouteReason | null;
  readonly #detail: string;

  constructor() {
    this.#config = loadConfig({ environment: process.env });
    const config = this.#config.ok ? this.#config.config : null;
    startLog(config?.log ?? 'off');
    const loaded = config === null || !config.enabled ? null : ProxyDriver.load();
    this.#driver = loaded?.driver ?? null;
    if (config !== null) this.#driver?.setLimits(driverLimits(config));
    const off = this.#whyOff(config, loaded?.reason ?? null);
    this.#started =
      config === null ? null : startSwitch({ config, driver: this.#driver, observer: this.#observer, off });
    this.#reason = this.#started === null ? 'bad-configuration' : this.#started.reason;
    this.#detail = off?.detail ?? this.#started?.detail ?? '';
    if (this.#reason !== null) this.#observer.failed('runtime', this.#reason, this.#detail);
    this.#answerQueries();
  }

  /** Why there is no point in starting the switch; null: start it. */
  #whyOff(config: Config | null, noDriver: string | null): { reason: RouteReason; detail: string } | null {
    if (!this.#config.ok) {
      return { reason: 'bad-configuration', detail: this.#config.errors.map(describeConfigError).join('; ') };
    }
    if (config?.enabled !== true) return { reason: 'switch-off', detail: 'turned off by configuration' };
    if (process.platform !== 'linux') return { reason: 'platform-unsupported', detail: process.platform };
    if (this.#driver === null) return { reason: 'addon-unavailable', detail: noDriver ?? '' };
    return null;
  }

  #answerQueries(): void {
    const driver = this.#driver;
    const credentials = new Int32Array(3);
    const peerUid = (fd: number): number =>
      driver !== null && driver.addon.credentials(fd, credentials) === 0 ? credentials[0] : -1;
    startQueryServer({ snapshot: () => this.#snapshot(), peerUid: driver === null ? null : peerUid });
  }

  #snapshot(): Snapshot {
    const { on, reason, detail } = this.status();
    const { net, sw, follower } = this.#started ?? { net: null, sw: null, follower: null };
    // Whoever asks may have changed the catalog just now, where no watch could tell (follow.ts).
    follower?.refresh();
    const catalogProblem = follower?.problem ?? null;
    return makeSnapshot({ on, reason, detail, net, sw, catalogProblem, stats: this.stats() });
  }

  routeOf(socket: object): SocketRoute | null {
    const route = this.#started?.net?.routes.routeOf(socket) ?? null;
    if (route === null) return null;
    const { carrier, provider, reason, local, remote, peer, transfer } = route;
    return { route: carrier, provider, reason, local, remote, peerPid: peer?.pid ?? null, transfer };
  }

  stats(): Stats {
    const live = this.#started?.net?.routes.sanBytes() ?? NO_BYTES;
    const driver = this.#driver;
    return this.#observer.stats(live, driver?.addon.loopStats() ?? null, driver === null ? null : memoryStats(driver));
  }

  status(): Status {
    const rows = this.#started?.sw?.snapshot().providers ?? [];
    const providers = providerSnapshots(rows, this.#started?.follower?.problem ?? null);
    return { on: this.#reason === null, reason: this.#reason, detail: this.#detail, providers };
  }
}

function driverLimits({ driverMemoryBytes, registrationCacheBytes, cacheUserBuffers }: Config): DriverLimits {
  return { memoryBytes: driverMemoryBytes, cacheBytes: registrationCacheBytes, cacheUserBuffers };
}

function memoryStats(driver: ProxyDriver): MemoryStats {
  const { memoryBytes, memoryBytesMax, pinnedBytes, lockedBytes, secured, securedReason, securedRanges } =
    driver.status();
  return {
    allocated: memoryBytes,
    allocatedMax: memoryBytesMax,
    pinned: pinnedBytes,
    locked: lockedBytes,
    secured,
    securedReason,
    securedRanges,
  };
}
