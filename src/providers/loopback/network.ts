/**
 * What joins loopback providers: who listens where, how long things take, and what goes wrong. One network is one SAN;
 * its instances are the hosts on it, all within this event loop.
 */
import { isWildcard, type SOCKADDR } from '../../spi/index.js';
import type { LoopbackInstance } from './instance.js';
import { type LoopbackFaults, type LoopbackNetworkOptions, NO_FAULTS } from './options.js';
import { Random } from './random.js';
import { type LoopbackScheduler, RealScheduler } from './scheduler.js';
import type { LoopbackSocket } from './socket-record.js';

export class LoopbackNetwork {
  readonly scheduler: LoopbackScheduler;
  readonly random: Random;
  /** May be changed at any time: a test that has seen enough trouble lets the rest run to its end. */
  faults: LoopbackFaults;
  readonly #instances = new Set<LoopbackInstance>();
  readonly #connections = new Set<string>();

  constructor(options: LoopbackNetworkOptions = {}) {
    this.scheduler = options.scheduler ?? new RealScheduler();
    this.random = new Random(options.seed ?? null);
    this.faults = { ...NO_FAULTS, ...options.faults };
  }

  /** Calls `act(argument)` later: after a time of its own, if the network has delays. */
  later<T>(act: (argument: T) => void, argument: T): void {
    this.scheduler.schedule(act, argument, this.random.below(this.faults.delayTicksMax + 1));
  }

  join(instance: LoopbackInstance): void {
    this.#instances.add(instance);
  }

  leave(instance: LoopbackInstance): void {
    this.#instances.delete(instance);
  }

  /** Whether some host on the network has this address. */
  has(name: SOCKADDR): boolean {
    for (const instance of this.#instances) if (instance.serves(name)) return true;
    return false;
  }

  /** Who listens at a name: an address of its own goes before the wildcard. */
  listener(name: SOCKADDR): LoopbackSocket | null {
    let wildcard: LoopbackSocket | null = null;
    for (const instance of this.#instances) {
      if (!instance.serves(name)) continue;
      for (const socket of instance.sockets.values()) {
        if (socket.state !== 'listening' || socket.local?.sin_port !== name.sin_port) continue;
        if (socket.local.sin_addr === name.sin_addr) return socket;
        if (isWildcard(socket.local)) wildcard = socket;
      }
    }
    return wildcard;
  }

  /** Whether anybody at all listens on a port. */
  announced(port: number): boolean {
    for (const { sockets } of this.#instances) {
      for (const { state, local } of sockets.values())
        if (state === 'listening' && local?.sin_port === port) return true;
    }
    return false;
  }

  /** Notes a connection by both names; false: there is one (OBS-28). */
  reserve(local: SOCKADDR, remote: SOCKADDR): boolean {
    const key = tuple(local, remote);
    if (this.#connections.has(key)) return false;
    this.#connections.add(key);
    return true;
  }

  /** The connector's end is closed: the names are free. */
  release(local: SOCKADDR | null, remote: SOCKADDR | null): void {
    if (local !== null && remote !== null) this.#connections.delete(tuple(local, remote));
  }
}

function tuple(local: SOCKADDR, remote: SOCKADDR): string {
  return `${local.sin_addr} ${local.sin_port} ${remote.sin_addr} ${remote.sin_port}`;
}
