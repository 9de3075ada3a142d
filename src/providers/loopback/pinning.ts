/**
 * How registered memory is held. By default a pin is an alias of the ArrayBuffer. With `cacheRegistrations` it is what a NIC
 * has: a second mapping of the pages, made by the proxy driver, and kept after the deregistration (CACHE-1 … CACHE-16). That
 * one shows old bytes when it is kept for too long, so what keeps it from that can be tested.
 */
import {
  type CachedRegistration,
  type CacheOptions,
  type PinningNic,
  ProxyDriver,
  RegistrationCache,
} from '../../proxy-driver/index.js';
import {
  type LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK,
  SOCKET_ERROR,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOBUFS,
} from '../../spi/index.js';

/** Memory as the NIC holds it. */
export interface Pin {
  readonly memory: ArrayBufferLike;
  /** First byte in `memory`, and how many. */
  readonly offset: number;
  readonly bytes: number;
}

/** The second mapping. */
type Mapping = ArrayBuffer;
/** What the peer's access hangs on is the key in the registration table; nothing else has to be done here. */
type Exposure = object;

/** A pin, and what undoes it. */
export interface HeldPin {
  readonly pin: Pin;
  /** Null: an alias of the buffer. */
  readonly cached: CachedRegistration<Mapping, Exposure> | null;
}

const EFAULT = -14;
const EINVAL = -22;

class PagePinner implements PinningNic<Mapping, Exposure> {
  readonly #driver: ProxyDriver;

  constructor(driver: ProxyDriver) {
    this.#driver = driver;
  }

  addressOf(range: Uint8Array): number {
    return this.#driver.addon.addressOf(range);
  }

  pin(range: Uint8Array): Mapping | number {
    return this.#driver.pinMemory(range);
  }

  unpin(pinned: Mapping): number {
    return this.#driver.unpinMemory(pinned);
  }

  expose(): Exposure {
    return {};
  }

  conceal(): void {
    // The registration table has forgotten the key already.
  }
}

export function aliasOf(buffer: Uint8Array, bytes: number): Pin {
  return { memory: buffer.buffer, offset: buffer.byteOffset, bytes };
}

/** The pins of one provider instance, from its first start to its last cleanup. */
export class Pinner {
  #cache: RegistrationCache<Mapping, Exposure> | null = null;
  /** Loaded by us, so to be unloaded. */
  #loaded: ProxyDriver | null = null;

  /** `given` null: the driver of this isolate, if there is one. */
  open(cacheRegistrations: boolean, given: ProxyDriver | null, limits: Partial<CacheOptions>): void {
    if (!cacheRegistrations) return;
    if (given === null) this.#loaded = ProxyDriver.load().driver;
    const driver = given ?? this.#loaded;
    if (driver === null) return;
    const options = { ...driver.cacheOptions(), ...limits };
    this.#cache = new RegistrationCache(new PagePinner(driver), driver.secured, driver.addon.pageBytes, options);
  }

  close(): void {
    this.#cache?.clear();
    this.#cache = null;
    this.#loaded?.unload();
    this.#loaded = null;
  }

  get cache(): RegistrationCache<Mapping, Exposure> | null {
    return this.#cache;
  }

  /** Pins memory for a socket, or a code: `WSAEFAULT`, `WSAENOBUFS` (MEM-12). */
  pin(buffer: Uint8Array, bytes: number, rights: number, exposed: boolean, owner: object): HeldPin | number {
    // Private memory has no second mapping, and no bytes have no pages.
    const cached = bytes === 0 ? EINVAL : (this.#cache?.register(buffer, bytes, rights, exposed, owner) ?? EINVAL);
    if (cached === EINVAL) return { pin: aliasOf(buffer, bytes), cached: null };
    if (typeof cached === 'number') return cached === EFAULT ? WSAEFAULT : WSAENOBUFS;
    return { pin: { memory: cached.entry.pinned, offset: cached.offset, bytes }, cached };
  }

  unpin({ cached }: HeldPin): void {
    if (cached !== null) this.#cache?.deregister(cached);
  }

  /** Whether the memory may still be reached through a pin. */
  isUsable({ cached }: HeldPin): boolean {
    return cached === null || this.#cache?.isUsable(cached) === true;
  }

  /** Before a connection closes (CACHE-8). */
  releaseOwner(owner: object): void {
    this.#cache?.releaseOwner(owner);
  }

  /** The extension by which the switch tells of changes; null: nothing is cached (CACHE-16). */
  callback(): LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK | null {
    const cache = this.#cache;
    if (cache === null) return null;
    cache.enable();
    return (lpvAddress, Size, lpErrno) => {
      const result = cache.changed(Number(lpvAddress), Size);
      if (result === 'released') return 0;
      lpErrno.value = result === 'busy' ? WSAEFAULT : WSAEINVAL; // CACHE-10
      return SOCKET_ERROR;
    };
  }
}
