import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  checkLinkHeader,
  checkedLayout,
  CONTROL_HEAD,
  CONTROL_OFFSET,
  linkLayout,
  RECORD_BYTES_MAX,
  RECORD_MESSAGE,
  RING_BYTES_MIN,
  SLOTS_MIN,
  writeLinkHeader,
} from '../../../src/providers/shm/layout.js';
import { RECORD_BROKEN, RECORD_FOUND, RECORD_NONE } from '../../../src/providers/shm/record-source.js';
import { RingReader } from '../../../src/providers/shm/ring-reader.js';
import { BROKEN, NO_ROOM, RingWriter } from '../../../src/providers/shm/ring-writer.js';

const layout = linkLayout(RING_BYTES_MIN, SLOTS_MIN);

function ring() {
  const memory = new ArrayBuffer(layout.totalBytes);
  const state = new Int32Array(16);
  return { memory, state, writer: new RingWriter(memory, layout, 0), reader: new RingReader(memory, layout, 0, state) };
}

describe('the ring against an array as its oracle', () => {
  it('gives every record once, in order, whatever the sizes and the interleaving', () => {
    const size = fc.oneof(fc.nat(200), fc.nat(RECORD_BYTES_MAX), fc.constantFrom(0, 1, 15, 16, 17, RECORD_BYTES_MAX));
    const step = fc.oneof(fc.record({ put: size }), fc.record({ take: fc.integer({ min: 1, max: 40 }) }));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 400 }), (steps) => {
        const { writer, reader } = ring();
        const oracle: { connection: number; bytes: number; first: number }[] = [];
        let next = 0;
        const takeOne = (): boolean => {
          const found = reader.next();
          if (found === RECORD_NONE) {
            assert.equal(oracle.length, 0);
            return false;
          }
          assert.equal(found, RECORD_FOUND);
          const expected = oracle.shift()!;
          assert.deepEqual([reader.connection, reader.payloadBytes], [expected.connection, expected.bytes]);
          for (let i = 0; i < expected.bytes; i += 97) {
            assert.equal(reader.bytes[reader.payloadOffset + i], (expected.first + i) & 0xff);
          }
          reader.take();
          return true;
        };
        for (const action of steps) {
          if ('take' in action) {
            for (let i = 0; i < action.take && takeOne(); i++);
            reader.release();
            continue;
          }
          const connection = next++ % SLOTS_MIN;
          const at = writer.reserve(RECORD_MESSAGE, connection, action.put);
          assert.notEqual(at, BROKEN);
          if (at === NO_ROOM) continue;
          for (let i = 0; i < action.put; i++) writer.bytes[at + i] = (next + i) & 0xff;
          writer.publish();
          oracle.push({ connection, bytes: action.put, first: next & 0xff });
        }
        while (takeOne());
      }),
      { numRuns: 200 },
    );
  });

  it('goes on across the wrap of its 32-bit counts', () => {
    const { memory, state, writer, reader } = ring();
    // Four gigabytes in steps of a quarter ring: payloads are not touched, only counts move.
    const payload = RING_BYTES_MIN / 4 - 16;
    for (let i = 0; i < 2 ** 32 / (payload + 16) + 8; i++) {
      if (writer.reserve(RECORD_MESSAGE, 1, payload) < 0) assert.fail('no room');
      writer.publish();
      if (reader.next() !== RECORD_FOUND) assert.fail('no record');
      reader.take();
      reader.release();
    }
    assert.ok(state[0] < 0x7fffffff && memory.byteLength > 0);
  });

  it('shows nothing before it is published', () => {
    const { writer, reader } = ring();
    writer.reserve(RECORD_MESSAGE, 1, 100);
    assert.equal(reader.next(), RECORD_NONE);
    writer.publish();
    assert.equal(reader.next(), RECORD_FOUND);
  });

  it('rings once for each time the consumer said it sleeps', () => {
    const { memory, writer } = ring();
    const words = new Int32Array(memory);
    words[(CONTROL_OFFSET + 256) >> 2] = 1;
    writer.reserve(RECORD_MESSAGE, 1, 1);
    assert.equal(writer.publish(), true);
    writer.reserve(RECORD_MESSAGE, 1, 1);
    assert.equal(writer.publish(), false);
  });

  it('tells the consumer when the producer waits for room', () => {
    const { writer, reader } = ring();
    while (writer.reserve(RECORD_MESSAGE, 1, 1000) !== NO_ROOM) writer.publish();
    const wanted = writer.wait();
    let taken = 0;
    do {
      assert.equal(reader.next(), RECORD_FOUND);
      reader.take();
      reader.release();
      taken += 1024; // 16 + 1000, padded
      assert.equal(reader.producerWaits(), taken >= wanted, `${taken} of ${wanted} bytes`);
    } while (taken < wanted);
    assert.equal(taken, RING_BYTES_MIN / 2);
    assert.equal(reader.producerWaits(), false);
    assert.ok(writer.reserve(RECORD_MESSAGE, 1, 1000) > 0);
  });

  it('has room for the largest record, wherever it would begin, once the consumer has come as far as was asked for', () => {
    fc.assert(
      fc.property(fc.nat(RING_BYTES_MIN), fc.integer({ min: 100, max: 5000 }), (start, payload) => {
        const { writer, reader } = ring();
        const put = (): boolean => writer.reserve(RECORD_MESSAGE, 1, payload) !== NO_ROOM && (writer.publish(), true);
        const take = (): void => {
          assert.equal(reader.next(), RECORD_FOUND);
          reader.take();
          reader.release();
        };
        for (let at = 0; at < start; at += payload) {
          assert.ok(put());
          take();
        }
        while (put());
        assert.equal(writer.reserve(RECORD_MESSAGE, 1, RECORD_BYTES_MAX), NO_ROOM);
        writer.wait();
        do take();
        while (!reader.producerWaits());
        assert.notEqual(writer.reserve(RECORD_MESSAGE, 1, RECORD_BYTES_MAX), NO_ROOM);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a hostile peer (D5)', () => {
  it('writes any values anywhere at any time: no exception, no read outside the ring, an end to every loop', () => {
    const word = fc.record({
      at: fc.nat(layout.totalBytes / 4 - 1),
      value: fc.oneof(fc.integer(), fc.constantFrom(0, 16, 17, 32, RING_BYTES_MIN, -1, 1, 5)),
    });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 200 }), fc.array(fc.nat(3000), { maxLength: 30 }), (scribble, sizes) => {
        const { memory, writer, reader } = ring();
        const words = new Int32Array(memory);
        for (const bytes of sizes) {
          if (writer.reserve(RECORD_MESSAGE, 1, bytes) >= 0) writer.publish();
          for (const { at, value } of scribble.splice(0, 8)) {
            // Half of the scribbles go where it hurts.
            words[at % 2 === 0 ? at : (CONTROL_OFFSET >> 2) + (at % 256)] = value;
          }
          for (let i = 0; i < 5000; i++) {
            const found = reader.next();
            if (found !== RECORD_FOUND) break;
            const end = reader.payloadOffset + reader.payloadBytes;
            assert.ok(reader.payloadOffset >= layout.ringOffset[0] && end <= layout.ringOffset[0] + RING_BYTES_MIN);
            assert.ok(reader.connection >= 0 && reader.connection < SLOTS_MIN);
            reader.take();
            assert.ok(i < 4999, 'more records than the ring can hold');
          }
          reader.release();
        }
      }),
      { numRuns: 500 },
    );
  });

  it('claims a head ahead of the tail, or a tail too far: broken', () => {
    const { memory, writer, reader } = ring();
    const words = new Int32Array(memory);
    words[(CONTROL_OFFSET + CONTROL_HEAD) >> 2] = 4096;
    assert.equal(writer.look(), false);
    for (const tail of [8, -16, RING_BYTES_MIN + 16]) {
      words[CONTROL_OFFSET >> 2] = tail;
      assert.equal(reader.next(), RECORD_BROKEN, `tail ${tail}`);
    }
  });

  it('names sizes that are no layout', () => {
    for (const [ringBytes, slots] of [
      [0, SLOTS_MIN],
      [RING_BYTES_MIN + 1, SLOTS_MIN],
      [RING_BYTES_MIN * 3, SLOTS_MIN],
      [1 << 30, SLOTS_MIN],
      [RING_BYTES_MIN, 0],
      [RING_BYTES_MIN, 65537],
    ] as const) {
      assert.equal(typeof checkedLayout(ringBytes, slots), 'string');
    }
    const memory = new ArrayBuffer(layout.totalBytes);
    writeLinkHeader(memory, layout);
    assert.equal(checkLinkHeader(memory, layout), null);
    for (let word = 0; word < 9; word++) {
      const copy = memory.slice(0);
      new Uint32Array(copy)[word] ^= 1;
      assert.match(checkLinkHeader(copy, layout)!, new RegExp(`word ${word} `));
    }
  });
});
