// Runs the tests and the demo under every Node that is supported and not the one at hand:
//   node scripts/nodes.mjs [--versions 22,24,26] [--suites unit,integration] [--no-demo]
// The binaries come from npm (the `node-linux-<arch>` packages) into .cache/nodes. The addon is the one that was built
// here: Node-API is stable across versions, and that it is, is part of what this proves.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    versions: { type: 'string', default: '22,24,26' },
    suites: { type: 'string', default: 'unit,integration' },
    demo: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

/** @param {string} version @returns {string} path of that Node */
function obtain(version) {
  const folder = `${root}.cache/nodes/${version}`;
  const name = `node-linux-${process.arch}`;
  const binary = `${folder}/node_modules/${name}/bin/node`;
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  // A manifest of its own, or npm would install into the project above.
  writeFileSync(`${folder}/package.json`, '{ "private": true }\n');
  const command = ['install', '--no-save', '--no-audit', '--no-fund', '--no-package-lock', `${name}@${version}`];
  const { status } = spawnSync('npm', command, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0 || !existsSync(binary)) throw new Error(`npm could not install ${name}@${version}`);
  return binary;
}

/** @param {string} binary @param {string[]} args */
function run(binary, args) {
  const { status } = spawnSync(binary, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return status === 0;
}

const results = [];
for (const version of values.versions.split(',')) {
  const started = performance.now();
  const binary = obtain(version);
  const exact = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n==== Node ${exact} ====`);
  const suites = values.suites.split(',').filter((suite) => existsSync(`${root}test/${suite}`));
  // The binary runs the list maker too: process.execPath is then the Node under test everywhere.
  const failures = `${root}.cache/nodes/${version}/failures.txt`;
  rmSync(failures, { force: true });
  const tests = run(binary, ['scripts/test.mjs', ...suites, '--node', binary, '--failures', failures]);
  const demo = !values.demo || run(binary, ['demo/main.mjs', '--quick']);
  results.push({ exact, tests, demo, failures, seconds: (performance.now() - started) / 1000 });
}

console.log('\n==== all versions ====');
for (const { exact, tests, demo, failures, seconds } of results) {
  const word = (/** @type {boolean} */ passed) => (passed ? 'passed' : 'FAILED');
  console.log(
    `Node ${exact}: tests ${word(tests)}, demo ${values.demo ? word(demo) : 'not run'} (${seconds.toFixed(0)} s)`,
  );
  if (!tests && existsSync(failures)) console.log(readFileSync(failures, 'utf8'));
}
process.exitCode = results.every(({ tests, demo }) => tests && demo) ? 0 : 1;
