/**
 * The proxy driver (PD-1 … PD-18, ADDR-1 … ADDR-14): what providers and the switch ask of the kernel. In Windows a
 * kernel-mode driver behind IOCTLs; here the native addon and this class. The interface between it and its providers is
 * private (PD-3). One per isolate.
 */
import type { Addon } from './addon.js';
import { AddressList, type DeviceFilter, type NicAddress, type NicSockaddr } from './address-list.js';
import { Allocations } from './allocations.js';
import { deviceControl, type DeviceControls, type DriverStatus } from './device-control.js';
import { EINVAL } from './errno.js';
import { type LoadedAddon, loadAddon, PACKAGE_ROOT } from './load.js';
import { companionName, parseCompanionName } from './names.js';
import type { CacheOptions } from './registration-cache.js';
import { SecuredMemory } from './secured-memory.js';

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

/** What the operator allows providers (docs/CONFIGURATION.md). */
export interface DriverLimits {
  /** Most bytes that providers may have allocated at a time. */
  readonly memoryBytes: number;
  /** Most bytes of memory that each provider keeps registered after its use; 0: none. */
  readonly cacheBytes: number;
  /** Whether memory that the driver did not allocate may be kept as well. */
  readonly cacheUserBuffers: boolean;
}

const DEFAULT_LIMITS: DriverLimits = { memoryBytes: 256 << 20, cacheBytes: 64 << 20, cacheUserBuffers: false };

/** Most ranges that one provider keeps: a quarter of what the process can secure. */
const CACHE_ENTRIES_MAX = 256;

/**
 * The drivers of this isolate by the folder or file of their addon; there is one of each. The code that drives it may be there
 * twice, in the bundle that register.cjs loads and in modules that the program imports: both find it here.
 */
const KEY = Symbol.for('sockets-direct.drivers');
const place = globalThis as { [KEY]?: Map<string, ProxyDriver> | undefined };
const drivers = (place[KEY] ??= new Map<string, ProxyDriver>());

export class ProxyDriver {
  readonly addon: Addon;
  /** Ranges whose mapping is watched (PD-13). */
  readonly secured: SecuredMemory;
  /** Memory that providers have allocated (PD-11). */
  readonly allocations: Allocations;
  readonly #pins = new Map<ArrayBuffer, { readonly bytes: number; readonly locked: boolean }>();
  #limits = DEFAULT_LIMITS;
  #loads = 1;
  #path: string | null = null;
  readonly #list: AddressList;
  readonly #words = new BigUint64Array(4);
  readonly #bound = new Int32Array(1);
  readonly #name = { address: '', port: 0, family: 0 };
  readonly #route = { source: '' };

  constructor(addon: Addon) {
    this.addon = addon;
    this.secured = new SecuredMemory(addon);
    this.allocations = new Allocations(addon, addon.pageBytes, DEFAULT_LIMITS.memoryBytes);
    this.#list = new AddressList(addon);
  }

  /**
   * Loads the addon and makes the driver (PD-6), or counts one load more of the one that this isolate has; or says why there is
   * none. Never throws. `path` as in `loadAddon`.
   */
  static load(path: string = PACKAGE_ROOT): { driver: ProxyDriver; reason: null } | { driver: null; reason: string } {
    const present = drivers.get(path);
    if (present !== undefined) {
      present.retain();
      return { driver: present, reason: null };
    }
    const loaded: LoadedAddon = loadAddon(path);
    if (loaded.addon === null) return { driver: null, reason: loaded.reason };
    const driver = new ProxyDriver(loaded.addon);
    const result = driver.#list.open();
    // Without the list no address can be called ours, so the provider could serve nothing (ADDR-9).
    if (result < 0) return { driver: null, reason: `the addresses of this host cannot be followed (error ${-result})` };
    driver.#path = path;
    drivers.set(path, driver);
    return { driver, reason: null };
  }

  /** One load more; a method, for the class of `this` may be another copy's. */
  retain(): void {
    this.#loads++;
  }

  /**
   * Undoes one load (PD-8). The last one ends the notices, unsecures, unpins and releases what providers have left. Links and
   * listeners are their owners'.
   */
  unload(): void {
    if (this.#loads === 0 || --this.#loads > 0) return;
    if (this.#path !== null) drivers.delete(this.#path);
    this.#list.close();
    this.secured.close();
    for (const pin of [...this.#pins.keys()]) this.unpinMemory(pin);
    this.allocations.releaseAll();
  }

  /** What the operator allows; before that, the defaults of the settings. */
  setLimits(limits: DriverLimits): void {
    this.#limits = limits;
    this.allocations.bytesMax = limits.memoryBytes;
  }

  /** How a provider's registration cache is to be bounded, and what it may keep (D8). */
  cacheOptions(): CacheOptions {
    return {
      entriesMax: CACHE_ENTRIES_MAX,
      bytesMax: this.#limits.cacheBytes,
      admits: ({ buffer }) => this.#limits.cacheUserBuffers || this.allocations.has(buffer),
    };
  }

  status(): DriverStatus {
    const { secured, allocations } = this;
    let pinnedBytes = 0;
    let lockedBytes = 0;
    for (const { bytes, locked } of this.#pins.values()) {
      pinnedBytes += bytes;
      if (locked) lockedBytes += bytes;
    }
    return {
      loads: this.#loads,
      memoryBytes: allocations.bytes,
      memoryBytesMax: allocations.bytesMax,
      pinnedBytes,
      lockedBytes,
      secured: secured.state,
      securedReason: secured.reason,
      securedRanges: secured.ranges,
    };
  }

  /** The device-control entry point (PD-7, PD-9): 0 and the answer in `output`, or -errno. Never throws. */
  deviceControl<Code extends keyof DeviceControls>(
    code: Code,
    input: DeviceControls[Code]['input'],
    output: { value: DeviceControls[Code]['output'] | null },
  ): number {
    return deviceControl(this, code, input, output);
  }

  /**
   * Calls back after `ms`, in no async context, and keeps no process alive. There is one alarm in an isolate; setting it
   * again takes the one before back. False: it cannot be set.
   */
  alarm(ms: number, onDue: () => void): boolean {
    return this.addon.alarm(Math.max(1, Math.ceil(ms)), onDue) === 0;
  }

  // ------------------------------------------------------------------ addresses

  /**
   * The addresses of this host's interfaces, for SIO_ADDRESS_LIST_QUERY (ADDR-7, ADDR-8). Current whenever asked. With
   * `devices` only those of a provider's own NICs (ADDR-5).
   */
  getAddressList(devices: DeviceFilter | null = null): NicSockaddr[] {
    return this.#list.sockaddrs(devices);
  }

  /** The same with interface names and prefixes, for people. */
  getNicAddresses(devices: DeviceFilter | null = null): NicAddress[] {
    return this.#list.entries(devices);
  }

  /** Calls back after addresses of these devices came or went (ADDR-3, ADDR-5, ADDR-6). Returns what ends it. */
  watchAddressList(onChange: () => void, devices: DeviceFilter | null = null): () => void {
    return this.#list.watch(onChange, devices);
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

  /**
   * Pins the whole pages of a range, as `SecureAddon.pin`, and locks them where the limit allows (SP-15); what is not locked
   * is in {@link status}. To be undone by {@link unpinMemory}.
   */
  pinMemory(range: Uint8Array): ArrayBuffer | number {
    const pin = this.addon.pin(range);
    if (typeof pin !== 'number') this.#pins.set(pin, { bytes: pin.byteLength, locked: this.addon.lock(pin) === 0 });
    return pin;
  }

  /** 0, or -EINVAL: not a pin of this driver, or undone before. */
  unpinMemory(pin: ArrayBuffer): number {
    return this.#pins.delete(pin) ? this.addon.release(pin) : EINVAL;
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
