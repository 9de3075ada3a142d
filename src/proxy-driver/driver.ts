/**
 * The proxy driver (PD-1 … PD-12, ADDR-1 … ADDR-14): what providers and the switch ask of the kernel. In Windows a
 * kernel-mode driver behind IOCTLs; here the native addon and this class. The interface between it and its providers is
 * private (PD-3). One per isolate.
 */
import type { Addon } from './addon.js';
import { AddressList, type NicAddress, type NicSockaddr } from './address-list.js';
import { type LoadedAddon, loadAddon } from './load.js';
import { companionName, parseCompanionName } from './names.js';

/** What an IP address stands for in the shm provider's own terms (D4, ADDR-12). */
export interface NativeAddress {
  /** SO_COOKIE of the listening TCP socket. */
  cookie: bigint;
  /** Owner of that socket: whoever answers under its companion name must have this uid (D5). */
  uid: number;
}

/** An IP address and port. */
export interface Endpoint {
  address: string;
  port: number;
  family: 4 | 6;
}

/** Where a destination's route leads. */
export interface RouteAnswer {
  local: boolean;
  /** The source address that the kernel would choose; '' if it does not say. */
  source: string;
}

export class ProxyDriver {
  readonly addon: Addon;
  readonly #list: AddressList;
  readonly #words = new BigUint64Array(4);
  readonly #bound = new Int32Array(1);
  readonly #name = { address: '', port: 0, family: 0 };
  readonly #route = { source: '' };

  constructor(addon: Addon) {
    this.addon = addon;
    this.#list = new AddressList(addon);
  }

  /** Loads the addon and makes the driver (PD-6); or says why there is none. Never throws. `path` as in `loadAddon`. */
  static load(path?: string): { driver: ProxyDriver; reason: null } | { driver: null; reason: string } {
    const loaded: LoadedAddon = path === undefined ? loadAddon() : loadAddon(path);
    if (loaded.addon === null) return { driver: null, reason: loaded.reason };
    const driver = new ProxyDriver(loaded.addon);
    const result = driver.#list.open();
    // Without the list no address can be called ours, so the provider could serve nothing (ADDR-9).
    if (result < 0) return { driver: null, reason: `the addresses of this host cannot be followed (error ${-result})` };
    return { driver, reason: null };
  }

  /** Unload (PD-8): ends the notices. Links and listeners are their owners'. */
  unload(): void {
    this.#list.close();
  }

  // ------------------------------------------------------------------ addresses

  /** The addresses of this host's interfaces, for SIO_ADDRESS_LIST_QUERY (ADDR-7, ADDR-8). Current whenever asked. */
  getAddressList(): NicSockaddr[] {
    return this.#list.sockaddrs();
  }

  /** The same with interface names and prefixes, for people. */
  getNicAddresses(): NicAddress[] {
    return this.#list.entries();
  }

  /** Calls back after addresses came or went (ADDR-3, ADDR-6). Returns what ends it. */
  watchAddressList(onChange: () => void): () => void {
    return this.#list.watch(onChange);
  }

  // ------------------------------------------------------------------ translation

  /** Whether the routing table calls a destination local, and from where one would go there (D4). Or -errno. */
  getRoute(remote: string): RouteAnswer | number {
    const result = this.addon.route(remote, this.#route);
    return result < 0 ? result : { local: result === 1, source: this.#route.source };
  }

  /**
   * IP address to native address (ADDR-12 … ADDR-14): the listener that TCP would reach from `local` to `remote`.
   * To be asked only for destinations whose route is local, after the local port is bound. Or -errno; -ENOENT: nobody
   * listens there.
   */
  translate(remote: Endpoint, local: Endpoint): NativeAddress | number {
    const words = this.#words;
    const result = this.addon.diag(remote.family, remote.address, remote.port, local.address, local.port, words);
    return result < 0 ? result : { cookie: words[0], uid: Number(words[1]) };
  }

  /** The native address of a TCP socket of our own (ADDR-13), or -errno. */
  getNativeAddress(fd: number): bigint | number {
    const result = this.addon.cookie(fd, this.#words);
    return result < 0 ? result : this.#words[0];
  }

  /** Native address to IP (ADDR-12), for a TCP socket of our own: what it is bound to, or -errno. */
  getEndpoint(fd: number): Endpoint | number {
    const result = this.addon.sockname(fd, this.#name);
    if (result < 0) return result;
    const { address, port, family } = this.#name;
    return { address, port, family: family === 6 ? 6 : 4 };
  }

  /** The abstract Unix name of a native address's n-th companion listener. */
  companionName(cookie: bigint, n: number): string {
    return companionName(cookie, n);
  }

  /** The way back; null: not a companion's name. */
  parseCompanionName(name: string): { cookie: bigint; n: number } | null {
    return parseCompanionName(name);
  }

  /**
   * Reserves a local port for real (D12): a bound TCP socket's descriptor, or -errno. `bound[0]` = the port, of interest
   * where any was asked for.
   */
  reservePort(local: Endpoint, bound: Int32Array = this.#bound): number {
    return this.addon.reserve(local.family, local.address, local.port, bound);
  }

  // ------------------------------------------------------------------ memory

  /** Allocates shared memory (PD-11, PD-12): a sealed memfd's descriptor, or -errno. */
  allocateMemory(bytes: number): number {
    return this.addon.allocate(bytes);
  }

  /** Maps memory after checking that its owner cannot take it away under us (D5): the buffer, or -errno. */
  mapMemory(fd: number, bytes: number): ArrayBuffer | number {
    return this.addon.map(fd, bytes);
  }

  /** Releases mapped memory (PD-11). 0 or -errno. */
  releaseMemory(memory: ArrayBuffer): number {
    return this.addon.release(memory);
  }

  // ------------------------------------------------------------------ event loop

  /** Most microseconds to look for work before the loop sleeps, 0 to 200 (D6). */
  setSpin(maxMicroseconds: number): void {
    this.addon.setSpin(maxMicroseconds);
  }

  /** One socket more (+1) or less (-1) that keeps the program alive. */
  hold(delta: 1 | -1): void {
    this.addon.hold(delta);
  }
}
