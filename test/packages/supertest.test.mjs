// supertest has server and client in one process: no chain of programs, but one that runs without the switch and with it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Program } from '../../out/test/support/program.js';
import { assertSan } from '../../out/test/support/routes.js';

const folder = fileURLToPath(new URL('.', import.meta.url));
const { version } = JSON.parse(readFileSync(`${folder}node_modules/supertest/package.json`, 'utf8'));

test(`supertest (supertest ${version}): the same on every route (SW-1, SW-3, TC-17)`, async () => {
  const run = (/** @type {'off' | 'require'} */ switching) =>
    new Program(`${folder}programs/supertest-program.mjs`, { switching }).succeeded();
  const plain = await run('off');
  const switched = await run('require');
  assert.deepEqual(switched.log, plain.log, 'the program must not see a difference');
  assertSan(switched.routes, 'both ends');
});
