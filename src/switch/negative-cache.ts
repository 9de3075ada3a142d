/**
 * Listeners that are known not to be reachable on the SAN, for a short while: so that connects to a plain listener cost
 * nothing once it is known (budget `fallback-connect`). Bounded: hosts and ports come from the program.
 */
import type { KnownReason, RouteReason } from './reasons.js';

/** Most remembered listeners; past it everything is forgotten, which only costs a few lookups. */
const ENTRIES_MAX = 1024;

interface Entry extends KnownReason {
  readonly address: string;
  /** On the clock of `now`, in ms. */
  readonly until: number;
  /** Another address on the same port: there are hardly ever more than two. */
  next: Entry | null;
}

export class NegativeCache {
  readonly #ttlMs: number;
  readonly #now: () => number;
  readonly #ports = new Map<number, Entry>();
  #count = 0;

  /** `ttlMs`: how long an answer holds, 0 = not at all. `now`: a clock in ms. */
  constructor(ttlMs: number, now: () => number) {
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  /** Why this listener is on TCP; null: not known. */
  get(address: string, port: number): KnownReason | null {
    if (this.#count === 0) return null;
    const entry = this.#find(address, port);
    if (entry === null || entry.until > this.#now()) return entry;
    this.#remove(entry, port);
    return null;
  }

  /** `ageMs`: how long it has been so already, which counts. */
  set(address: string, port: number, reason: RouteReason, ageMs = 0): void {
    if (ageMs >= this.#ttlMs) return;
    const old = this.#find(address, port);
    if (old !== null) this.#remove(old, port);
    if (this.#count >= ENTRIES_MAX) this.clear();
    const next = this.#ports.get(port) ?? null;
    this.#ports.set(port, { reason, remembered: true, address, until: this.#now() + this.#ttlMs - ageMs, next });
    this.#count++;
  }

  /** A listener of our own appears on this port: what was known of the port is void. */
  forgetPort(port: number): void {
    for (let entry = this.#ports.get(port) ?? null; entry !== null; entry = entry.next) this.#count--;
    this.#ports.delete(port);
  }

  #find(address: string, port: number): Entry | null {
    let entry = this.#ports.get(port) ?? null;
    while (entry !== null && entry.address !== address) entry = entry.next;
    return entry;
  }

  #remove(entry: Entry, port: number): void {
    this.#count--;
    const first = this.#ports.get(port);
    if (first === entry) {
      if (entry.next === null) this.#ports.delete(port);
      else this.#ports.set(port, entry.next);
      return;
    }
    let before = first;
    while (before !== undefined && before.next !== entry) before = before.next ?? undefined;
    if (before !== undefined) before.next = entry.next;
  }

  clear(): void {
    this.#ports.clear();
    this.#count = 0;
  }
}
