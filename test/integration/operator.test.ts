// What an operator can see and set: `sockets-direct ss` on live processes, the reasons for TCP, rules, turning it off.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type Pair, runPair } from '../support/pair.js';
import { plainOnly, Program, type StartOptions, type Switching } from '../support/program.js';
import { assertSan, assertTcp } from '../support/routes.js';
import { type ShownConnection, ss, ssText } from '../support/ss.js';

/** Starts a program that does not outlive its test. */
const start = (t: TestContext, file: string, options: StartOptions): Program => {
  const program = new Program(file, options);
  t.after(() => program.kill());
  return program;
};

/** An echo server and a client that holds `count` connections to it, all of them established. */
const hold = async (
  t: TestContext,
  switching: { readonly server: Switching; readonly client: Switching },
  count: number,
): Promise<{ server: Program; client: Program; port: number; localPorts: readonly number[] }> => {
  const server = start(t, 'net-echo-server.mjs', { switching: switching.server });
  const { port } = (await server.ready()) as { port: number };
  const client = start(t, 'hold-client.mjs', { switching: switching.client, parameters: { port, count } });
  const { localPorts } = (await client.ready()) as { localPorts: number[] };
  return { server, client, port, localPorts };
};

describe('sockets-direct ss', { concurrency: 2, skip: plainOnly }, () => {
  test('both ends of SAN connections', async (t) => {
    const { server, client, port, localPorts } = await hold(t, { server: 'require', client: 'require' }, 3);
    const shown = await ss(server.pid, client.pid);
    const ofServer = shown.find(({ pid }) => pid === server.pid);
    const ofClient = shown.find(({ pid }) => pid === client.pid);
    assert.equal(ofServer?.status, 'ok');
    assert.equal(ofClient?.status, 'ok');
    assert.deepEqual(
      ofServer.listeners.map(({ carrier, local }) => [carrier, local]),
      [['san', { address: '127.0.0.1', port }]],
    );
    const ports = ofClient.connections.map(({ local }) => local.port).sort();
    assert.deepEqual(ports, [...localPorts].sort());
    for (const connection of ofClient.connections) {
      assert.equal(connection.side, 'connect');
      assert.equal(connection.carrier, 'san');
      assert.equal(connection.provider, 'shm');
      assert.equal(connection.peerPid, server.pid);
      assert.deepEqual(connection.remote, { address: '127.0.0.1', port });
      assert.deepEqual([connection.bytesRead, connection.bytesWritten], [5, 5]);
      const other: ShownConnection | undefined = ofServer.connections.find(
        ({ remote }) => remote.port === connection.local.port,
      );
      assert.equal(other?.side, 'accept');
      assert.equal(other.peerPid, client.pid);
      assert.deepEqual([other.bytesRead, other.bytesWritten], [5, 5]);
    }
    const text = await ssText('--pid', String(client.pid));
    assert.equal(text.trimEnd().split('\n').length, 4, text);
    assert.match(text, /hold-client\.mjs/);

    // Closed connections are gone from the list.
    client.signal('SIGTERM');
    await client.succeeded();
    const later = await ss(server.pid, client.pid);
    assert.deepEqual(
      later.map(({ pid, connections }) => [pid, connections.length]),
      [[server.pid, 0]],
    );
    await server.stopped();
  });

  test('TCP connections with their reasons', async (t) => {
    const plainServer = await hold(t, { server: 'off', client: 'require' }, 1);
    const [ofClient] = await ss(plainServer.client.pid);
    assert.deepEqual(
      ofClient?.connections.map(({ carrier, reason, side }) => [carrier, reason, side]),
      [['tcp', 'no-companion', 'connect']],
    );
    const plainClient = await hold(t, { server: 'require', client: 'off' }, 1);
    const [ofServer] = await ss(plainClient.server.pid);
    assert.deepEqual(
      ofServer?.connections.map(({ carrier, reason, side }) => [carrier, reason, side]),
      [['tcp', 'peer-used-tcp', 'accept']],
    );
  });

  test('a process that does not answer, and one that is turned off', async (t) => {
    const { server, client } = await hold(t, { server: 'require', client: 'require' }, 1);
    server.signal('SIGSTOP');
    const off = start(t, 'net-echo-server.mjs', {
      switching: 'require',
      env: { SOCKETS_DIRECT_ENABLED: 'off' },
    });
    await off.ready();
    const shown = await ss(server.pid, client.pid, off.pid);
    assert.deepEqual(
      new Map(shown.map(({ pid, status, reason }) => [pid, `${status} ${reason ?? ''}`])),
      new Map([
        [server.pid, 'no-answer timeout'],
        [client.pid, 'ok '],
        [off.pid, 'off switch-off'],
      ]),
    );
    server.signal('SIGCONT');
    client.signal('SIGTERM');
    await client.succeeded();
    await server.stopped();
    await off.stopped();
  });
});

describe('configuration', { concurrency: 2, skip: plainOnly }, () => {
  const pair: Pair = {
    server: 'net-echo-server.mjs',
    client: 'talk-client.mjs',
    clientParameters: { connections: [{ label: 'a' }, { label: 'b' }], host: '127.0.0.1' },
  };

  test('a port that the client excludes', async (t) => {
    const server = start(t, 'net-echo-server.mjs', { switching: 'require' });
    const { port } = (await server.ready()) as { port: number };
    const client = start(t, 'talk-client.mjs', {
      switching: 'require',
      env: { SOCKETS_DIRECT_EXCLUDE: `port:${port}` },
      parameters: { port, host: '127.0.0.1', connections: [{ label: 'a' }] },
    });
    assertTcp((await client.succeeded()).routes, 'excluded', 'client');
    assertTcp((await server.stopped()).routes, 'peer-used-tcp', 'server');
  });

  test('an address that the server excludes', async () => {
    const { client } = await runPair(
      { ...pair, serverEnv: { SOCKETS_DIRECT_EXCLUDE: 'address:127.0.0.0/8' } },
      'require',
    );
    assert.ok(client.routes.length === 2 && client.routes.every(({ carrier }) => carrier === 'tcp'));
  });

  test('a program that the file excludes', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sockets-direct-config-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'config.json');
    writeFileSync(file, JSON.stringify({ exclude: ['program:talk-client.mjs'] }));
    const { server } = await runPair({ ...pair, env: { SOCKETS_DIRECT_CONFIG: file } }, 'require');
    assertTcp(server.routes, 'peer-used-tcp', 'server');
  });

  test('only what is included', async () => {
    const included = { ...pair, env: { SOCKETS_DIRECT_INCLUDE: 'address:127.0.0.0/8' } };
    assertSan((await runPair(included, 'require')).client.routes, 'client');
    const { client } = await runPair({ ...pair, clientEnv: { SOCKETS_DIRECT_INCLUDE: 'port:1' } }, 'require');
    assertTcp(client.routes, 'excluded', 'client');
  });

  for (const [name, env] of [
    ['turned off', { SOCKETS_DIRECT_ENABLED: 'off' }],
    ['a bad value', { SOCKETS_DIRECT_SPIN_LIMIT_MICROSECONDS: '201' }],
    ['an unknown setting', { SOCKETS_DIRECT_NO_SUCH_SETTING: '1' }],
  ] as const) {
    test(`${name}: the program works on TCP and prints nothing`, async () => {
      const { client, server } = await runPair({ ...pair, env }, 'require');
      const carriers = [...client.routes, ...server.routes].map(({ carrier }) => carrier);
      assert.ok(!carriers.includes('san'));
    });
  }

  test('the debug log goes to stderr when it is asked for', async () => {
    const program = new Program('same-process.mjs', { switching: 'require', env: { NODE_DEBUG: 'sockets-direct' } });
    const { code, stderr } = await program.finished();
    assert.equal(code, 0);
    assert.match(stderr, /^SOCKETS-DIRECT \d+\/0: route connect #\d+ 127\.0\.0\.1:\d+ > 127\.0\.0\.1:\d+ shm$/m);
  });
});
