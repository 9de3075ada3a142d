// Node's own tests, plain and with the switch on: `npm run node-tests`. What passes plainly must pass with the switch; what
// differs for a reason that no program could notice is in docs/NODE_TESTS.md, one by one.
//   --tree PATH    a Node source tree, whose test/ is used; without it Debian's is downloaded (scripts/node-source.mjs)
//   --node PATH    the Node to run them with; its major version is the tree's
//   --only TEXT    tests whose name contains TEXT (commas: any of them)
//   --jobs N       tests at a time; those in sequential/ always run alone
//   --retries N    how often a difference is tried again, both ways, before it counts
//   --list FILE    only the tests named in FILE, one a line (test/node-suite/ci.txt is what CI runs)
//   --json FILE    write what became of each test
//   --faults SEED  connections within a process on a loopback provider with delays and refusals by this seed, in place of shm
//                  (test/node-suite/faulty-loopback.mjs); what may differ then is in test/node-suite/explained-faults.json
//   --lenient      where the source cannot be had, say so and succeed: for CI, which must not depend on a mirror
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { NodeSourceUnavailable, obtainNodeSource } from './node-source.mjs';

/** @typedef {'pass' | 'skip' | 'fail' | 'timeout'} Outcome */
/** @typedef {{ outcome: Outcome, output: string }} Run */
/**
 * `plain` null: not run, for it passed with the switch. `ms`: how long the first tries took.
 * @typedef {{ name: string, plain: Outcome | null, switched: Outcome, verdict: 'same' | 'differs' | 'flaky' | 'explained', ms: number, output: string }} Result
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const FAMILIES =
  /^test-(async-hooks|async-local-storage|net|http|https|http2|tls|stream|stream2|stream3|cluster|child-process|diagnostics-channel|dgram|fetch|pipe|worker-message-port)[-.]/;
/** The slowest test of Node's that passes takes 17 s on a quiet machine. */
const TIMEOUT_MS = 60_000;
const OUTPUT_MAX = 20_000;

const { values } = parseArgs({
  options: {
    tree: { type: 'string', default: process.env.NODE_SOURCE_TREE ?? '' },
    node: { type: 'string', default: process.execPath },
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    retries: { type: 'string', default: '2' },
    list: { type: 'string', default: '' },
    json: { type: 'string', default: '' },
    faults: { type: 'string', default: '' },
    lenient: { type: 'boolean', default: false },
  },
});

/** @returns {string} the tree */
function findTree() {
  if (values.tree !== '') return path.resolve(values.tree);
  const version = spawnSync(values.node, ['--version'], { encoding: 'utf8' }).stdout;
  try {
    return obtainNodeSource(Number(/^v(\d+)/.exec(version)?.[1]));
  } catch (error) {
    if (!(error instanceof NodeSourceUnavailable)) throw error;
    console.error(`node-tests: NOT RUN, for Node's source cannot be had: ${error.message}`);
    process.exit(values.lenient ? 0 : 2);
  }
}

const tree = findTree();
const tests = path.join(tree, 'test');
if (!existsSync(path.join(tests, 'common'))) {
  console.error('node-tests: --tree PATH must be a Node source tree with its test/ folder');
  process.exit(2);
}
/** Tests that may differ, and why. @type {Record<string, { versions?: number[], why: string }>} */
const explained = {
  ...readExplained('explained.json'),
  ...(values.faults === '' ? {} : readExplained('explained-faults.json')),
};
const major = Number(readVersion(path.join(tree, 'src/node_version.h')));
const scratch = mkdtempSync(path.join(tmpdir(), 'node-tests-'));
const retries = Number(values.retries);
let serial = 0;

/** @param {string} file */
function readExplained(file) {
  return JSON.parse(readFileSync(`${root}test/node-suite/${file}`, 'utf8'));
}

/** @param {string} header */
function readVersion(header) {
  return /NODE_MAJOR_VERSION (\d+)/.exec(readFileSync(header, 'utf8'))?.[1] ?? '0';
}

/** @returns {string[]} test names as `parallel/test-net-connect-buffer` */
function findTests() {
  const listed =
    values.list === ''
      ? null
      : new Set(
          readFileSync(values.list, 'utf8')
            .split('\n')
            .map((line) => line.trim())
            .filter((line) => line !== '' && !line.startsWith('#')),
        );
  const wanted = values.only.split(',');
  const found = [];
  for (const folder of ['parallel', 'sequential', 'async-hooks']) {
    for (const file of readdirSync(path.join(tests, folder)).sort()) {
      if (!/^test-.*\.m?js$/.test(file)) continue;
      const name = `${folder}/${file}`;
      if (listed !== null ? !listed.has(name) : folder === 'parallel' && !FAMILIES.test(file)) continue;
      if (wanted.some((text) => name.includes(text))) found.push(name);
    }
  }
  return found;
}

/** @param {string} source @param {'Flags' | 'Env'} what */
function directive(source, what) {
  const words = [];
  for (const [, text] of source.matchAll(new RegExp(`^// ${what}: +(.*)$`, 'gm')))
    words.push(...text.trim().split(/\s+/));
  return words;
}

/** A connect that is lost on purpose must not take as long as a listener may under load. @param {string} seed */
const faultyLoopback = (seed) => ({
  SOCKETS_DIRECT_PROVIDERS: `${root}test/node-suite/faulty-loopback.mjs`,
  SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '500',
  LOOPBACK_SEED: seed,
});

/** @param {string} name @param {boolean} switched @returns {Promise<Run>} */
function run(name, switched) {
  const file = path.join(tests, name);
  const source = readFileSync(file, 'utf8');
  const flags = directive(source, 'Flags');
  const number = serial++;
  const folder = path.join(scratch, String(number));
  mkdirSync(folder);
  const env = {
    ...process.env,
    NODE_OPTIONS: switched ? `-r ${root}register.cjs` : '',
    NODE_TEST_DIR: folder,
    TEST_THREAD_ID: String(number % 1000),
    TEST_SERIAL_ID: String(number),
    // Under load a listener in the same process is late, and its connection goes to TCP: then nothing would be tested.
    SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '2000',
    ...(values.faults === '' || !switched ? {} : faultyLoopback(values.faults)),
    ...Object.fromEntries(directive(source, 'Env').map((word) => word.split('='))),
  };
  return new Promise((resolve) => {
    // A process group of its own, so that what a test leaves behind can be ended with it.
    const child = spawn(values.node, [...flags, file], {
      cwd: tree,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end();
    }, TIMEOUT_MS);
    const take = (/** @type {Buffer} */ text) => {
      if (output.length < OUTPUT_MAX) output += text;
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('exit', (code) => {
      clearTimeout(timer);
      end();
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
      const outcome = late ? 'timeout' : code !== 0 ? 'fail' : output.startsWith('1..0 # Skipped') ? 'skip' : 'pass';
      resolve({ outcome, output });
    });
    const end = () => {
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
      } catch {
        // Nobody is left.
      }
    };
  });
}

const good = (/** @type {Outcome} */ outcome) => outcome === 'pass' || outcome === 'skip';

/** What passes with the switch needs no plain run: that is half of the time. @param {string} name @returns {Promise<Result>} */
async function compare(name) {
  const begun = performance.now();
  let switched = await run(name, true);
  if (switched.outcome === 'pass') {
    return {
      name,
      plain: null,
      switched: 'pass',
      verdict: 'same',
      ms: Math.round(performance.now() - begun),
      output: '',
    };
  }
  let plain = await run(name, false);
  const ms = Math.round(performance.now() - begun);
  if (switched.outcome === plain.outcome || !good(plain.outcome))
    return { name, plain: plain.outcome, switched: switched.outcome, verdict: 'same', ms, output: '' };
  const first = switched;
  for (let i = 0; i < retries; i++) {
    plain = await run(name, false);
    switched = await run(name, true);
    if (!good(plain.outcome) || switched.outcome === plain.outcome) {
      return { name, plain: plain.outcome, switched: first.outcome, verdict: 'flaky', ms, output: first.output };
    }
  }
  const { versions = [major] } = explained[name] ?? { versions: [] };
  const verdict = versions.includes(major) ? 'explained' : 'differs';
  return { name, plain: plain.outcome, switched: switched.outcome, verdict, ms, output: switched.output };
}

/** @param {string[]} names @param {number} jobs @param {Result[]} results */
async function runAll(names, jobs, results) {
  const queue = [...names];
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const result = await compare(name);
      results.push(result);
      if (result.verdict !== 'same') report(result);
      if (values.json !== '') writeFileSync(values.json, JSON.stringify(results, null, 1));
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}

/** @param {Result} result */
function report({ name, plain, switched, verdict, output }) {
  console.log(`${verdict.padEnd(9)} ${name}: plain ${plain}, with the switch ${switched}`);
  if (verdict === 'differs')
    console.log(
      output
        .split('\n')
        .slice(0, 30)
        .map((line) => `    ${line}`)
        .join('\n'),
    );
}

const names = findTests();
/** @type {Result[]} */
const results = [];
console.log(`Node ${major}, ${names.length} tests, each plain and with the switch`);
await runAll(
  names.filter((name) => !name.startsWith('sequential/')),
  Number(values.jobs),
  results,
);
await runAll(
  names.filter((name) => name.startsWith('sequential/')),
  1,
  results,
);
rmSync(scratch, { recursive: true, force: true });

/** @param {Result['verdict']} verdict */
const count = (verdict) => results.filter((result) => result.verdict === verdict).length;
const passed = results.filter(({ switched }) => switched === 'pass').length;
const alike = results.filter(({ switched, verdict }) => verdict === 'same' && switched !== 'pass').length;
console.log(
  `${results.length} tests: ${passed} pass with the switch, ${alike} fail or are skipped plainly too, ` +
    `${count('explained')} differ as docs/NODE_TESTS.md explains, ${count('flaky')} now and then, ${count('differs')} differ`,
);
if (count('differs') > 0) process.exitCode = 1;
if (passed === 0) {
  console.error('node-tests: not one test passes, with the switch or without: nothing was tested');
  process.exitCode = 1;
}
