// `node --test` (issue: every way in is covered). The runner starts each file as a process of its own, with its own flags.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Finished, plainOnly, Program, type Switching } from '../../support/program.js';
import { assertSan } from '../../support/routes.js';

const run = (switching: Switching): Promise<Finished> =>
  new Program('ways-in/suite.mjs', {
    switching,
    execArgv: ['--test', '--test-reporter=tap'],
    bare: true,
  }).finished();

/** The report without what no two runs share. */
const report = ({ stdout }: Finished): string[] =>
  stdout.split('\n').filter((line) => /^\s*(not )?ok |^# (tests|pass|fail|todo|cancelled) /.test(line));

test('node --test', async () => {
  const [plain, switched] = await Promise.all([run('off'), plainOnly ? null : run('require')]);
  assert.deepEqual([plain.code, plain.stderr], [0, '']);
  assert.ok(report(plain).length > 8, plain.stdout);
  if (switched === null) return;
  assert.deepEqual(report(switched), report(plain));
  assert.deepEqual([switched.code, switched.stderr], [0, '']);
  assertSan(switched.routes, 'the test file');
});
