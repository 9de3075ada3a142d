// No descriptors, no memory, no system call while a link is set up: TCP, and the program works.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { until } from '../support/until.js';
import { Proc, root } from './support/process.js';
import { tool } from './support/tool.js';

const FEW = ['sh', '-c', 'ulimit -n 64; exec "$0" "$@"'];
const routes = join(root, 'test', 'programs', 'faults', 'lib', 'routes.cjs');
const greedy = { wrap: FEW, probe: false, execArgv: ['-r', routes] } as const;

async function free(program: Proc, count: number): Promise<void> {
  const before = program.said('free').length;
  program.say(`free ${count}`);
  await until(() => program.said('free').length > before, 'descriptors to be taken');
}

const routeOf = (program: Proc): string => {
  const { carrier, reason } =
    program
      .said('route')
      .filter(({ side }) => side === 'connect')
      .at(-1) ?? {};
  return `${String(carrier)} ${String(reason)}`;
};

describe('few descriptors', () => {
  test('on the connecting side: a connection that TCP can make is made', async (t) => {
    const server = new Proc(t, 'echo.mjs');
    const port = await server.port();
    const client = new Proc(t, 'greedy.mjs', greedy);
    await client.hears('ready');
    const found: string[] = [];
    for (let count = 0; count <= 8; count++) {
      await free(client, count);
      client.say(`dial with-${count} 100000 ${port}`);
      const { ok, events } = await client.hears('dialed', ({ name }) => name === `with-${count}`);
      if (count === 0) {
        assert.deepEqual(events, ['EMFILE'], 'as on TCP');
        continue;
      }
      assert.deepEqual([ok, events], [true, ['connect', 'end']], `${count} descriptors`);
      found.push(routeOf(client));
    }
    assert.equal(found[0], 'tcp out-of-resources');
    assert.equal(found.at(-1), 'san null');
    assert.ok(
      found.every((route) => route === 'tcp out-of-resources' || route === 'san null'),
      found.join(),
    );
    // And once there is a link, a connection takes no more than TCP's own.
    await free(client, 1);
    client.say(`dial linked 100000 ${port}`);
    assert.equal((await client.hears('dialed', ({ name }) => name === 'linked'))['ok'], true);
    assert.equal(routeOf(client), 'san null');
    await free(client, 10);
    client.say('quit');
    await client.succeeded();
    await server.stopped();
  });

  test('on the accepting side', async (t) => {
    const server = new Proc(t, 'greedy.mjs', greedy);
    const port = await server.port();
    let dialed = 0;
    for (let count = 1; count <= 6; count++) {
      await free(server, count);
      const held = server.descriptors().length;
      const client = new Proc(t, 'dialer.mjs', { parameters: { port } });
      for (const name of ['one', 'two']) {
        client.say(`dial ${name} 100000`);
        const { ok, events } = await client.hears('dialed', (message) => message['name'] === name);
        assert.deepEqual([ok, events], [true, ['connect', 'end']], `${count} descriptors`);
        dialed++;
      }
      const { carrier } = client.notices('route').at(-1)!;
      if (count === 1) assert.equal(carrier, 'tcp');
      if (count === 6) assert.equal(carrier, 'san');
      client.say('quit');
      await client.succeeded();
      await until(() => server.descriptors().length === held, 'descriptors to return');
    }
    server.say('report');
    assert.equal((await server.hears('report'))['accepted'], dialed);
    server.assertAlive();
  });

  test('none left on the accepting side: over a link that is there, connections go on', async (t) => {
    const server = new Proc(t, 'greedy.mjs', greedy);
    const port = await server.port();
    const client = new Proc(t, 'dialer.mjs', { parameters: { port } });
    client.say('dial first 1');
    await client.hears('dialed');
    await free(server, 0);
    client.say('dial second 100000');
    const { ok } = await client.hears('dialed', ({ name }) => name === 'second');
    assert.equal(ok, true);
    assert.ok(client.notices('route').every(({ carrier }) => carrier === 'san'));
  });
});

describe('the kernel refuses', () => {
  const ENOMEM = '12';
  const EPERM = '1';
  const CASES = [
    ['memfd', ENOMEM, 'out-of-resources'],
    ['memfd', EPERM, 'out-of-resources'],
    ['map-shared', ENOMEM, 'out-of-resources'],
    ['socket-unix', EPERM, 'out-of-resources'],
    ['sock-diag', '93', 'kernel-unsupported'],
    ['sock-diag', EPERM, 'kernel-unsupported'],
    ['sock-diag', '97', 'kernel-unsupported'],
  ] as const;
  for (const [what, errno, reason] of CASES) {
    test(`the connecting side ${what}, errno ${errno}: ${reason}`, async (t) => {
      const server = new Proc(t, 'echo.mjs');
      const port = await server.port();
      const client = new Proc(t, 'dialer.mjs', { parameters: { port }, wrap: [tool(), 'deny', what, errno] });
      for (const name of ['one', 'two']) {
        client.say(`dial ${name} 100000`);
        assert.equal((await client.hears('dialed', (message) => message['name'] === name))['ok'], true);
      }
      for (const { carrier, reason: found } of client.notices('route')) {
        assert.deepEqual([carrier, found], ['tcp', reason]);
      }
      client.say('quit');
      await client.succeeded();
      await server.stopped();
    });
  }

  for (const [what, errno] of [
    ['map-shared', ENOMEM],
    ['socket-unix', EPERM],
    ['sock-diag', EPERM],
    ['route', EPERM],
  ] as const) {
    test(`the listening side ${what}, errno ${errno}`, async (t) => {
      const server = new Proc(t, 'echo.mjs', { wrap: [tool(), 'deny', what, errno] });
      const client = new Proc(t, 'dialer.mjs', { parameters: { port: await server.port() } });
      client.say('dial one 100000');
      assert.equal((await client.hears('dialed'))['ok'], true);
      // Who only listens asks neither sock_diag nor for a route.
      const carrier = what === 'sock-diag' ? 'san' : 'tcp';
      assert.deepEqual(
        client.notices('route').map((route) => route['carrier']),
        [carrier],
      );
      client.say('quit');
      await client.succeeded();
      await server.stopped();
    });
  }

  test('files larger than so many bytes (RLIMIT_FSIZE): no memory for a link', async (t) => {
    const server = new Proc(t, 'echo.mjs');
    const port = await server.port();
    const wrap = ['prlimit', '--fsize=1000000:1000000'];
    const client = new Proc(t, 'dialer.mjs', { parameters: { port }, wrap });
    client.say('dial one 100000');
    assert.equal((await client.hears('dialed'))['ok'], true);
    assert.deepEqual(
      client.notices('route').map(({ reason }) => reason),
      ['out-of-resources'],
    );
    client.say('quit');
    await client.succeeded();
    await server.stopped();
  });
});
