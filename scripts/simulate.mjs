// Runs the simulation of test/simulation for many seeds:
//   npm run simulate -- [--seeds N] [--from FIRST]   N seeds (default 10000) from FIRST (default 1) on
//   npm run simulate -- --seed N                     one seed again, with its whole trace
// A seed that fails prints the command that shows it again. Same seed, same steps.
import { existsSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const run = fileURLToPath(new URL('../out/test/simulation/run.js', import.meta.url));
if (!existsSync(run)) {
  console.error('not compiled (npm run build:test)');
  process.exit(2);
}
const { simulate } = await import(run);

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
  },
});

/** @param {string} text @returns {number} */
function natural(text) {
  if (!/^\d{1,9}$/.test(text)) {
    console.error(`not a number: ${text}`);
    process.exit(2);
  }
  return Number(text);
}

/** Failures that are shown; the others are only counted. */
const SHOWN = 10;

if (values.seed !== undefined) {
  const outcome = simulate(natural(values.seed), true);
  for (const line of outcome.trace) console.log(line);
  console.log(`\nseed ${outcome.seed}: ${outcome.steps} steps, ${outcome.bytes} bytes, trace ${outcome.hash}`);
  for (const failure of outcome.failures) console.log(`FAILED ${failure}`);
  process.exitCode = outcome.failures.length > 0 ? 1 : 0;
} else {
  const first = natural(values.from);
  const count = natural(values.seeds);
  const started = performance.now();
  let failed = 0;
  let bytes = 0;
  let ends = 0;
  for (let seed = first; seed < first + count; seed++) {
    const outcome = simulate(seed);
    bytes += outcome.bytes;
    ends += outcome.connections;
    if (outcome.failures.length === 0) continue;
    failed++;
    if (failed <= SHOWN) console.log(`seed ${seed}: ${outcome.failures[0]}\n  npm run simulate -- --seed ${seed}`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${count} seeds, ${ends} ends of connections, ${bytes} bytes, ${failed} failed, ${seconds} s`);
  process.exitCode = failed > 0 ? 1 : 0;
}
