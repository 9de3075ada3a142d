// What a hostile peer can do to the ring's words that no process is needed for: nothing may be looked at for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkLayout, RECORD_MESSAGE, RECORD_PAD } from '../../src/providers/shm/layout.js';
import { RECORD_BROKEN } from '../../src/providers/shm/record-source.js';
import { RingReader } from '../../src/providers/shm/ring-reader.js';
import { RingWriter } from '../../src/providers/shm/ring-writer.js';

const layout = linkLayout(65_536, 256);
const TAIL = 256 >> 2;
const HEAD = (256 + 128) >> 2;

test('a head that goes back is nonsense, wherever it is', () => {
  const memory = new ArrayBuffer(layout.totalBytes);
  const writer = new RingWriter(memory, layout, 0);
  for (let i = 0; i < 100; i++) {
    writer.reserve(RECORD_MESSAGE, 0, 100);
    writer.publish();
  }
  const words = new Int32Array(memory);
  words[HEAD] = 3200;
  assert.equal(writer.look(), true);
  words[HEAD] = 3184;
  assert.equal(writer.look(), false);
  words[HEAD] = 3200;
  assert.equal(writer.look(), true);
  words[HEAD] = words[TAIL] + 16;
  assert.equal(writer.look(), false);
});

test('a PAD is never a whole ring, so that one does not follow another', () => {
  const memory = new ArrayBuffer(layout.totalBytes);
  const words = new Int32Array(memory);
  words.set([layout.ringBytes, RECORD_PAD, 0, 0], layout.ringOffset[0] >> 2);
  words[TAIL] = layout.ringBytes;
  assert.equal(new RingReader(memory, layout, 0, new Int32Array(16)).next(), RECORD_BROKEN);
});
