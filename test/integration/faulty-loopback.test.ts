// A program whose connections within the process go over a SAN with delays and refusals (test/node-suite/faulty-loopback.mjs):
// it must see what it sees on TCP. So the module that Node's own tests are run with is tested itself.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { withoutPorts } from '../support/log.js';
import { plainOnly, Program, root } from '../support/program.js';

const SEEDS = [1, 2, 3, 4, 5, 6];
/** What refusals of a provider become, before a connection is there. */
const REASONS = ['out-of-resources', 'link-failed', 'listener-busy'];

test('an IPv6 listener that wants no IPv4 gets none from a provider that knows names alone', {
  skip: plainOnly,
}, async () => {
  const baseline = await new Program('v6only-program.mjs').succeeded();
  const { log, routes } = await new Program('v6only-program.mjs', {
    switching: 'require',
    env: { SOCKETS_DIRECT_PROVIDERS: join(root, 'dist', 'providers', 'loopback', 'index.js') },
  }).succeeded();
  assert.deepEqual(log.facts, baseline.log.facts);
  assert.equal(routes.filter(({ provider }) => provider === 'loopback').length, 6, 'both ends of three');
});

test('a large transfer for a native consumer stops where that has stopped reading', { skip: plainOnly }, async () => {
  const baseline = await new Program('pipeline-program.mjs').succeeded();
  const { log, routes } = await new Program('pipeline-program.mjs', {
    switching: 'require',
    env: { SOCKETS_DIRECT_PROVIDERS: join(root, 'dist', 'providers', 'loopback', 'index.js') },
  }).succeeded();
  assert.deepEqual(log.facts, baseline.log.facts);
  assert.ok(routes.every(({ provider }) => provider === 'loopback'));
});

describe('the faulty loopback under a running program', { skip: plainOnly }, () => {
  test('the same as on TCP, whatever the seed', async () => {
    const baseline = await new Program('same-process.mjs').succeeded();
    let refused = 0;
    for (const seed of SEEDS) {
      const { log, routes } = await new Program('same-process.mjs', {
        switching: 'require',
        env: {
          SOCKETS_DIRECT_PROVIDERS: join(root, 'test', 'node-suite', 'faulty-loopback.mjs'),
          SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '2000',
          LOOPBACK_SEED: String(seed),
        },
      }).succeeded(20_000);
      assert.deepEqual(withoutPorts(log.sockets), withoutPorts(baseline.log.sockets), `seed ${seed}`);
      const san = routes.filter(({ carrier }) => carrier === 'san');
      assert.ok(san.length > 0, `seed ${seed}: a connection on the SAN`);
      assert.ok(san.every(({ provider }) => provider === 'loopback'));
      refused += routes.filter(({ side, reason }) => side === 'connect' && REASONS.includes(String(reason))).length;
    }
    assert.ok(refused > 0, 'with these seeds something is refused');
  });
});
