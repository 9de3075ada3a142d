/** A NIC in its smallest form: it pins by a second mapping of the memory, and counts what it is asked to do. */
import { strict as assert } from 'node:assert';
import type { Addon, CacheOptions, PinningNic, SecuredRange, Securer } from '../../../src/proxy-driver/index.js';

export interface TestPin {
  readonly memory: ArrayBuffer;
  readonly rights: number;
}

export class TestNic implements PinningNic<TestPin, { readonly pinned: TestPin }> {
  pins = 0;
  unpins = 0;
  /** What the peer can reach. */
  readonly exposures = new Set<{ readonly pinned: TestPin }>();
  /** Answered to so many calls of pin, before it works again. */
  readonly refusals: number[] = [];
  /** Answered by unpin, after it is done. */
  unpinAnswer = 0;

  constructor(readonly addon: Addon) {}

  addressOf(range: Uint8Array): number {
    return this.addon.addressOf(range);
  }

  pin(range: Uint8Array, rights: number): TestPin | number {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return refusal;
    const memory = this.addon.pin(range);
    if (typeof memory === 'number') return memory;
    this.pins++;
    return { memory, rights };
  }

  unpin({ memory }: TestPin): number {
    this.unpins++;
    assert.equal(this.addon.release(memory), 0);
    return this.unpinAnswer;
  }

  expose(pinned: TestPin): { readonly pinned: TestPin } {
    const exposure = { pinned };
    this.exposures.add(exposure);
    return exposure;
  }

  conceal(exposure: { readonly pinned: TestPin }): void {
    assert.ok(this.exposures.delete(exposure));
  }

  /** Pins that are not undone. */
  get held(): number {
    return this.pins - this.unpins;
  }
}

/** Secures for real, but never finds that anything has changed: what a cache would be without any notice. */
export class BlindSecurer implements Securer {
  readonly #seeing: Securer;

  constructor(seeing: Securer) {
    this.#seeing = seeing;
  }

  secure(range: Uint8Array): SecuredRange | number {
    return this.#seeing.secure(range);
  }

  check(): number {
    return 0;
  }

  unsecure(range: SecuredRange): number {
    return this.#seeing.unsecure(range);
  }
}

export const KEEP_ALL: CacheOptions = { entriesMax: 64, bytesMax: 1 << 24, admits: () => true };
