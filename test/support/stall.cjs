// `node scripts/test.mjs … --stall P`: before and after every asynchronous callback, with probability P, the loop stands
// still for up to 40 ms, as on a machine with more to do than it has cores. Finds tests that a busy machine would fail.
const { createHook } = require('node:async_hooks');

const LONGEST_MS = 40;
const probability = Number(process.env.TEST_STALL ?? 0);

function stall() {
  if (Math.random() >= probability) return;
  const until = process.hrtime.bigint() + BigInt(Math.ceil(Math.random() * LONGEST_MS * 1e6));
  while (process.hrtime.bigint() < until);
}

createHook({ before: stall, after: stall }).enable();
