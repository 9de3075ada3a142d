// Runs the compiled tests: `node scripts/test.mjs [suite…] [--node PATH] [--only TEXT] [--stall P]`
//   suite    a folder of test/ that holds *.test.ts; default all
//   --node   another Node to run them with (scripts/nodes.mjs)
//   --only   files whose path contains TEXT
//   --stall  make callbacks stall with this probability, 0.005 say (test/support/stall.cjs)
//   --failures  a file for what failed, and why; the end of the output has it in any case
// Node 20's runner takes no globs, hence the list is made here, from the sources, so that a compiled test whose source
// is gone does not run. Suites that measure time against a deadline run one file at a time.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const ONE_AT_A_TIME = new Set(['faults']);
/** A test that hangs must not hang the run. In milliseconds. */
const TEST_TIMEOUT = 120_000;
/** Before Node 24 the runner's limit is one for the whole file, which may hold many tests. */
const FILE_TIMEOUT = 600_000;
const LIMIT_PER_TEST_SINCE = 24;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', default: process.execPath },
    only: { type: 'string', default: '' },
    failures: { type: 'string', default: '' },
    stall: { type: 'string', default: '' },
  },
});

/** @returns {Map<string, string[]>} suite → compiled test files, relative to the root */
function findSuites() {
  const suites = new Map();
  for (const entry of readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!entry.endsWith('.test.ts') || !entry.includes(values.only)) continue;
    const suite = entry.split('/')[0];
    if (!suites.has(suite)) suites.set(suite, []);
    suites.get(suite).push(`out/test/${entry.replace(/\.ts$/, '.js')}`);
  }
  return suites;
}

/** What `--test-timeout` is to be for the Node that runs the tests. */
function timeout() {
  const { stdout } = spawnSync(values.node, ['-p', 'process.versions.node'], { encoding: 'utf8' });
  return Number.parseInt(stdout ?? '', 10) >= LIMIT_PER_TEST_SINCE ? TEST_TIMEOUT : FILE_TIMEOUT;
}

/** A run that is itself under the switch must not hand it to programs that are meant to be plain. */
function environment() {
  if (values.stall === '') return { NODE_OPTIONS: '' };
  return { NODE_OPTIONS: `--require "${root}test/support/stall.cjs"`, TEST_STALL: values.stall };
}

/** @type {string[]} what failed, and why (scripts/failures.mjs) */
const told = [];

/** @param {string} title @param {string[]} files @param {number} concurrency */
function run(title, files, concurrency) {
  const missing = files.filter((file) => !existsSync(root + file));
  if (missing.length > 0) {
    told.push(`not compiled (npm run build:test): ${missing.join(' ')}\n`);
    return false;
  }
  console.log(`\n== ${title}: ${files.length} files, ${concurrency} at a time`);
  const started = performance.now();
  const failures = join(tmpdir(), `sockets-direct-failures-${process.pid}`);
  const options = [
    '--test',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${root}scripts/failures.mjs`,
    `--test-reporter-destination=${failures}`,
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeout()}`,
  ];
  const { status, signal, error } = spawnSync(values.node, ['--enable-source-maps', ...options, ...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment() },
  });
  if (error) console.error(error.message);
  const verdict = status === 0 ? 'passed' : `FAILED (${status ?? signal ?? 'not started'})`;
  if (status !== 0) told.push(`== ${title}: ${verdict}\n`, existsSync(failures) ? readFileSync(failures, 'utf8') : '');
  rmSync(failures, { force: true });
  console.log(`== ${title}: ${verdict} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return status === 0;
}

if (!(Number(values.stall) >= 0 && Number(values.stall) <= 1)) {
  console.error(`--stall: ${values.stall} is no probability`);
  process.exit(2);
}
const suites = findSuites();
const wanted = positionals.length > 0 ? positionals : [...suites.keys()];
const unknown = wanted.filter((suite) => !existsSync(`${root}test/${suite}`));
if (unknown.length > 0) {
  console.error(`no such suite: ${unknown.join(', ')}`);
  process.exit(2);
}

const together = wanted.filter((suite) => suites.has(suite) && !ONE_AT_A_TIME.has(suite));
const apart = wanted.filter((suite) => suites.has(suite) && ONE_AT_A_TIME.has(suite));
const results = [];
if (together.length > 0) {
  const files = together.flatMap((suite) => suites.get(suite) ?? []);
  results.push(run(together.join(', '), files, Math.max(1, availableParallelism())));
}
for (const suite of apart) results.push(run(suite, suites.get(suite) ?? [], 1));

if (results.length === 0) {
  console.error(`no tests in: ${wanted.join(', ') || 'test/'}`);
  process.exitCode = 1;
} else if (results.includes(false)) {
  console.error(`\n${told.join('')}`);
  process.exitCode = 1;
}
if (values.failures !== '') writeFileSync(values.failures, told.join(''));
