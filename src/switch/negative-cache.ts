/**
 * Listeners that are known not to be reachable on the SAN, for a short while: so that connects to a plain listener cost
 * nothing once it is known (budget `fallback-connect`). Bounded: hosts and ports come from the program.
 */
import type { KnownReason, RouteReason } from './reasons.js';

/** Most remembered listeners; past it everything is forgotten, which only costs a few lookups. */
const ENTRIES_MAX = 1024;

interface Entry extends KnownReason {
  /** On the clock of `now`, in ms. */
  readonly until: number;
}

export class NegativeCache {
  readonly #ttlMs: number;
  readonly #now: () => number;
  readonly #ports = new Map<number, Map<string, Entry>>();
  #count = 0;

  /** `ttlMs`: how long an answer holds, 0 = not at all. `now`: a clock in ms. */
  constructor(ttlMs: number, now: () => number) {
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  /** Why this listener is on TCP; null: not known. */
  get(address: string, port: number): KnownReason | null {
    if (this.#count === 0) return null;
    const addresses = this.#ports.get(port);
    const entry = addresses?.get(address);
    if (addresses === undefined || entry === undefined) return null;
    if (entry.until > this.#now()) return entry;
    addresses.delete(address);
    this.#count--;
    if (addresses.size === 0) this.#ports.delete(port);
    return null;
  }

  /** `ageMs`: how long it has been so already, which counts. */
  set(address: string, port: number, reason: RouteReason, ageMs = 0): void {
    if (ageMs >= this.#ttlMs) return;
    if (this.#count >= ENTRIES_MAX) this.clear();
    let addresses = this.#ports.get(port);
    if (addresses === undefined) {
      addresses = new Map();
      this.#ports.set(port, addresses);
    }
    if (!addresses.has(address)) this.#count++;
    addresses.set(address, { reason, remembered: true, until: this.#now() + this.#ttlMs - ageMs });
  }

  /** A listener of our own appears on this port: what was known of the port is void. */
  forgetPort(port: number): void {
    this.#count -= this.#ports.get(port)?.size ?? 0;
    this.#ports.delete(port);
  }

  clear(): void {
    this.#ports.clear();
    this.#count = 0;
  }
}
