import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readSnapshot } from '../../../src/observe/read-snapshot.js';
import { limitSnapshot } from '../../../src/observe/snapshot.js';
import { sampleConnection, sampleListener, sampleSnapshot } from './sample.js';

type Json = Record<string, unknown>;

function asJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

describe('a snapshot from elsewhere', () => {
  test('is read as it was written', () => {
    const counters = { turns: 1, drains: 2, bells: 3, bellsSent: 4, spins: 5, spinHits: 6, sleeps: 7 };
    const loop = { ...counters, polledNanoseconds: 8 };
    const snapshot = sampleSnapshot();
    const withLoop = { ...snapshot, stats: { ...snapshot.stats, loop } };
    assert.deepEqual(readSnapshot(asJson(snapshot)), snapshot);
    assert.deepEqual(readSnapshot(asJson(withLoop)), withLoop);
    const memory = { allocated: 1, allocatedMax: 2, pinned: 3, locked: 4, secured: 'on', securedRanges: 5 } as const;
    for (const securedReason of [null, 'not permitted']) {
      const withMemory = { ...snapshot, stats: { ...snapshot.stats, memory: { ...memory, securedReason } } };
      assert.deepEqual(readSnapshot(asJson(withMemory)), withMemory);
    }
  });

  test('loses fields that are not known', () => {
    const snapshot = sampleSnapshot();
    assert.deepEqual(readSnapshot({ ...asJson(snapshot), mood: 'fine' }), snapshot);
  });

  /** Every place in the document, as a path of keys. */
  function places(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
    if (typeof value !== 'object' || value === null) return [path];
    const below = Object.entries(value).flatMap(([key, item]) => places(item, [...path, key]));
    return path.length === 0 ? below : [path, ...below];
  }

  test('is refused when any one field is missing or of another kind', () => {
    const original = asJson(sampleSnapshot());
    for (const path of places(original)) {
      // Values that fit no field; a symbol cannot come out of JSON, but NaN, -1 and nesting can stand for what does.
      for (const wrong of [undefined, -1, [[]], 'x'.repeat(10_000)]) {
        const copy = asJson(original);
        let at = copy;
        for (const key of path.slice(0, -1)) at = at[key] as Json;
        at[path[path.length - 1]] = wrong;
        assert.equal(readSnapshot(copy), null, `${path.join('.')} = ${JSON.stringify(wrong)?.slice(0, 20)}`);
      }
    }
  });

  test('is refused when it is no object, of another format, or has too many entries', () => {
    for (const value of [null, 1, 'x', [], {}, { ...sampleSnapshot(), format: 2 }])
      assert.equal(readSnapshot(value), null);
    assert.equal(readSnapshot(sampleSnapshot({ connections: new Array(20_001).fill(sampleConnection()) })), null);
  });
});

describe('the size of an answer', () => {
  test('is limited, and what is left out is counted', () => {
    const snapshot = sampleSnapshot({
      connections: [1, 2, 3, 4].map((id) => sampleConnection({ id })),
      listeners: [1, 2, 3].map((id) => sampleListener({ id })),
    });
    const limited = limitSnapshot(snapshot, 2);
    assert.equal(limited.connections.length, 2);
    assert.equal(limited.listeners.length, 2);
    assert.equal(limited.omitted, 3);
    assert.deepEqual(limitSnapshot(snapshot, 4), snapshot);
    assert.equal(limitSnapshot({ ...snapshot, detail: 'x'.repeat(100_000) }).detail?.length, 4096);
  });
});
