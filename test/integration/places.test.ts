// Where the two ends can be: one process, threads of one process, children that inherit the switch, a cluster; and the
// ways to load the switch.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { assertSameRun, withoutPorts } from '../support/log.js';
import { type Pair, runPair } from '../support/pair.js';
import { type Finished, plainOnly, Program, registerFile, type StartOptions } from '../support/program.js';
import { assertSan, assertTcp } from '../support/routes.js';

const run = (file: string, options: StartOptions): Promise<Finished> => new Program(file, options).succeeded();
const skip = plainOnly;

describe('both ends in one program', { concurrency: 2 }, () => {
  for (const [name, file] of [
    ['in one thread', 'same-process.mjs'],
    ['in one thread, the order of events', 'same-process-order.mjs'],
  ] as const) {
    test(name, async (t) => {
      const baseline = await run(file, {});
      await t.test('on the SAN', { skip }, async () => {
        const result = await run(file, { switching: 'require' });
        assert.deepEqual(withoutPorts(result.log), withoutPorts(baseline.log));
        assertSan(result.routes, 'process');
      });
    });
  }

  for (const [server, client] of [
    ['worker', 'main'],
    ['main', 'worker'],
    ['worker', 'worker'],
  ] as const) {
    test(`server in ${server}, client in ${client}`, async (t) => {
      const parameters = { server, client };
      const baseline = await run('workers.mjs', { parameters });
      await t.test('on the SAN', { skip }, async () => {
        const result = await run('workers.mjs', { parameters, switching: 'require' });
        assert.deepEqual(result.log, baseline.log);
        assertSan(result.routes, 'process');
        const threads = new Set(result.routes.map(({ threadId }) => threadId));
        assert.equal(threads.size, 2, 'both threads must have announced their ends');
      });
    });
  }
});

describe('ways to load the switch', { concurrency: 2 }, () => {
  const pair: Pair = {
    server: 'net-echo-server.mjs',
    client: 'talk-client.mjs',
    clientParameters: { connections: [{ label: 'a' }, { label: 'b', bytes: 100_000 }], host: '127.0.0.1' },
  };

  for (const switching of ['require', 'import', 'run'] as const) {
    test(switching, { skip }, async () => {
      const { server, client } = await runPair(pair, switching);
      assertSan(server.routes, 'server');
      assertSan(client.routes, 'client');
    });
  }

  test('NODE_OPTIONS', { skip }, async () => {
    const { server, client } = await runPair(
      { ...pair, env: { NODE_OPTIONS: `--require ${JSON.stringify(registerFile)}` } },
      'off',
    );
    assertSan(server.routes, 'server');
    assertSan(client.routes, 'client');
  });

  test('no tick of the preload runs after the program has begun', { skip }, () => {
    const program = `
      const { createHook } = require('node:async_hooks');
      const made = new Set();
      const unknown = [];
      createHook({ init: (id) => made.add(id), before: (id) => made.has(id) || unknown.push(id) }).enable();
      setTimeout(() => console.log(JSON.stringify(unknown)), 20);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-r', registerFile, '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    assert.deepEqual([stdout, stderr], ['[]\n', '']);
  });

  test('both -r and --import, and twice', { skip }, async () => {
    const { server, client } = await runPair(
      { ...pair, env: { NODE_OPTIONS: `--require ${JSON.stringify(registerFile)}` } },
      'import',
    );
    assertSan(server.routes, 'server');
    assertSan(client.routes, 'client');
    assert.equal(client.routes.length, 2, 'each connection is announced once');
  });

  test('children inherit it from `sockets-direct run`', async (t) => {
    const baseline = await run('parent.mjs', {});
    await t.test('on the SAN', { skip }, async () => {
      const result = await run('parent.mjs', { switching: 'run' });
      assert.deepEqual(withoutPorts(result.log), withoutPorts(baseline.log));
      assertSan(result.routes, 'children');
      const pids = new Set(result.routes.map(({ pid }) => pid));
      assert.equal(pids.size, 2, 'two children, each with its end');
      assert.ok(result.routes.some(({ side }) => side === 'accept'));
    });
  });
});

describe('several processes behind one port', { concurrency: 2 }, () => {
  const connections = Array.from({ length: 6 }, (_, i) => ({ label: `connection ${i}`, bytes: 50_000 }));
  const pairOf = (server: string, serverParameters: Readonly<Record<string, unknown>>): Pair => ({
    server,
    client: 'talk-client.mjs',
    serverParameters,
    clientParameters: { connections, host: '127.0.0.1' },
  });

  for (const schedule of ['rr', 'none']) {
    test(`cluster, schedule ${schedule}`, async (t) => {
      const pair = pairOf('cluster-server.mjs', { schedule });
      const baseline = await runPair(pair, 'off');
      // The workers themselves are connected to, in turn, though the socket is the primary's, or everybody's.
      await t.test('with the switch on both sides (D4)', { skip }, async () => {
        const { client, server, logs } = await runPair(pair, 'require');
        assertSameRun(logs, baseline.logs);
        assertSan(client.routes, 'client');
        assertSan(server.routes, 'server');
        const workers = new Set(server.routes.map(({ pid }) => pid));
        assert.equal(workers.size, 2, 'both workers have served');
      });
      await t.test('with the switch in the server', { skip }, async () => {
        assertSameRun((await runPair(pair, 'require', 'off')).logs, baseline.logs);
      });
    });
  }

  test('HTTP, accepted by a parent and served by its child', async (t) => {
    const pair: Pair = { server: 'http-handover-server.mjs', client: 'http-client.mjs' };
    const baseline = await runPair(pair, 'off');
    await t.test('on the SAN', { skip }, async () => {
      const { client, server, logs } = await runPair(pair, 'require');
      assertSameRun(logs, baseline.logs);
      assertSan(client.routes, 'client');
      // The parent has accepted them, and its child has them.
      const children = server.routes.filter(({ pid, carrier }) => pid !== server.routes[0]?.pid && carrier === 'san');
      assert.ok(children.length > 0, 'the child has connections on the SAN');
    });
  });

  test('accepted connections handed to a child', async (t) => {
    const pair = pairOf('handover-server.mjs', {});
    const baseline = await runPair(pair, 'off');
    // The child takes them over (DESIGN D12).
    await t.test('on the SAN', { skip }, async () => {
      const { client, server, logs } = await runPair(pair, 'require');
      assertSameRun(logs, baseline.logs);
      assertSan(client.routes, 'client');
      assertSan(server.routes, 'server and child');
      assert.equal(new Set(server.routes.map(({ pid }) => pid)).size, 2, 'in the parent first, then in the child');
    });
    await t.test('on TCP, when a rule excludes the program', { skip }, async () => {
      const excluded = { ...pair, serverEnv: { SOCKETS_DIRECT_EXCLUDE: 'program:handover-server.mjs' } };
      assertSameRun((await runPair(excluded, 'require')).logs, baseline.logs);
    });
    await t.test('with the switch in the server', { skip }, async () => {
      assertSameRun((await runPair(pair, 'require', 'off')).logs, baseline.logs);
    });
  });
});

describe('accepted connections given away', () => {
  for (const how of ['destroy', 'end', 'reset']) {
    test(`to a child that does nothing but ${how} them, and ends (DUP-24)`, async (t) => {
      const parameters = { how };
      const baseline = await run('handover-destroy-program.mjs', { parameters });
      await t.test('on the SAN', { skip }, async () => {
        const { log, routes } = await run('handover-destroy-program.mjs', { parameters, switching: 'require' });
        assert.deepEqual(log, baseline.log);
        assertSan(routes, 'both processes');
      });
    });
  }

  for (const plainWorker of [false, true]) {
    test(`to a thread ${plainWorker ? 'without' : 'with'} the switch, by postMessage`, async (t) => {
      const parameters = { plainWorker };
      const baseline = await run('transfer-program.mjs', { parameters });
      if ('unsupported' in baseline.log.facts) {
        t.skip('this Node cannot transfer sockets');
        return;
      }
      await t.test('on the SAN', { skip }, async () => {
        const { log, routes } = await run('transfer-program.mjs', { parameters, switching: 'require' });
        assert.deepEqual(log, baseline.log);
        assertSan(routes, 'all threads');
        const threads = new Set(routes.map(({ threadId }) => threadId));
        assert.equal(threads.size, plainWorker ? 1 : 2, 'who has the switch has the connection itself');
      });
    });
  }
});

describe('connections that several processes have (DUP-1, DUP-4)', () => {
  const pair: Pair = { server: 'keep-open-server.mjs', client: 'keep-open-client.mjs' };
  for (const plainChild of [false, true]) {
    test(plainChild ? 'children without the switch' : 'children with the switch', async (t) => {
      const own = { ...pair, serverParameters: { plainChild } };
      const baseline = await runPair(own, 'off');
      await t.test('on the SAN', { skip }, async () => {
        const { client, server, logs } = await runPair(own, 'require');
        assertSameRun(logs, baseline.logs);
        assertSan(client.routes, 'client');
        assertSan(server.routes, 'server');
      });
      await t.test('with the switch in the server', { skip }, async () => {
        assertSameRun((await runPair(own, 'require', 'off')).logs, baseline.logs);
      });
    });
  }
});

describe('plain and SAN clients on one listener', () => {
  test('at the same time (SW-2, TC-4, TC-5)', { skip }, async () => {
    const server = new Program('net-echo-server.mjs', { switching: 'require' });
    try {
      const connections = Array.from({ length: 8 }, (_, i) => ({ label: `connection ${i}`, bytes: 200_000 }));
      const parameters = { ...(await server.ready()), connections, together: true, host: '127.0.0.1' };
      const [plain, switched] = await Promise.all([
        run('talk-client.mjs', { parameters }),
        run('talk-client.mjs', { parameters, switching: 'require' }),
      ]);
      assertSan(switched.routes, 'the client with the switch');
      const { log, routes } = await server.stopped();
      assert.equal(log.facts['accepted'], 16);
      assertSan(
        routes.filter(({ carrier }) => carrier === 'san'),
        'server',
      );
      assertTcp(
        routes.filter(({ carrier }) => carrier === 'tcp'),
        'peer-used-tcp',
        'server',
      );
      assert.equal(routes.filter(({ carrier }) => carrier === 'tcp').length, 8);
      for (const { label } of connections) {
        assert.equal(plain.log.sockets[label]?.['sha256'], plain.log.facts[`${label} sent`]);
        assert.deepEqual(withoutPorts(switched.log.sockets[label]), withoutPorts(plain.log.sockets[label]));
      }
    } finally {
      server.kill();
    }
  });
});
