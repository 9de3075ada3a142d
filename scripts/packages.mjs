// Runs packages that people use, unmodified, with the switch and without it: `npm run packages [-- options]`
//   --only A,B   files of test/packages with these names (`koa`, `ws`), heavy ones too
//   --all        also the heavy ones (*.heavy.test.mjs), which take long or need much to be installed
//   --node PATH  another Node to run them with
// The packages are installed from test/packages/package-lock.json into that folder, when that has not been done. What only
// heavy tests need is under devDependencies there, and left out until one of them is to run.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPackages, PACKAGE_FOLDER } from './package-folder.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** What hangs must not hang the run. In milliseconds; before Node 24 the runner's limit is one for the whole file. */
const TIMEOUT = 900_000;
const HEAVY = '.heavy.test.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    all: { type: 'boolean', default: false },
    node: { type: 'string', default: process.execPath },
  },
});

/** @returns {string[]} names of files */
function findTests() {
  const names = values.only.split(',').filter((name) => name !== '');
  const found = readdirSync(PACKAGE_FOLDER)
    .sort()
    .filter((file) => file.endsWith('.test.mjs'));
  const unknown = names.filter((name) => !found.some((file) => file.split('.')[0] === name));
  if (unknown.length > 0) {
    console.error(`no such test in test/packages: ${unknown.join(', ')}`);
    process.exit(2);
  }
  if (names.length > 0) return found.filter((file) => names.includes(file.split('.')[0]));
  return values.all ? found : found.filter((file) => !file.endsWith(HEAVY));
}

const files = findTests();
if (!existsSync(`${root}out/test/support/program.js`)) {
  console.error('not compiled: npm run build:test');
  process.exit(1);
}
installPackages(files.some((file) => file.endsWith(HEAVY)));
const started = performance.now();
const reporting = ['--test-reporter=spec', `--test-timeout=${TIMEOUT}`];
const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    ...reporting,
    `--test-concurrency=${availableParallelism()}`,
    ...files.map((file) => PACKAGE_FOLDER + file),
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, NODE_OPTIONS: '', SD_TEST_NODE: values.node } },
);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`== packages: ${files.length} files ${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s`);
process.exitCode = status === 0 ? 0 : 1;
