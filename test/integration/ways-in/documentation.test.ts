// docs/WAYS_IN.md names a test for every way in, and each of them is there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { root } from '../../support/program.js';

const rows = readFileSync(join(root, 'docs/WAYS_IN.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) => line.split('|').slice(1, -1));

/** The tests that a row names: [file, name]. */
const testsOf = (cell: string): string[][] =>
  cell.split(';').map((part) => /^\s*`([\w./-]+)`: (.+?)\s*$/.exec(part)?.slice(1) ?? []);

describe('docs/WAYS_IN.md', () => {
  for (const [way = '', tests = ''] of rows) {
    test(way.trim(), () => {
      for (const [file, name] of testsOf(tests)) {
        assert.ok(file !== undefined && name !== undefined, `a test is named as \`file\`: name, not as ${tests}`);
        const folder = file.startsWith('packages/') ? 'test' : 'test/integration';
        const source = readFileSync(join(root, folder, file), 'utf8');
        assert.ok(source.includes(name.replace(/`/g, '\\`')) || source.includes(name), `${file} has no test ${name}`);
      }
    });
  }
});
