// Where the system does not allow what secured memory and guarded access are built on: nothing is cached, and all else works.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './support/process.js';
import { tool } from './support/tool.js';

const EPERM = 1;
const ENOSYS = 38;
const EFAULT = -14;

interface Answer {
  readonly state: string;
  readonly reason: string | null;
  /** Ranges that are secured after two uses: what is kept. */
  readonly ranges: number;
  readonly guarded: readonly number[];
  readonly copy: readonly number[];
  readonly arrived: readonly number[];
}

function run(...before: string[]): Answer {
  const program = [process.execPath, join(root, 'test', 'programs', 'faults', 'secured.mjs'), join(root, 'dist')];
  const [command = '', ...rest] = [...before, ...program];
  const { stdout, stderr, status } = spawnSync(command, rest, { encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.equal(status, 0);
  return JSON.parse(stdout) as Answer;
}

const GUARDED = [0, EFAULT, 0, EFAULT];

/** What does not depend on it. */
function worked({ guarded, copy, arrived }: Answer): void {
  assert.deepEqual([guarded, copy, arrived], [GUARDED, [7, 7], [10, 10]]);
}

test('permitted: what was used is kept (CACHE-2, PD-13)', (t) => {
  const answer = run();
  if (answer.state !== 'on') {
    t.skip(answer.reason ?? '');
    return;
  }
  worked(answer);
  assert.equal(answer.ranges, 1);
});

for (const [error, number] of [
  ['EPERM', EPERM],
  ['ENOSYS', ENOSYS],
] as const) {
  test(`userfaultfd is answered with ${error}: nothing is kept, it says so, and the bytes arrive (CACHE-16, PD-17)`, () => {
    const answer = run(tool(), 'deny', 'userfaultfd', String(number));
    worked(answer);
    assert.deepEqual([answer.state, answer.ranges], ['refused', 0]);
    assert.match(answer.reason ?? '', /userfaultfd is not permitted/);
  });
}

test('process_vm_readv is refused: guarded access takes a pipe (PD-16)', () => {
  worked(run(tool(), 'deny', 'vm-read', String(EPERM)));
  worked(run(tool(), 'deny', 'vm-write', String(ENOSYS)));
});
