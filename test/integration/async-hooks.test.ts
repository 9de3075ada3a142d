// Async hooks see on the SAN what they see on TCP, and nothing of the switch itself (D1): the same resources from the same
// causes, and no event of one that was never announced to them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { plainOnly, Program } from '../support/program.js';
import { assertSan } from '../support/routes.js';

describe('async hooks', { skip: plainOnly }, () => {
  test('of a program that has them on from its first line', async () => {
    const plain = await new Program('async-hooks-program.cjs').succeeded();
    const { log, routes } = await new Program('async-hooks-program.cjs', { switching: 'require' }).succeeded();
    assertSan(routes, 'shm');
    assert.deepEqual(plain.log.facts['unannounced'], []);
    assert.deepEqual(log.facts, plain.log.facts);
  });
});
