// Ten thousand connections, a few at a time, after as many to warm up: descriptors, mappings and memory stay what they were on both sides.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/until.js';
import { Proc } from './support/process.js';

const MIB = 1024 * 1024;

interface Sizes {
  readonly descriptors: readonly string[];
  readonly mappings: number;
  readonly heap: number;
  readonly memory: number;
}

test('10 000 connections leave nothing behind', async (t) => {
  // V8 lets the space for new objects grow, up to 16 MiB twice, long before it would have to: kept small, it hides nothing.
  const options = { execArgv: ['--expose-gc', '--max-semi-space-size=1'], probe: false };
  const server = new Proc(t, 'echo.mjs', options);
  const client = new Proc(t, 'loop.mjs', { ...options, parameters: { port: await server.port() } });
  await client.hears('ready');

  const measure = async (count: number): Promise<{ client: Sizes; server: Sizes }> => {
    client.say(`run ${count}`);
    const ran = await client.hears('ran', (message) => message['count'] === count, 60_000);
    assert.equal(ran['failed'], 0);
    const reports = server.said('report').length;
    server.say('report');
    await until(() => server.said('report').length > reports, 'a report');
    const report = server.said('report').at(-1)!;
    assert.equal(report['open'], 0);
    return {
      client: { ...client.holdings(), heap: ran['heap'] as number, memory: client.memory() },
      server: { ...server.holdings(), heap: report['heap'] as number, memory: server.memory() },
    };
  };

  // The first ones have everything compiled, and touch every page of the rings.
  const before = await measure(10_000);
  const middle = await measure(5001);
  const after = await measure(4999);
  for (const side of ['client', 'server'] as const) {
    const [was, then, is] = [before[side], middle[side], after[side]];
    assert.deepEqual(is.descriptors, was.descriptors, side);
    assert.deepEqual([is.mappings, was.mappings], [1, 1], side);
    const heap = (is.heap - was.heap) / MIB;
    assert.ok(heap < 2, `${side}: the heap has grown by ${heap} MiB`);
    // Optimised code and the like come early; then there is nothing more to come.
    const late = is.memory - then.memory;
    assert.ok(late < 12, `${side}: it has grown by ${late} MiB in the second half`);
    assert.ok(is.memory - was.memory < 64, `${side}: it has grown by ${is.memory - was.memory} MiB`);
  }
  client.say('quit');
  await client.succeeded();
  const { stdout } = await server.stopped();
  assert.match(stdout, /^accepted {"accepted":20000}$/m);
});
