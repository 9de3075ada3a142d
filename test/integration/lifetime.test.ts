// What keeps a process alive and what it leaves behind: references, exits with data pending, idle processes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../support/free-port.js';
import { plainOnly, Program, type Switching } from '../support/program.js';
import { assertSan } from '../support/routes.js';

const MEGABYTE = 1_048_576;
const ROUTES: readonly Switching[] = plainOnly ? ['off'] : ['off', 'require'];

/** User and system time of a process so far, in clock ticks. */
const cpuTicks = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
};

/** An echo server and a client that holds connections to it. */
const hold = async (
  t: TestContext,
  switching: Switching,
  parameters: Readonly<Record<string, unknown>>,
): Promise<{ server: Program; client: Program }> => {
  const server = new Program('net-echo-server.mjs', { switching });
  t.after(() => server.kill());
  const client = new Program('hold-client.mjs', {
    switching,
    parameters: { ...(await server.ready()), ...parameters },
  });
  t.after(() => client.kill());
  await client.ready();
  return { server, client };
};

for (const switching of ROUTES) {
  const where = switching === 'off' ? 'on TCP' : 'on the SAN';

  describe(`references ${where}`, { concurrency: 2 }, () => {
    test('an open connection keeps both processes', async (t) => {
      const { server, client } = await hold(t, switching, { count: 3 });
      await delay(300);
      assert.equal(client.ended, false, 'the client must still be there');
      client.signal('SIGTERM');
      const { routes } = await client.succeeded();
      if (switching !== 'off') {
        assertSan(routes, 'client');
      }
      await server.stopped();
    });

    test('an unreferenced connection keeps nobody', async (t) => {
      const { server, client } = await hold(t, switching, { count: 3, unref: true });
      const { log } = await client.succeeded();
      assert.equal(log.facts['ended'], 0, 'nothing closed them before');
      const { log: serverLog } = await server.stopped();
      for (const { events } of Object.values(serverLog.sockets)) {
        assert.deepEqual(events, ['end', 'finish', 'close false']);
      }
    });

    test('a client that is idle uses no processor time', async (t) => {
      const { server, client } = await hold(t, switching, { count: 20 });
      const ticks = (): number[] => [cpuTicks(client.pid), cpuTicks(server.pid)];
      // On a loaded machine a program is not done with its start as soon as it says so. A tick is 10 ms: one of them may be a
      // garbage collection.
      let used: number[];
      let tries = 0;
      do {
        const before = ticks();
        await delay(1500);
        used = ticks().map((now, i) => now - (before[i] ?? 0));
      } while (used.some((count) => count > 2) && ++tries < 10);
      assert.ok(tries < 10, `ticks used: ${used.join(' and ')}`);
      client.signal('SIGTERM');
      await client.succeeded();
      await server.stopped();
    });
  });
}

test('a client that was there before its listener is on the SAN soon after that is', { skip: plainOnly }, async (t) => {
  const port = await freePort();
  const client = new Program('early-client.mjs', { switching: 'require', parameters: { port } });
  t.after(() => client.kill());
  await client.ready();
  const server = new Program('net-echo-server.mjs', { switching: 'require', parameters: { port } });
  t.after(() => server.kill());
  await server.ready();
  const { routes, log } = await client.succeeded();
  assert.equal(log.facts['refused before'], true);
  assert.deepEqual([routes.at(-1)?.carrier, routes.at(-1)?.provider], ['san', 'shm']);
  await server.stopped();
});

test('a program that is busy while its first link is set up hears of it before it gives up', {
  skip: plainOnly,
}, async (t) => {
  const server = new Program('net-echo-server.mjs', { switching: 'require' });
  t.after(() => server.kill());
  // Longer than a link may take (5 s), shorter than a connect may in tests.
  const parameters = { ...(await server.ready()), busy: 5500 };
  const client = new Program('busy-client.mjs', { switching: 'require', parameters });
  t.after(() => client.kill());
  const { routes } = await client.succeeded();
  assertSan(routes, 'client');
  await server.stopped();
});

describe('what a process leaves when it ends', { concurrency: 2 }, () => {
  const leave = async (
    switching: Switching,
    how: string,
    size: number,
    late: number,
  ): Promise<Record<string, unknown>> => {
    const server = new Program('collect-server.mjs', { switching, parameters: { late } });
    try {
      const seed = `${how} ${size}`;
      const client = new Program('exit-client.mjs', {
        switching,
        parameters: { ...(await server.ready()), size, seed, how },
      });
      const { code, stderr, routes } = await client.finished();
      assert.equal(stderr, '');
      assert.equal(code, how === 'throw' ? 3 : 0);
      if (switching !== 'off') {
        assertSan(routes, 'client');
      }
      // The server resumes late; its stop must wait until everything was read.
      await server.says('collected');
      const { log } = await server.stopped();
      return log.facts[`from ${seed}`] as Record<string, unknown>;
    } finally {
      server.kill();
    }
  };

  for (const how of ['exit', 'throw', 'return']) {
    for (const size of [1, 65_536, MEGABYTE, 4 * MEGABYTE - 100]) {
      test(`${size} bytes, ${how}`, async (t) => {
        const onTcp = await leave('off', how, size, 150);
        assert.equal(onTcp['prefix'], true, 'TCP may lose the end, never the middle');
        await t.test('on the SAN', { skip: plainOnly }, async () => {
          assert.deepEqual(await leave('require', how, size, 150), { length: size, prefix: true, events: ['end'] });
        });
      });
    }
  }
});
