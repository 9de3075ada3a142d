// Writes into a link's memory what it likes, as fast as it can: into the one whose descriptor is in `control`, until
// there is another one. -1: wait; -2: end.
import { workerData } from 'node:worker_threads';
import { addon, LAYOUT } from './raw.mjs';

const { how, control, bytes = LAYOUT.totalBytes, ring = LAYOUT.ringOffset[0] } = workerData;
const CONTROL = Array.from({ length: 8 }, (_, i) => (256 + (i >> 2) * 512 + (i & 3) * 128) >> 2);
const RING = ring >> 2;
const VALUES = [0, 1, -1, 16, -16, 65536, 0x7fffffff, -0x80000000, 15, 32, 65520];
let words;
let state = 2463534242;

const random = () => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
};

const value = () => {
  const pick = random();
  return pick % 3 === 0 ? VALUES[pick % VALUES.length] : pick % 3 === 1 ? random() | 0 : (random() % 65536) & ~15;
};

const acts = {
  control: () => Atomics.store(words, CONTROL[random() % 8], value()),
  ring() {
    const at = RING + (random() % (words.length - RING));
    // Headers are where it hurts.
    words[random() % 2 === 0 ? at & ~3 : at] = value();
  },
  all() {
    words[random() % words.length] = value();
  },
  likely: () => Atomics.add(words, CONTROL[random() % 8], ((random() % 9) - 4) * 16),
};

for (;;) {
  const fd = Atomics.load(control, 0);
  if (fd === -2) break;
  if (fd === -1) {
    Atomics.wait(control, 0, -1, 100);
    continue;
  }
  const memory = addon.map(fd, bytes);
  Atomics.store(control, 1, 1);
  words = new Int32Array(memory);
  // Not all at once: what is nearly right gets further.
  const pause = random() % 4 === 0 ? 0 : random() % 3000;
  while (Atomics.load(control, 0) === fd) {
    for (let i = 0; i < 16; i++) acts[how]();
    for (let i = 0; i < pause; i++) Atomics.load(control, 0);
  }
  addon.release(memory);
  Atomics.store(control, 1, 0);
  Atomics.notify(control, 1);
}
