// Node's own tests, plain and with the switch on: `npm run node-tests -- --tree PATH`. What passes plainly must pass with
// the switch; what differs for a reason that no program could notice is in docs/NODE_TESTS.md, one by one.
//   --tree PATH    a Node source tree; its test/ is used. For example Debian's: apt-get source --download-only nodejs
//   --node PATH    the Node to run them with; its version should be the tree's
//   --only TEXT    tests whose name contains TEXT (commas: any of them)
//   --jobs N       tests at a time; those in sequential/ always run alone
//   --retries N    how often a difference is tried again, both ways, before it counts
//   --list FILE    only the tests named in FILE, one a line (test/node-suite/ci.txt is what CI runs)
//   --json FILE    write what became of each test
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** @typedef {'pass' | 'skip' | 'fail' | 'timeout'} Outcome */
/** @typedef {{ outcome: Outcome, output: string }} Run */
/** @typedef {{ name: string, plain: Outcome, switched: Outcome, verdict: 'same' | 'differs' | 'flaky' | 'explained', output: string }} Result */

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
  },
});

const tests = path.join(values.tree, 'test');
if (values.tree === '' || !existsSync(path.join(tests, 'common'))) {
  console.error('node-tests: --tree PATH (or NODE_SOURCE_TREE) must be a Node source tree with its test/ folder');
  process.exit(2);
}
/** Tests that may differ, and why. @type {Record<string, { versions?: number[], why: string }>} */
const explained = JSON.parse(readFileSync(`${root}test/node-suite/explained.json`, 'utf8'));
const major = Number(readVersion(path.join(values.tree, 'src/node_version.h')));
const scratch = mkdtempSync(path.join(tmpdir(), 'node-tests-'));
const retries = Number(values.retries);
let serial = 0;

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
    ...Object.fromEntries(directive(source, 'Env').map((word) => word.split('='))),
  };
  return new Promise((resolve) => {
    // A process group of its own, so that what a test leaves behind can be ended with it.
    const child = spawn(values.node, [...flags, file], {
      cwd: values.tree,
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

/** @param {string} name @returns {Promise<Result>} */
async function compare(name) {
  let plain = await run(name, false);
  let switched = good(plain.outcome) ? await run(name, true) : plain;
  if (switched.outcome === plain.outcome)
    return { name, plain: plain.outcome, switched: switched.outcome, verdict: 'same', output: '' };
  const first = switched;
  for (let i = 0; i < retries; i++) {
    plain = await run(name, false);
    switched = await run(name, true);
    if (!good(plain.outcome) || switched.outcome === plain.outcome) {
      return { name, plain: plain.outcome, switched: first.outcome, verdict: 'flaky', output: first.output };
    }
  }
  const { versions = [major] } = explained[name] ?? { versions: [] };
  const verdict = versions.includes(major) ? 'explained' : 'differs';
  return { name, plain: plain.outcome, switched: switched.outcome, verdict, output: switched.output };
}

/** @param {string[]} names @param {number} jobs @param {Result[]} results */
async function runAll(names, jobs, results) {
  const queue = [...names];
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const result = await compare(name);
      results.push(result);
      if (result.verdict !== 'same') report(result);
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
const passed = results.filter(({ plain }) => plain === 'pass').length;
console.log(
  `${results.length} tests, ${passed} pass plainly: ${count('same')} the same with the switch, ` +
    `${count('explained')} explained in docs/NODE_TESTS.md, ${count('flaky')} flaky, ${count('differs')} differ`,
);
if (values.json !== '') writeFileSync(values.json, JSON.stringify(results, null, 1));
if (count('differs') > 0 || results.length === 0) process.exitCode = 1;
