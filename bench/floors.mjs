/**
 * The physical floor under the figures, measured on the same machine at the same time: `node floors.mjs [milliseconds]`
 * prints `{"memcpy64k": GB/s, "memcpy1m": GB/s, "cacheline": µs}`.
 *
 * memcpy: `Buffer.copy` of 64 KiB and 1 MiB pieces from one 64 MiB region to another, so that the bytes come from memory
 * and not from a cache that one copy has just filled; the median. cacheline: a word of shared memory there and back
 * between two threads that both spin on it; the fastest tenth, because whenever one of them loses its core to another
 * process the other spins for nothing.
 */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const REGION = 64 << 20;
const BATCH = 10_000;
/** Batches until both threads run optimised code. */
const WARM_BATCHES = 10;
const PING = 0;
const PONG = 1;
/** In words; far enough apart to be two cache lines even where the prefetcher takes pairs. */
const STRIDE = 64;

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** GB/s of copies of `size` bytes; the median of some forty batches of 4 MiB and more. */
function memcpy(from, to, size, ms) {
  const rates = [];
  const batch = Math.max(1, (4 << 20) / size);
  let offset = 0;
  const until = performance.now() + ms;
  while (performance.now() < until || rates.length < 3) {
    const start = performance.now();
    for (let n = 0; n < batch; n++) {
      from.copy(to, offset, offset, offset + size);
      offset = (offset + size) % REGION;
    }
    rates.push((batch * size) / ((performance.now() - start) * 1e6));
  }
  return median(rates);
}

/** The answering thread. @param {Int32Array} words */
function answer(words) {
  let expected = 1;
  for (;;) {
    const seen = Atomics.load(words, PING * STRIDE);
    if (seen === -1) return;
    if (seen === expected) {
      Atomics.store(words, PONG * STRIDE, expected);
      expected++;
    }
  }
}

/** Microseconds of a round trip between two threads. */
async function cacheline(ms) {
  const words = new Int32Array(new SharedArrayBuffer(2 * STRIDE * 4));
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: words });
  await new Promise((resolve) => worker.once('online', resolve));
  const times = [];
  let value = 0;
  let until = performance.now() + ms;
  for (let batch = 0; batch < WARM_BATCHES + 3 || performance.now() < until; batch++) {
    if (batch === WARM_BATCHES) until = performance.now() + ms;
    const start = performance.now();
    for (let n = 0; n < BATCH; n++) {
      value++;
      Atomics.store(words, PING * STRIDE, value);
      while (Atomics.load(words, PONG * STRIDE) !== value);
    }
    if (batch >= WARM_BATCHES) times.push(((performance.now() - start) * 1000) / BATCH);
  }
  Atomics.store(words, PING * STRIDE, -1);
  await new Promise((resolve) => worker.once('exit', resolve));
  return times.sort((a, b) => a - b)[Math.floor(times.length / 10)];
}

if (isMainThread) {
  const ms = Number(process.argv[2] ?? 400);
  const from = Buffer.alloc(REGION, 1);
  const to = Buffer.alloc(REGION, 2);
  const round = (value, digits) => Number(value.toPrecision(digits));
  const floors = {
    memcpy64k: round(memcpy(from, to, 65_536, ms), 3),
    memcpy1m: round(memcpy(from, to, 1 << 20, ms), 3),
    cacheline: round(await cacheline(ms), 3),
  };
  console.log(JSON.stringify(floors));
} else {
  answer(workerData);
}
