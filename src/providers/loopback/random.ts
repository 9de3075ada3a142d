/** Seeded random numbers: the same seed gives the same faults at the same places, on every machine. */
import { randomBytes } from 'node:crypto';

export class Random {
  #state: number;
  /** Whether the numbers can be foreseen by who knows the seed; what must not be guessed is then not secret either. */
  readonly seeded: boolean;

  /** `seed`: 32 bits. Null: nothing can be foreseen. */
  constructor(seed: number | null) {
    this.seeded = seed !== null;
    this.#state = (seed ?? randomBytes(4).readUInt32LE(0)) >>> 0;
  }

  /** The next 32 bits (the mixing function of splitmix32). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return limit <= 1 ? 0 : this.next() % limit;
  }

  /** True `perMillion` times in a million. Takes no number if it cannot happen, so that unused faults change nothing. */
  chance(perMillion: number): boolean {
    return perMillion > 0 && this.below(1_000_000) < perMillion;
  }

  /** `count` bytes: the secret part of an RDMA descriptor. */
  bytes(count: number): Buffer {
    if (!this.seeded) return randomBytes(count);
    const bytes = Buffer.alloc(count);
    for (let i = 0; i < count; i++) bytes[i] = this.next();
    return bytes;
  }
}
