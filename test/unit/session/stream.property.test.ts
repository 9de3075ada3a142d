import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { WRITE_PENDING } from '../../../src/session/index.js';
import { type End, pair, settle } from './support/wire-pair.js';

type Step =
  | { do: 'write'; side: 0 | 1; sizes: number[] }
  | { do: 'move'; side: 0 | 1 }
  | { do: 'read'; side: 0 | 1; on: boolean };

const side = fc.constantFrom(0 as const, 1 as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('write' as const), side, sizes: fc.array(fc.nat(9000), { minLength: 1, maxLength: 5 }) }),
  fc.record({ do: fc.constant('move' as const), side }),
  fc.record({ do: fc.constant('read' as const), side, on: fc.boolean() }),
);

describe('two sessions against the oracle: an array per direction (SW-3)', () => {
  it('no credit limit deadlocks and every byte arrives once, in order (SESS-1, XFER-18, XFER-19, GAP-3)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 8, max: 16 }),
        fc.integer({ min: 1, max: 6 }),
        async (steps, receiveBuffers, queueMax) => {
          const offer = { receiveBuffers, maxMessageBytes: 2048 };
          const ends: [End, End] = pair(offer, offer, queueMax);
          ends[0].session.confirm();
          const expected: number[][] = [[], []];
          const waiting = [0, 0];
          let next = 0;
          for (const action of steps) {
            const end = ends[action.side];
            if (action.do === 'move') end.step();
            else if (action.do === 'read') {
              if (action.on) end.session.startReading();
              else end.session.stopReading();
            } else if (end.user.written === waiting[action.side]) {
              const list = action.sizes.map((size) => Uint8Array.from({ length: size }, () => next++ & 0xff));
              for (const part of list) for (const byte of part) expected[1 - action.side].push(byte);
              const total = action.sizes.reduce((sum, size) => sum + size, 0);
              const result = list.length === 1 ? end.session.write(list[0]) : end.session.writev(list, total);
              assert.ok(result >= 0);
              if (result === WRITE_PENDING) waiting[action.side]++;
            }
          }
          for (const end of ends) end.session.startReading();
          await settle(...ends);
          ends.forEach((end, i) => {
            assert.equal(end.user.written, waiting[i], 'every pending write ended');
            assert.ok(Buffer.from(end.user.received).equals(Buffer.from(expected[i])), 'the bytes of the stream');
          });
          for (const end of ends) end.session.close();
          await settle(...ends);
          assert.deepEqual([ends[0].over, ends[1].over], [1, 1]);
        },
      ),
      { numRuns: 150 },
    );
  });
});
