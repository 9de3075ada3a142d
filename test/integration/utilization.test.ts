// A loop that polls is not busy: what Node's metrics say of a program with the switch (docs/OPERATING.md). No assertion is on how
// long anything takes; each is on what must hold between figures that were taken in one callback.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { EventLoopUtilization } from 'node:perf_hooks';
import { test } from 'node:test';
import { plainOnly, Program, root } from '../support/program.js';

interface Look {
  /** `stats().loop.polledNanoseconds`, in ms. */
  readonly polled: number;
  /** Node's own function, before and after the corrected one. */
  readonly node: EventLoopUtilization;
  readonly told: EventLoopUtilization;
  readonly later: EventLoopUtilization;
  readonly idleTime: number;
  /** What the program measured of itself, in ms. */
  readonly worked: number;
}

interface Exchange {
  readonly before: Look;
  readonly after: Look;
  readonly since: EventLoopUtilization;
  readonly between: EventLoopUtilization;
}

interface Talk {
  readonly route: string;
  /** By what else the loop had to do. */
  readonly exchanges: Readonly<Record<string, Exchange>>;
}

/** Sums of milliseconds, as doubles. */
const near = (one: number, other: number): boolean => Math.abs(one - other) < 1e-6;

const assertShare = ({ idle, active, utilization }: EventLoopUtilization): void => {
  assert.ok(idle >= 0 && active >= 0, `${idle} ${active}`);
  assert.ok(utilization >= 0 && utilization <= 1, `${utilization}`);
};

const checkLook = ({ polled, node, told, later, idleTime }: Look): void => {
  assertShare(told);
  assert.ok(near(told.idle, node.idle + polled), `${told.idle}: ${node.idle} and ${polled}`);
  assert.ok(told.active >= node.active - polled - 1e-6 && told.active <= later.active - polled + 1e-6);
  assert.ok(near(idleTime, told.idle));
};

const check = ({ before, after, since, between }: Exchange): void => {
  checkLook(before);
  checkLook(after);
  // A loop that finds that it does not pay may not poll at all; but no turn that looks at links is without.
  assert.ok(after.polled > 0 && after.polled >= before.polled, `polled ${before.polled} and ${after.polled} ms`);
  assert.ok(after.told.idle >= before.told.idle);
  assert.ok(near(between.idle, after.told.idle - before.told.idle));
  assert.ok(near(between.active, after.told.active - before.told.active));
  assert.ok(near(since.idle, between.idle) && since.active >= between.active - 1e-6);
  assertShare(since);
  assertShare(between);
  // Nothing that the program did counts as polling: timers, immediates, what files, sockets and ports bring, closes, and the echo itself.
  const worked = after.worked - before.worked;
  assert.ok(between.active >= worked, `active for ${between.active} ms, worked for ${worked} ms`);
};

test('polling counts as idle, in the main thread and in a worker, and work does not', {
  skip: plainOnly,
}, async (t) => {
  const server = new Program('net-echo-server.mjs', { switching: 'require' });
  t.after(() => server.kill());
  const { port } = await server.ready();
  const preload = join(root, 'test', 'programs', 'costs', 'nodes-metrics.cjs');
  const env = { NODE_OPTIONS: `--require=${JSON.stringify(preload)}` };
  const client = new Program('costs/utilization.mjs', { switching: 'require', parameters: { port }, env });
  t.after(() => client.kill());
  const { facts } = (await client.succeeded()).log;
  assert.deepEqual(Object.keys(facts), ['main', 'worker']);
  const talks = Object.entries(facts as unknown as Record<'main' | 'worker', Talk>);
  for (const [thread, { route, exchanges }] of talks) {
    assert.equal(route, 'san');
    for (const [beside, exchange] of Object.entries(exchanges)) {
      const { before, after, between } = exchange;
      const polled = (after.polled - before.polled).toFixed(2);
      const worked = (after.worked - before.worked).toFixed(2);
      t.diagnostic(`${thread}, ${beside}: polled ${polled} ms, active ${between.active.toFixed(2)}, worked ${worked}`);
      check(exchange);
    }
  }
});
