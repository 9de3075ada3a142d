// What a program still holds after its peers have gone, as left-probe.cjs tells it.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** @typedef {import('../../../out/test/support/program.js').Program} Program */
/** @typedef {{ handles: string[], descriptors: number, ours: { connections: number, links: number, mappings: number } | null }} Held */
/** @typedef {{ sockets: number, ours: { handles: number, sessions: number } | null }} Objects */

/** Loaded before a program that is to be asked. */
export const probe = ['-r', fileURLToPath(new URL('left-probe.cjs', import.meta.url))];

/** The peers' ends are noticed, and timers of the package run, within this time; a quiet machine needs some milliseconds. */
const SETTLED_WITHIN = 20_000;

/** Asks one program, again and again. */
export class LeftBehind {
  #program;
  #asked = 0;

  /** @param {Program} program started with {@link probe} */
  constructor(program) {
    this.#program = program;
  }

  /** @param {NodeJS.Signals} signal @returns {Promise<any>} */
  #ask(signal) {
    this.#program.signal(signal);
    return this.#program.says(`left-${this.#asked++}`);
  }

  /** @returns {Promise<Held>} */
  held() {
    return this.#ask('SIGUSR2');
  }

  /** Collects the garbage and counts what is reachable: slow. @returns {Promise<Objects>} */
  objects() {
    return this.#ask('SIGURG');
  }

  /**
   * Waits until the program holds what it is `expected` to; if it does not come to that, fails with the difference.
   * @param {Held} expected
   * @param {string} message
   */
  async settles(expected, message) {
    const deadline = Date.now() + SETTLED_WITHIN;
    for (;;) {
      const held = await this.held();
      try {
        assert.deepEqual(held, expected, message);
        return;
      } catch (difference) {
        if (Date.now() > deadline) throw difference;
      }
      await delay(50);
    }
  }
}
