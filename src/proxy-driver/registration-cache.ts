/**
 * The registration cache (CACHE-1 … CACHE-16): a library for providers that pin memory and register it with a NIC. Both are
 * expensive, so both are kept after a deregistration, found again by address, and given up when the proxy driver says that
 * the memory is not what it was, or when others need the room. The peer's access is never kept (CACHE-12).
 *
 * What is kept is safe by three checks, of which none waits for JavaScript: before an entry is used again, all that any
 * thread did to its mapping up to then is settled and its generation compared; the same after memory was pinned, before it
 * may be found; and a registration in use compares generations at each use.
 */
import { EAGAIN, EFAULT, ENOBUFS, ENOMEM, EPERM, ESTALE } from './errno.js';
import type { SecuredRange, Securer } from './secured-memory.js';

/** What a provider does for one range of whole pages. A number below 0 is -errno. */
export interface PinningNic<P, X> {
  /** Where a range begins, a number below 2^53; 0 or below: nowhere. */
  addressOf(range: Uint8Array): number;
  /** Pins the pages of a range and registers them for local use; `rights` = `MEM_*`. */
  pin(range: Uint8Array, rights: number): P | number;
  /** Removes the registration and gives the pages back. 0, or -errno: they could not be given back. */
  unpin(pinned: P): number;
  /**
   * Lets the peer reach pinned memory, by whatever can be taken back alone: a memory window, a key, or, where there is
   * nothing else, a NIC registration of its own (CACHE-13).
   */
  expose(pinned: P, rights: number): X | number;
  /** From here on the peer cannot reach it through this exposure. */
  conceal(exposure: X): void;
}

export interface CacheOptions {
  /** Most ranges kept, and most bytes of them. The least recently used go first. */
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** Whether memory may be kept: whole pages that the proxy driver allocated; others only where the operator opted in. */
  admits(range: Uint8Array): boolean;
}

export interface CacheStats {
  /** Ranges that can be found now, those in use included, and their bytes. */
  readonly entries: number;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
  /** Entries that were given up because their mapping had changed, and those that made room. */
  readonly stale: number;
  readonly evicted: number;
}

/** What became of a change, in the terms of the cache callback (CACHE-10). */
export type ChangeResult = 'released' | 'busy' | 'unknown';

/** Pinned memory: while it is used, and afterwards as long as it may be found again. */
interface Entry<P> {
  /** Whole pages. */
  readonly start: number;
  readonly end: number;
  readonly pinned: P;
  readonly rights: number;
  /** Null: not secured, so it is never found again. */
  secured: SecuredRange | null;
  uses: number;
  /** Sockets that have registered it; it goes before the last of them is closed (CACHE-8). */
  readonly owners: Set<object>;
  /** Its mapping has changed while it was in use. */
  revoked: boolean;
}

/** One registration, for a provider to hold for the switch. */
export interface CachedRegistration<P, X> {
  /** As it came; held, so that it is not collected while it is registered (D8). */
  readonly buffer: Uint8Array;
  readonly bytes: number;
  /** First byte within the pinned pages. */
  readonly offset: number;
  readonly entry: Entry<P>;
  /** Null: for local use. */
  readonly exposure: X | null;
}

export class RegistrationCache<P extends object, X> {
  readonly #nic: PinningNic<P, X>;
  readonly #securer: Securer;
  readonly #pageBytes: number;
  readonly #options: CacheOptions;
  /** What can be found, oldest use first. */
  readonly #entries = new Set<Entry<P>>();
  #enabled = false;
  #bytes = 0;
  #hits = 0;
  #misses = 0;
  #stale = 0;
  #evicted = 0;

  constructor(nic: PinningNic<P, X>, securer: Securer, pageBytes: number, options: CacheOptions) {
    this.#nic = nic;
    this.#securer = securer;
    this.#pageBytes = pageBytes;
    this.#options = options;
  }

  /**
   * From now on memory is kept: the switch has fetched `WSPMemoryRegistrationCacheCallback` and will call it. A provider that
   * does not offer it never calls this, and keeps nothing (CACHE-16).
   */
  enable(): void {
    this.#enabled = true;
  }

  /**
   * Registers the first `bytes` (at least 1) of a buffer for a socket (CACHE-5), for local use or for the peer (CACHE-14);
   * -errno: what pinning or exposing said, or -EFAULT.
   */
  register(
    buffer: Uint8Array,
    bytes: number,
    rights: number,
    exposed: boolean,
    owner: object,
  ): CachedRegistration<P, X> | number {
    if (buffer.length < bytes) return EFAULT; // also a detached one
    const range = buffer.subarray(0, bytes);
    const address = this.#nic.addressOf(range);
    if (address <= 0) return EFAULT;
    const entry = this.#find(address, bytes, rights) ?? this.#make(range, address, rights);
    if (typeof entry === 'number') return entry;
    const exposure = exposed ? this.#nic.expose(entry.pinned, rights) : null;
    if (typeof exposure === 'number') {
      if (entry.uses === 0) this.#keepOrDrop(entry);
      return exposure;
    }
    entry.uses++;
    entry.owners.add(owner);
    return { buffer, bytes, offset: address - entry.start, entry, exposure };
  }

  /** Undoes one registration. The pages stay pinned and registered (CACHE-2); the peer's access ends (CACHE-12). */
  deregister({ entry, exposure }: CachedRegistration<P, X>): void {
    if (exposure !== null) this.#nic.conceal(exposure);
    if (--entry.uses === 0) this.#keepOrDrop(entry);
  }

  /**
   * Whether memory may still be reached through a registration: its buffer was not detached, transferred or shrunk, and the
   * pages are still what is mapped there. To be asked at every use.
   */
  isUsable({ buffer, bytes, entry }: CachedRegistration<P, X>): boolean {
    if (buffer.length < bytes || entry.revoked) return false;
    return entry.secured === null || this.#securer.check(entry.secured, false) === 0;
  }

  /**
   * The mapping of a range has changed (CACHE-6, CACHE-7): what is kept in it goes. `busy`: some of it is in use and could not
   * be unpinned; it is unusable from now on, and goes with its last use.
   */
  changed(address: number, bytes: number): ChangeResult {
    let result: ChangeResult = 'unknown';
    for (const entry of [...this.#entries]) {
      if (entry.end <= address || entry.start >= address + bytes) continue;
      if (entry.uses > 0) {
        // A notice comes late: what is registered now may have been mapped after it.
        if (this.#isTrue(entry, false)) continue;
        this.#revoke(entry);
        result = 'busy';
      } else {
        this.#stale++;
        if (this.#drop(entry) !== 0) result = 'busy';
        else if (result === 'unknown') result = 'released';
      }
    }
    return result;
  }

  /** Before a connection is closed: what only this socket has registered goes (CACHE-8). */
  releaseOwner(owner: object): void {
    for (const entry of [...this.#entries]) {
      if (entry.owners.delete(owner) && entry.owners.size === 0 && entry.uses === 0) this.#drop(entry);
    }
  }

  /** The provider ends: what is in use goes with its last use, all else now. */
  clear(): void {
    this.#enabled = false;
    this.#dropUnused();
  }

  get stats(): CacheStats {
    return {
      entries: this.#entries.size,
      bytes: this.#bytes,
      hits: this.#hits,
      misses: this.#misses,
      stale: this.#stale,
      evicted: this.#evicted,
    };
  }

  /** An entry that contains the range, with these rights at least (OBS-35), and is what is mapped there now. */
  #find(address: number, bytes: number, rights: number): Entry<P> | null {
    for (const entry of this.#entries) {
      if (entry.start > address || entry.end < address + bytes || (entry.rights & rights) !== rights) continue;
      const state = entry.secured === null ? ESTALE : this.#securer.check(entry.secured, true);
      if (state === 0) {
        this.#entries.delete(entry);
        this.#entries.add(entry);
        this.#hits++;
        return entry;
      }
      if (state === EAGAIN) continue; // nobody can tell in time: done without
      if (entry.uses > 0) {
        this.#revoke(entry);
      } else {
        this.#stale++;
        this.#drop(entry);
      }
    }
    this.#misses++;
    return null;
  }

  /** Secures first, then pins, then looks whether anything changed in between: only then it may be found again. */
  #make(range: Uint8Array, address: number, rights: number): Entry<P> | number {
    const start = address - (address % this.#pageBytes);
    const end = Math.ceil((address + range.length) / this.#pageBytes) * this.#pageBytes;
    const keep = this.#enabled && end - start <= this.#options.bytesMax && this.#options.admits(range);
    const secured = keep ? this.#securer.secure(range) : EPERM;
    let pinned = this.#nic.pin(range, rights);
    if (pinned === ENOMEM || pinned === ENOBUFS) {
      this.#dropUnused();
      pinned = this.#nic.pin(range, rights);
    }
    if (typeof pinned === 'number') {
      if (typeof secured !== 'number') this.#securer.unsecure(secured);
      return pinned;
    }
    const entry: Entry<P> = { start, end, pinned, rights, secured: null, uses: 0, owners: new Set(), revoked: false };
    if (typeof secured === 'number') return entry;
    entry.secured = secured;
    this.#entries.add(entry);
    this.#bytes += end - start;
    this.#makeRoom(entry);
    // Somebody maps and unmaps there right now: good for this one registration, as without a cache.
    if (!this.#isTrue(entry, true)) this.#forget(entry);
    return entry;
  }

  #isTrue({ secured }: Entry<P>, settle: boolean): boolean {
    return secured !== null && this.#securer.check(secured, settle) === 0;
  }

  /** Drops others, oldest use first; if all the rest is in use, the newcomer is not kept. */
  #makeRoom(newcomer: Entry<P>): void {
    const { entriesMax, bytesMax } = this.#options;
    for (const entry of [...this.#entries]) {
      if (this.#entries.size <= entriesMax && this.#bytes <= bytesMax) return;
      if (entry === newcomer) {
        this.#forget(entry);
      } else if (entry.uses === 0) {
        this.#evicted++;
        this.#drop(entry);
      }
    }
  }

  #dropUnused(): void {
    for (const entry of [...this.#entries]) if (entry.uses === 0) this.#drop(entry);
  }

  /** Nobody uses it any more. */
  #keepOrDrop(entry: Entry<P>): void {
    if (!this.#enabled || entry.owners.size === 0 || !this.#isTrue(entry, false)) this.#drop(entry);
  }

  /** It cannot be found any more, and those who hold it cannot use it. */
  #revoke(entry: Entry<P>): void {
    this.#stale++;
    entry.revoked = true;
    this.#forget(entry);
  }

  #forget(entry: Entry<P>): void {
    if (this.#entries.delete(entry)) this.#bytes -= entry.end - entry.start;
    if (entry.secured !== null) this.#securer.unsecure(entry.secured);
    entry.secured = null;
  }

  /** Unsecured, out of the cache, registration removed, unpinned (CACHE-7). 0, or -errno of unpinning. */
  #drop(entry: Entry<P>): number {
    this.#forget(entry);
    return this.#nic.unpin(entry.pinned);
  }
}
