/**
 * A listener of the program and its companions, one on each provider that serves its address (LIST-1…3). A socket that several
 * processes listen on has companions in each (DUP-34). TCP listened
 * first and goes on serving TCP clients; both hand connections to the same program listener (D9).
 */
import { AF_INET, AF_INET6, out, SO_SD_NATIVE_ADDRESS, type SOCKADDR, type SOCKET, SOL_SOCKET } from '../spi/index.js';
import { type AcceptHost, CompanionListener } from './accept.js';
import { openCompanion } from './companion.js';
import type { SanConnection } from './connection.js';
import type { RouteReason } from './reasons.js';
import { reasonFromListen } from './reasons.js';
import type { SanProvider } from './san-provider.js';

/** A listening socket of the program. */
export interface ListenRequest {
  /** The TCP/IP provider's descriptor; TCP listens already. */
  readonly tcp: SOCKET;
  readonly local: SOCKADDR;
  readonly backlog: number;
  /** Whether the program may be given a connection now. Asked from inside the provider: must not throw. */
  isEligible(): boolean;
  /** Whether it takes one more beside the `waiting` ones that are accepted and not confirmed yet. Must not throw. */
  hasRoom(waiting: number): boolean;
  /** A connection that the peer has confirmed; called from inside the provider: must not throw. */
  onConnection(connection: SanConnection): void;
  /** One of those that were to come after {@link Listening.close} will not. */
  onLost(): void;
}

const errno = out(0);

export class Listening {
  readonly id: number;
  readonly request: ListenRequest;
  /** The listener's name as providers get it. */
  readonly name: SOCKADDR;
  readonly #host: AcceptHost;
  readonly #companions = new Map<SanProvider, CompanionListener>();
  /** Why the last provider tried has no companion; what counts if none has. */
  #failure: RouteReason;
  /** The number by which the host knows the listening socket; null: not known. */
  #native: number | null = null;
  /** Providers that have asked the host whom a name means before they come here. */
  readonly #translated = new WeakSet<SanProvider>();
  /** The host says that this socket gets IPv4 connections too. Not known, or not so, until it has. */
  #servesIpv4 = false;
  #closed = false;

  constructor(host: AcceptHost, id: number, request: ListenRequest, name: SOCKADDR, reason: RouteReason) {
    this.#host = host;
    this.id = id;
    this.request = request;
    this.name = name;
    this.#failure = reason;
  }

  /** Why the listener is on TCP alone; null: it has a companion. */
  get reason(): RouteReason | null {
    return this.#companions.size > 0 ? null : this.#failure;
  }

  /** The providers it has companions on. */
  get providers(): readonly SanProvider[] {
    return [...this.#companions.keys()];
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Whether a connection to this name is this listener's. A provider may take one on all addresses for one of both families;
   * whether it is (IPV6_V6ONLY) is the kernel's to say.
   */
  isAt(provider: SanProvider, callee: SOCKADDR): boolean {
    const native = this.#native;
    if (callee.sa_family !== AF_INET || this.request.local.sa_family !== AF_INET6) return true;
    if (native === null || this.#translated.has(provider) || this.#servesIpv4) return true;
    this.#servesIpv4 = this.#host.base.listenerAt(callee) === native;
    return this.#servesIpv4;
  }

  /** Adds a companion on a provider, unless there is one; the reason goes to {@link reason} if that fails. */
  attach(provider: SanProvider): void {
    if (this.#closed || this.#companions.has(provider)) return;
    const opened = this.#open(provider);
    if (typeof opened === 'string') this.#failure = opened;
    else this.#companions.set(provider, opened);
  }

  /**
   * Takes the companion on a provider away, for the provider is removed. `reason`: what counts if none is left. The listener goes
   * on, and connections whose callers have been told of it come to it still.
   */
  detach(provider: SanProvider, reason: RouteReason): void {
    const companion = this.#companions.get(provider);
    if (companion === undefined) return;
    companion.close(true);
    this.#companions.delete(provider);
    this.#failure = reason;
  }

  /**
   * The program's listener is closed, its TCP socket already. Connections that are accepted and not confirmed are reset,
   * as the kernel does with those in the queue of its socket; unless the socket goes on, for others have it too: then it
   * does not. Returns how many such connections are still to come, each by `onConnection` or `onLost`.
   */
  close(): number {
    if (this.#closed) return 0;
    this.#closed = true;
    const companions = [...this.#companions.values()];
    const linger = companions.some(({ waiting }) => waiting > 0) && this.#goesOn();
    this.#companions.clear();
    let toCome = 0;
    for (const companion of companions) toCome += companion.close(linger);
    this.#host.listeningClosed(this);
    return toCome;
  }

  /** Whether somebody else has the listening socket. */
  #goesOn(): boolean {
    return this.#native !== null && this.#host.base.listenerAt(this.name) === this.#native;
  }

  #open(provider: SanProvider): CompanionListener | RouteReason {
    const { request, name } = this;
    try {
      const s = openCompanion(provider, this.#host.base, request.tcp, name);
      if (typeof s === 'string') return s;
      const failure = this.#listen(provider, s);
      if (failure === null) {
        const companion = new CompanionListener(this.#host, this, provider, s);
        if (companion.start()) return companion;
      }
      provider.close(s);
      return failure ?? 'provider-failed';
    } catch {
      // A provider that throws breaks the SPI's contract; the program's listener must not pay for that.
      return 'provider-failed';
    }
  }

  #listen(provider: SanProvider, s: SOCKET): RouteReason | null {
    const { procs } = provider;
    const native = this.#host.base.nativeAddress(this.request.tcp);
    this.#native = native;
    // A provider that translates addresses otherwise does not know this option.
    if (native !== null && procs.lpWSPSetSockOpt(s, SOL_SOCKET, SO_SD_NATIVE_ADDRESS, native, 8, errno) === 0) {
      this.#translated.add(provider);
    }
    return procs.lpWSPListen(s, this.request.backlog, errno) === 0 ? null : reasonFromListen(errno.value);
  }
}
