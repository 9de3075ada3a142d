// A few hundred seeds of the simulation on every run; `npm run simulate -- --seeds 10000` runs more.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulate } from './run.js';

const SEEDS = 400;

describe('two processes over the loopback provider, by seed', () => {
  it('bytes are conserved and in order, credits bounded, every call settled once, nothing is left (SESS-4, GAP-3, MEM-18)', () => {
    let connections = 0;
    let bytes = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = simulate(seed);
      assert.deepEqual(outcome.failures, [], `to see it again: npm run simulate -- --seed ${seed}`);
      connections += outcome.connections;
      bytes += outcome.bytes;
    }
    assert.ok(connections > SEEDS, `${connections} ends of connections: too few to show anything`);
    assert.ok(bytes > 1e6 * 10, `${bytes} bytes`);
  });

  it('the same seed does the same, step by step; another seed does not', () => {
    const hashes = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const first = simulate(seed);
      const again = simulate(seed, true);
      assert.deepEqual([again.hash, again.steps], [first.hash, first.steps], `seed ${seed}`);
      assert.ok(again.trace.length > 0);
      hashes.add(first.hash);
    }
    assert.equal(hashes.size, 40);
  });
});
