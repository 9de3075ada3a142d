// test/programs/faults/tool.c, compiled when a test needs it: the toolchain is there, or there were no addon.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, scratch } from './process.js';

let path = '';

/** The tool's path. */
export function tool(): string {
  if (path !== '') return path;
  const output = join(scratch, 'tool');
  const source = join(root, 'test', 'programs', 'faults', 'tool.c');
  const { status, stderr, error } = spawnSync('cc', ['-O1', '-o', output, source], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cc: ${error?.message ?? stderr}`);
  path = output;
  return path;
}
