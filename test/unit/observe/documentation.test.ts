import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageInfo } from '../../../src/config/index.js';
import { channels } from '../../../src/observe/index.js';
import { REASONS } from '../../../src/switch/reasons.js';

const page = readFileSync(join(packageInfo().root, 'docs', 'OPERATING.md'), 'utf8');

test('docs/OPERATING.md explains every reason code, and no other', () => {
  const table = /## Reasons\n([\s\S]*?)\n## /.exec(page);
  assert.ok(table !== null);
  const codes = [...table[1].matchAll(/^\| `([a-z-]+)` \|/gm)].map((row) => row[1]);
  assert.deepEqual(codes.sort(), Object.keys(REASONS).sort());
});

test('docs/OPERATING.md names every channel', () => {
  for (const { name } of Object.values(channels)) assert.ok(page.includes(`| \`${String(name)}\` |`), String(name));
});
