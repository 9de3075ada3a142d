import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { copy } from '../../../src/session/copy.js';

const SIZE = 2048;
const bytes = (seed: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + seed * 7 + (index >> 8)) & 0xff);

test('bytes arrive where they should and nothing beside them changes, at any place and length', () => {
  const place = fc.nat(600);
  const view = fc.nat(9);
  fc.assert(
    fc.property(fc.nat(600), place, place, view, view, (length, offset, at, fromOffset, toOffset) => {
      // Views that begin anywhere in larger memory, as a provider's may.
      const from = new Uint8Array(bytes(1, SIZE).buffer, fromOffset, SIZE - fromOffset - 1);
      const to = new Uint8Array(bytes(2, SIZE).buffer, toOffset, SIZE - toOffset - 1);
      const expected = to.slice();
      expected.set(from.subarray(offset, offset + length), at);
      copy(from, offset, length, to, at);
      assert.deepEqual(to, expected);
    }),
    { numRuns: 2000 },
  );
});

test('memory that is seen by turns is told apart', () => {
  const sources = [bytes(3, SIZE), bytes(4, SIZE), bytes(5, SIZE)];
  const targets = [new Uint8Array(SIZE), new Uint8Array(SIZE)];
  for (let n = 0; n < 60; n++) {
    const from = sources[n % 3];
    const to = targets[n % 2] as Uint8Array;
    copy(from, n * 8, 64, to, n * 16);
    assert.deepEqual(to.subarray(n * 16, n * 16 + 64), from.subarray(n * 8, n * 8 + 64));
  }
});

test('the last bytes of memory whose length is no multiple of a word', () => {
  for (let length = 61; length <= 67; length++) {
    const from = bytes(6, length);
    const to = new Uint8Array(length);
    copy(from, 0, length, to, 0);
    assert.deepEqual(to, from);
  }
});
