// What a program still holds after its peers have gone, as left-probe.cjs tells it.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** @typedef {import('../../../out/test/support/program.js').Program} Program */
/** @typedef {{ handles: string[], descriptors: number, ours: { connections: number, links: number, mappings: number } | null }} Held */
/** @typedef {{ sockets: number, ours: { handles: number, sessions: number, connections: number } | null }} Objects */

/** @typedef {{ connections: number, links: number }} Allowance what peers that are still there may account for */

/** Loaded before a program that is to be asked. */
export const probe = ['-r', fileURLToPath(new URL('left-probe.cjs', import.meta.url))];

/** The peers' ends are noticed, and timers of the package run, within this time; a quiet machine needs some milliseconds. */
const SETTLED_WITHIN = 60_000;

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
   * Waits until the program holds what it held `before`, and no more than `allowed`; if it does not come to that, fails.
   * @param {Held} before @param {Allowance} allowed @param {string} who for the message
   */
  async settles(before, allowed, who) {
    await untilNothing(who, async () => {
      const held = await this.held();
      const excess = excessOf(held, before, allowed);
      return { excess, seen: { before, held } };
    });
  }

  /**
   * Waits until no more than `most` sockets are reachable, and nothing of the switch without its connection.
   * @param {number} most @param {string} who for the message @returns {Promise<number>} how many sockets there are
   */
  async forgets(most, who) {
    const { sockets } = await untilNothing(who, async () => {
      const seen = await this.objects();
      const { handles = 0, sessions = 0, connections = 0 } = seen.ours ?? {};
      const excess = [];
      if (seen.sockets > most) excess.push(`${seen.sockets} sockets in memory, not ${most}`);
      if (handles > connections) excess.push(`${handles} handles in memory for ${connections} connections`);
      if (sessions > connections) excess.push(`${sessions} sessions in memory for ${connections} connections`);
      return { excess, seen };
    });
    return sockets;
  }
}

/**
 * Looks again until there is no excess, or it has been too long.
 * @template T
 * @param {string} who @param {() => Promise<{ excess: string[], seen: T }>} look @returns {Promise<T>}
 */
const untilNothing = async (who, look) => {
  const deadline = Date.now() + SETTLED_WITHIN;
  for (;;) {
    const { excess, seen } = await look();
    if (excess.length === 0) return seen;
    if (Date.now() > deadline) assert.fail(`${who}: ${excess.join('; ')}\n${JSON.stringify(seen)}`);
    await delay(50);
  }
};

/**
 * In words, what is held beyond what is allowed.
 * @param {Held} held @param {Held} before @param {Allowance} allowed @returns {string[]}
 */
const excessOf = (held, before, { connections, links }) => {
  const excess = [];
  const compare = (/** @type {string} */ what, /** @type {number} */ now, /** @type {number} */ most) => {
    if (now > most) excess.push(`${now} ${what}, not ${most}`);
  };
  const others = (/** @type {Held} */ { handles }) => handles.filter((name) => name !== 'Socket');
  compare(
    'sockets',
    held.handles.length - others(held).length,
    before.handles.length - others(before).length + connections,
  );
  if (others(held).join() !== others(before).join()) excess.push(`handles: ${others(held).join(', ')}`);
  // A connection has at most its TCP socket; a link its control connection and the peer's pidfd. The first connect opens
  // the netlink socket that answers who listens where.
  compare('descriptors', held.descriptors, before.descriptors + connections + 2 * links + (links > 0 ? 1 : 0));
  if (held.ours !== null && before.ours !== null) {
    compare('connections on the SAN', held.ours.connections, before.ours.connections + connections);
    compare('links', held.ours.links, before.ours.links + links);
    compare('mappings of shared memory', held.ours.mappings, before.ours.mappings + links);
  }
  return excess;
};
