/**
 * The switch: per connection it chooses the TCP/IP provider or one of the SAN service providers, by address (SW-1, SW-2,
 * SW-8, SW-30); where none is suitable it is TCP/IP (SOCK-4, SW-25). The choice is late, at connect and listen (SOCK-2,
 * SOCK-3); what it decides, and why, goes to observers (D9).
 */
import type { Catalog } from '../catalog/index.js';
import { AF_INET, AF_INET6, isWildcard, makeSockaddr, type ProviderModule, type SOCKADDR } from '../spi/index.js';
import type { AcceptHost } from './accept.js';
import { BaseProvider } from './base-provider.js';
import { ConnectAttempt, type ConnectHost, type ConnectRequest } from './connect.js';
import type { SanConnection } from './connection.js';
import { Deadlines } from './deadlines.js';
import { type ConnectionRow, ConnectionTable } from './connection-table.js';
import type { DuplicateTransport } from './duplicate-channel.js';
import { Claim, type ClaimEvents } from './duplicate-claim.js';
import { HandOver, type HandOverEvents } from './duplicate-offer.js';
import type { SwitchEvents } from './events.js';
import { HandleTable } from './handle-table.js';
import { Listening, type ListenRequest } from './listen.js';
import { destination, plainName, programName } from './names.js';
import { NegativeCache } from './negative-cache.js';
import { Providers, type ProviderRow, type ProvidersHost } from './providers.js';
import { isLasting, type KnownReason, type RouteReason } from './reasons.js';
import type { SanProvider } from './san-provider.js';
import { presentTimers, type Timers } from './timers.js';
import type { SessionSettings } from './offer.js';

export interface SwitchOptions {
  /** The TCP/IP service provider; started first (SW-10). */
  readonly tcpip: ProviderModule;
  /** Installed SAN service providers and the list `TCP on SAN`. */
  readonly catalog: Catalog;
  readonly session: SessionSettings;
  /** How long a listener may take to answer, in ms (D12). */
  readonly connectTimeoutMs: number;
  /** How long a listener that cannot be reached on the SAN is remembered, in ms; 0 = not. */
  readonly negativeTtlMs: number;
  readonly events: SwitchEvents;
  /**
   * Whether the rules let this address and port off TCP: of the destination of a connect, of a listener, of the local
   * end of an accepted connection.
   */
  admits(address: string, port: number, use: 'connect' | 'listen' | 'accept'): boolean;
  /** How it meets other switches when a connection changes hands (DUP-23); none: connections stay where they are. */
  readonly duplicates?: DuplicateTransport;
  /** For tests; by default those of the process, as they are now. */
  readonly timers?: Timers;
}

/** What the switch shows of itself. */
export interface SwitchSnapshot {
  /** Why nothing is routed; null: it works. */
  readonly off: RouteReason | null;
  /** In words, why. */
  readonly detail: string;
  readonly providers: readonly ProviderRow[];
  readonly listeners: readonly ListenerRow[];
  readonly connections: readonly ConnectionRow[];
}

export interface ListenerRow {
  readonly id: number;
  readonly local: SOCKADDR;
  readonly providers: readonly string[];
  readonly reason: RouteReason | null;
}

/** How long a port that was reached on the SAN is not asked about, in ms. Harmless if wrong: the connect asks in full. */
const REACHED_MS = 1000;

const UNANNOUNCED: KnownReason = { reason: 'no-companion', remembered: false };
const EXCLUDED: KnownReason = { reason: 'excluded', remembered: false };

export class Switch implements ConnectHost, AcceptHost, ProvidersHost {
  readonly events: SwitchEvents;
  readonly timers: Timers;
  readonly deadlines: Deadlines<ConnectAttempt>;
  readonly #options: SwitchOptions;
  readonly #handles = new HandleTable();
  readonly #connections = new ConnectionTable();
  readonly #listenings = new Set<Listening>();
  readonly #negative: NegativeCache;
  #reachedPort = 0;
  #reachedUntil = 0;
  #base: BaseProvider | null = null;
  #providers: Providers | null = null;
  #off: RouteReason | null = 'switch-off';
  #detail = 'The switch is not started.';

  constructor(options: SwitchOptions) {
    this.#options = options;
    this.events = options.events;
    this.timers = options.timers ?? presentTimers();
    this.deadlines = new Deadlines(this.timers, options.connectTimeoutMs, (attempt) => attempt.expire());
    this.#negative = new NegativeCache(options.negativeTtlMs, this.timers.now);
  }

  /** Starts TCP/IP, then the SAN providers (SW-10…17). What fails is in {@link snapshot}; nothing is thrown. */
  start(): void {
    if (this.#base !== null) return;
    const base = startBase(this.#options.tcpip, this.#handles, this.timers.now);
    if (typeof base === 'string') {
      this.#off = 'provider-failed';
      this.#detail = `TCP/IP: ${base}`;
      return;
    }
    this.#base = base;
    this.#off = null;
    this.#detail = '';
    this.#providers = new Providers(this.#options.catalog, base, this.#handles, this.#options.session, this);
    this.#providers.start();
  }

  get base(): BaseProvider {
    if (this.#base === null) throw new Error('the switch is not started');
    return this.#base;
  }

  // ---------------------------------------------------------------- the program connects

  /** A reason: stay on TCP, at once. An attempt: one of the request's three answers follows. */
  connect(request: ConnectRequest): RouteReason | ConnectAttempt {
    const result = this.#connect(request);
    if (typeof result === 'string') this.events.onTcp?.(result, request.local, request.remote);
    return result;
  }

  /**
   * Why a connect to there would stay on TCP, if next to nothing tells: it is known, or nobody on that port has announced
   * himself. Null: ask `connect()`. A connect that stays on TCP must not be slower for having been looked at.
   */
  known(address: string, port: number): KnownReason | null {
    const known = this.#negative.get(address, port);
    if (known !== null || port === 0 || this.#isReached(port)) return known;
    const name = this.#named(address, port);
    const provider = this.#providers?.find(name) ?? null;
    if (provider === null || provider.mayReach(name)) return null;
    // Not remembered before TCP has found somebody there: who is told that nobody listens may soon ask again.
    return this.#options.admits(address, port, 'connect') ? UNANNOUNCED : EXCLUDED;
  }

  /** A destination as providers get it. In full only what may be IPv4-mapped: parsing costs more than all the rest here. */
  #named(address: string, port: number): SOCKADDR {
    if (!address.includes(':')) return makeSockaddr(AF_INET, address, port);
    const name = makeSockaddr(AF_INET6, address, port);
    return address.includes('.') ? (plainName(name) ?? name) : name;
  }

  /** Whether a connection was made on the SAN to this port a moment ago: somebody there is announced. */
  #isReached(port: number): boolean {
    return port === this.#reachedPort && this.timers.now() < this.#reachedUntil;
  }

  /**
   * There was a listener that is not announced, as a TCP connection made `ageMs` ago has shown: nobody needs to ask again
   * for a while from then on.
   */
  provenPlain(address: string, port: number, ageMs: number): void {
    this.#negative.set(address, port, 'no-companion', ageMs);
  }

  #connect(request: ConnectRequest): RouteReason | ConnectAttempt {
    const providers = this.#providers;
    if (this.#off !== null || providers === null) return this.#off ?? 'switch-off';
    const known = this.#negative.get(request.remote.sin_addr, request.remote.sin_port);
    if (known !== null) return known.reason;
    const local = request.local === null ? null : plainName(request.local);
    const named = plainName(request.remote);
    if (named === null || named.sin_port === 0) return 'not-local';
    const remote = destination(named, local);
    const provider = providers.find(remote);
    if (provider === null) return providers.nothing ?? 'not-local';
    if (!this.#options.admits(remote.sin_addr, remote.sin_port, 'connect')) return 'excluded';
    const bound = this.#bind(request, local, remote);
    if (typeof bound === 'string') return bound;
    const attempt = new ConnectAttempt(this, provider, request, bound, remote);
    const failure = attempt.start();
    if (failure === null) return attempt;
    this.#remember(request, failure);
    return failure;
  }

  /** The companion's name: the TCP socket's own, bound now if the program has not (D12, SOCK-12). */
  #bind(request: ConnectRequest, local: SOCKADDR | null, remote: SOCKADDR): SOCKADDR | RouteReason {
    // The table says that the address is ours; only the routing table says that TCP would stay on this host (D4).
    const route = this.base.route(remote);
    if (route === null || !route.local) return 'not-local';
    if (request.local !== null) {
      // A bind that the kernel refused shows as port 0; TCP will report it.
      if (local === null || local.sin_port === 0) return 'bind-failed';
      if (isWildcard(local)) return makeSockaddr(remote.sa_family, route.source, local.sin_port);
      return local.sa_family === remote.sa_family ? local : 'not-local';
    }
    const unbound = makeSockaddr(remote.sa_family, route.source, 0);
    if (this.base.bind(request.tcp, programName(unbound, request.remote.sa_family)) !== 0) return 'bind-failed';
    const name = this.base.localName(request.tcp);
    return (name === null ? null : plainName(name)) ?? 'bind-failed';
  }

  fellBack(attempt: ConnectAttempt, reason: RouteReason): void {
    const { request, local } = attempt;
    this.#remember(request, reason);
    this.events.onTcp?.(reason, local, request.remote);
    request.onFallback(reason);
  }

  #remember(request: ConnectRequest, reason: RouteReason): void {
    if (isLasting(reason)) this.#negative.set(request.remote.sin_addr, request.remote.sin_port, reason);
  }

  // ---------------------------------------------------------------- the program listens

  /** TCP listens already (LIST-1). The result's `reason` is null if the listener is on the SAN as well. */
  listen(request: ListenRequest): Listening {
    this.#negative.forgetPort(request.local.sin_port);
    const name = plainName(request.local);
    const reason = this.#refuseListen(name);
    const id = this.#connections.nextId();
    const listening = new Listening(
      this,
      id,
      request,
      name ?? request.local,
      reason ?? this.#providers?.nothing ?? 'not-local',
    );
    this.#listenings.add(listening);
    if (reason === null) this.#attachAll(listening);
    this.#tellListener(listening);
    return listening;
  }

  #refuseListen(name: SOCKADDR | null): RouteReason | null {
    if (this.#off !== null) return this.#off;
    if (name === null) return 'not-local';
    return this.#options.admits(name.sin_addr, name.sin_port, 'listen') ? null : 'excluded';
  }

  #attachAll(listening: Listening): void {
    const providers = this.#providers;
    if (providers === null) return;
    for (const provider of providers.serving(listening.name)) listening.attach(provider);
  }

  #tellListener(listening: Listening): void {
    const first = listening.providers.at(0);
    const { id, request, reason } = listening;
    this.events.onListener(reason === null ? 'open' : 'tcp', id, request.local, first?.name ?? null, reason);
  }

  listeningClosed(listening: Listening): void {
    this.#listenings.delete(listening);
    this.events.onListener('close', listening.id, listening.request.local, null, null);
  }

  admits(local: SOCKADDR): boolean {
    return this.#options.admits(local.sin_addr, local.sin_port, 'accept');
  }

  /** Listeners gain the providers that have come to serve their address (SW-21), and lose those that were removed. */
  providersChanged(removed: readonly SanProvider[]): void {
    // What could not be reached on the providers that were, may be on those that are.
    this.#negative.clear();
    for (const listening of this.#listenings) {
      const before = listening.reason;
      for (const provider of removed) listening.detach(provider, this.#providers?.nothing ?? 'not-local');
      if (this.#refuseListen(listening.name) === null) this.#attachAll(listening);
      if (listening.reason !== before) this.#tellListener(listening);
    }
  }

  // ---------------------------------------------------------------- connections on the SAN

  opened(connection: SanConnection): void {
    this.#connections.add(connection);
    if (connection.side === 'connect') {
      this.#reachedPort = connection.remote.sin_port;
      this.#reachedUntil = connection.since + REACHED_MS;
    }
    this.events.onSan?.(connection);
  }

  /** Only a listener's connections wait for a CONFIRM, and those are its own until then. */
  confirmed(): void {
    throw new Error('a CONFIRM for a connection that the program has');
  }

  closed(connection: SanConnection): void {
    if (connection.id === 0) return;
    this.#connections.remove(connection);
    this.events.onSanClosed?.(connection);
  }

  violation(connection: SanConnection, what: string): void {
    this.events.onViolation(connection, what);
  }

  // ---------------------------------------------------------------- connections that change hands

  /** Offers a connection to whoever receives the TCP socket `fd`; null: that cannot be. */
  handOver(connection: SanConnection, fd: number, events: HandOverEvents): HandOver | null {
    const { duplicates } = this.#options;
    return duplicates === undefined ? null : HandOver.open(connection, duplicates, fd, events);
  }

  /** A TCP socket was received; true: it stands for a connection, and one of the events will follow. */
  claim(fd: number, events: ClaimEvents): boolean {
    const channel = this.#off === null ? (this.#options.duplicates?.claim(fd) ?? null) : null;
    if (channel === null) return false;
    new Claim(this, channel, events).start();
    return true;
  }

  /** The SAN providers that work. */
  get started(): readonly SanProvider[] {
    return this.#providers?.started ?? [];
  }

  // ---------------------------------------------------------------- memory

  /** The mapping of a range of this process, of `size` bytes, has changed (CACHE-6). */
  memoryChanged(address: number, size: number): void {
    this.#providers?.memoryChanged(address, size);
  }

  // ---------------------------------------------------------------- observers, and the end

  snapshot(): SwitchSnapshot {
    return {
      off: this.#off,
      detail: this.#detail,
      providers: this.#providers?.rows() ?? [],
      listeners: [...this.#listenings].map(({ id, request, providers, reason }) => ({
        id,
        local: request.local,
        providers: providers.map((provider) => provider.name),
        reason,
      })),
      connections: this.#connections.rows(),
    };
  }

  /** The process exits (D7): what programs have written is handed to the peers, then nothing more is sent. */
  exit(): void {
    const connections = this.#connections.all();
    // With buffers that are posted, a connection that is closed may still have to get out what was sent on it.
    const draining = this.#providers?.started.filter(({ posted }) => posted) ?? [];
    const all = new Set([...connections, ...draining].map(({ receive }) => receive));
    for (const receive of all) receive.SdpBeginExit();
    for (const { session } of connections) session.exit();
    for (const receive of all) receive.SdpEndExit();
  }

  /** Closes listeners and connections, then cleans up every provider (CLOSE-15). The switch can be started again. */
  stop(): void {
    for (const listening of [...this.#listenings]) listening.close();
    for (const { session } of this.#connections.all()) session.reset();
    this.#providers?.stop();
    this.#base?.stop();
    this.#providers = null;
    this.#base = null;
    this.#negative.clear();
    this.#reachedPort = 0;
    this.#off = 'switch-off';
    this.#detail = 'The switch is stopped.';
  }
}

/** As with SAN providers, what the module throws is a refusal. */
function startBase(module: ProviderModule, handles: HandleTable, now: () => number): BaseProvider | string {
  try {
    return BaseProvider.start(module, handles, now);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
