// The one command before a commit: every check that needs no long run. All of them run, whatever the first one says.
import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Name, npm script or command. Compiling comes first: most others look at dist. */
const steps = [
  ['compile src and test', 'npm run build:test'],
  ['types of plain JavaScript', 'npm run check:types'],
  ['format', 'npm run check:format'],
  ['lint', 'npm run check:lint'],
  ['architecture', 'node scripts/test.mjs architecture'],
  ['requirements, met and cited', 'npm run coverage:wsd -- --check'],
  ['unused files, exports, dependencies', 'npm run check:unused'],
  ['package manifest', 'npm run check:manifest'],
  ['types as others resolve them', 'npm run check:exports'],
];

const failed = [];
for (const [name, command] of steps) {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, FORCE_COLOR: '0', npm_config_loglevel: 'silent' },
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (status !== 0) {
    failed.push(name);
    console.log(`${stdout}${stderr}`.trimEnd());
  }
}

if (failed.length > 0) {
  console.log(`\n${failed.length} of ${steps.length} checks failed: ${failed.join('; ')}`);
  process.exitCode = 1;
} else {
  console.log(`\nall ${steps.length} checks passed`);
}
