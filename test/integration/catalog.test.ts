// Providers that are installed, removed and broken while programs run: SW-19…21, SP-16…18. The provider is a module as a
// third party would ship it; the programs know nothing of the switch.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { installProvider, removeProvider } from '../../src/catalog/edit.js';
import { makeProtocolInfo, XP1_CONNECT_DATA } from '../../src/spi/index.js';
import { Proc } from '../faults/support/process.js';
import { cliFile, nodeBinary, root } from '../support/program.js';
import { ss, ssText } from '../support/ss.js';
import { until } from '../support/until.js';

const modules = join(root, 'test', 'programs', 'catalog', 'providers');
const SECOND = '0D8F31C7-4B5E-4C7A-9B5D-2A7F3E6C1B90';
const BROKEN = '5A1B6C2D-77E0-4F8B-8C11-93D5E0A4F276';

interface Place {
  readonly file: string;
  /** What programs that use this catalog, and no other provider, are started with. */
  readonly env: Readonly<Record<string, string>>;
  cli(...args: readonly string[]): Promise<{ stdout: string; stderr: string }>;
  start(parameters?: Readonly<Record<string, unknown>>, env?: Readonly<Record<string, string>>): Proc;
}

function place(context: TestContext, providers = 'catalog'): Place {
  const home = mkdtempSync(join(tmpdir(), 'sockets-direct-home-'));
  context.after(() => rmSync(home, { recursive: true, force: true }));
  const file = join(home, 'sockets-direct', 'providers.json');
  const env = { SOCKETS_DIRECT_CATALOG: file, SOCKETS_DIRECT_PROVIDERS: providers };
  return {
    file,
    env,
    cli: (...args) =>
      promisify(execFile)(nodeBinary, [cliFile, 'providers', ...args], { env: { ...process.env, ...env } }),
    start: (parameters = {}, more = {}) =>
      new Proc(context, '../catalog/peer.mjs', { parameters, env: { ...env, ...more } }),
  };
}

/** Installs without telling anybody: only who watches the file can know. */
async function installSilently(file: string, name = 'second', id = SECOND, type = 'cjs'): Promise<void> {
  const dwServiceFlags1 = makeProtocolInfo({ ProviderId: id, szProtocol: name }).dwServiceFlags1 | XP1_CONNECT_DATA;
  const info = makeProtocolInfo({ ProviderId: id, szProtocol: name, dwServiceFlags1 });
  const path = join(modules, `${name}.${type}`);
  assert.equal(await installProvider(file, { path, id, name, protocols: [info], first: false }), null);
}

const listenerEvents = (program: Proc): string[] =>
  program.notices('listener').map(({ event, provider, reason }) => `${String(event)} ${String(provider ?? reason)}`);

const routes = (program: Proc, side: string): string[] =>
  program
    .notices('route')
    .filter((notice) => notice['side'] === side)
    .map(({ carrier, provider, reason }) => `${String(carrier)} ${String(provider ?? reason)}`);

describe('a provider installed while programs run', () => {
  test('is picked up by a watch; wildcard listeners gain it without a restart (SW-19, SW-20, SW-21)', async (context) => {
    const { file, start } = place(context);
    mkdirSync(dirname(file), { mode: 0o700 });
    const server = start();
    const port = await server.port();
    const client = start();
    await client.port();
    await until(() => listenerEvents(server).length > 0, 'the listener');
    assert.deepEqual(listenerEvents(server), ['tcp no-provider']);
    client.say(`connect ${port}`);
    await client.hears('connected');

    await installSilently(file);
    await until(() => listenerEvents(server).includes('open second'), 'the listener’s companion');
    await until(() => listenerEvents(client).includes('open second'), 'the client’s');
    client.say(`connect ${port}`);
    await client.hears('connected', ({ count }) => count === 2);
    client.say('tell hello');
    for (const from of [0, 1])
      await client.hears('heard', (heard) => heard['from'] === from && heard['text'] === 'hello');
    assert.deepEqual(routes(client, 'connect'), ['tcp no-provider', 'san second']);
    assert.deepEqual(routes(server, 'accept'), ['tcp no-provider', 'san second']);
    server.assertAlive();
    client.assertAlive();
  });

  test('is picked up where there was no catalog to watch, because the installer asks', async (context) => {
    const { cli, start } = place(context);
    const server = start();
    const port = await server.port();
    await until(() => listenerEvents(server).length > 0, 'the listener');
    assert.ok(
      !server.descriptors().some((what) => what.includes('inotify')),
      'nothing is held where there is no catalog',
    );
    const { stdout, stderr } = await cli('install', join(modules, 'second.cjs'), '--name', 'second');
    assert.equal(stderr, '');
    // On the whole host; another run of this test counts as well.
    assert.match(stdout, /^Installed second as second: .*\nIn use by [1-9]\d* running programs or threads\n$/);
    await until(() => listenerEvents(server).includes('open second'), 'the listener’s companion');
    const client = start();
    await client.port();
    client.say(`connect ${port}`);
    await client.hears('connected');
    assert.deepEqual(routes(client, 'connect'), ['san second']);
  });

  test('may be an ES module: nothing of that reaches the program', async (context) => {
    const { file, start } = place(context);
    await installSilently(file, 'second', SECOND, 'mjs');
    const server = start();
    const port = await server.port();
    const client = start();
    await client.port();
    client.say(`connect ${port}`);
    await client.hears('connected');
    assert.deepEqual(routes(client, 'connect'), ['san second']);
    server.assertAlive();
    client.assertAlive();
  });

  test('that awaits at its top level is skipped, with that as the reason', async (context) => {
    const { file, start } = place(context, 'shm,catalog');
    await installSilently(file, 'awaiting', SECOND, 'mjs');
    const server = start();
    await server.port();
    const [shown] = await ss(server.pid);
    assert.deepEqual(
      shown.providers.map(({ name, started }) => [name, started]),
      [
        ['shm', true],
        ['awaiting', false],
      ],
    );
    assert.match(shown.providers[1].detail ?? '', /top-level await/);
    server.assertAlive();
  });

  test('comes where the setting has the catalog: shm stays preferred', async (context) => {
    const { file, start } = place(context, 'shm,catalog');
    await installSilently(file);
    const server = start();
    const port = await server.port();
    const client = start();
    await client.port();
    client.say(`connect ${port}`);
    await client.hears('connected');
    assert.deepEqual(routes(client, 'connect'), ['san shm']);
    const [shown] = await ss(server.pid);
    assert.deepEqual(
      shown.providers.map(({ name, started }) => [name, started]),
      [
        ['shm', true],
        ['second', true],
      ],
    );
  });
});

test('a provider that is removed serves what it has to its end, and nothing new', async (context) => {
  const { file, start } = place(context);
  await installSilently(file);
  const server = start();
  const port = await server.port();
  const client = start();
  await client.port();
  client.say(`connect ${port}`);
  await client.hears('connected');
  await removeProvider(file, SECOND);
  for (const program of [server, client]) {
    await until(() => listenerEvents(program).includes('tcp no-provider'), 'the companion’s end');
  }
  client.say('tell still');
  await client.hears('heard', ({ from, text }) => from === 0 && text === 'still');
  client.say(`connect ${port}`);
  await client.hears('connected', ({ count }) => count === 2);
  client.say('tell both');
  await client.hears('heard', ({ from, text }) => from === 1 && text === 'both');
  await client.hears('heard', ({ from, text }) => from === 0 && text === 'both');
  assert.deepEqual(routes(client, 'connect'), ['san second', 'tcp no-provider']);
  client.say('end');
  for (const from of [0, 1])
    assert.equal((await client.hears('closed', (closed) => closed['from'] === from))['hadError'], false);
  await until(
    () => client.mappings() === 0 && server.mappings() === 0,
    'the last connection’s memory to go with the provider',
  );

  await installSilently(file);
  await until(() => listenerEvents(server).filter((event) => event === 'open second').length === 2, 'it is back');
  await until(() => listenerEvents(client).filter((event) => event === 'open second').length === 2, 'on both sides');
  client.say(`connect ${port}`);
  await client.hears('connected', ({ count }) => count === 3);
  assert.equal(routes(client, 'connect').at(-1), 'san second');
});

describe('what is broken is skipped, with the reason', () => {
  const ways: [how: string, reason: string, detail: RegExp][] = [
    ['throws', 'provider-failed', /broken\.cjs: it does not load today/],
    ['exports', 'provider-failed', /does not export WSPStartupEx/],
    ['start-throws', 'provider-failed', /^it does not start today$/],
    ['refuses', 'kernel-unsupported', /WSPStartupEx: WSASYSNOTREADY/],
    ['version', 'provider-failed', /SPI version 0x101/],
    ['gap', 'provider-failed', /it lacks lpWSPAccept/],
  ];
  for (const [how, reason, detail] of ways) {
    test(`a provider that is broken: ${how}`, async (context) => {
      const { file, start } = place(context, 'catalog,shm');
      await installSilently(file, 'broken', BROKEN);
      const server = start({}, { TEST_BROKEN: how });
      const port = await server.port();
      const client = start({}, { TEST_BROKEN: how });
      await client.port();
      client.say(`connect ${port}`);
      await client.hears('connected');
      assert.deepEqual(routes(client, 'connect'), ['san shm'], 'the next one works');
      const [shown] = await ss(server.pid);
      const [broken, shm] = shown.providers;
      assert.deepEqual([broken.name, broken.started, broken.reason], ['broken', false, reason]);
      assert.match(broken.detail ?? '', detail);
      assert.deepEqual([shm.name, shm.started, shm.reason], ['shm', true, null]);
      assert.match(await ssText('--pid', String(server.pid)), new RegExp(`^ERR +broken .* ${reason}: `, 'm'));
      server.assertAlive();
    });
  }

  test('a catalog file that makes no sense: shm works, and ss says what is wrong', async (context) => {
    const { file, start } = place(context, 'shm,catalog');
    mkdirSync(dirname(file), { mode: 0o700 });
    writeFileSync(file, '{"format": 1, "providers": "all"}', { mode: 0o600 });
    const server = start();
    const port = await server.port();
    const client = start();
    await client.port();
    client.say(`connect ${port}`);
    await client.hears('connected');
    assert.deepEqual(routes(client, 'connect'), ['san shm']);
    const [shown] = await ss(server.pid);
    assert.equal(shown.status, 'ok');
    const wrong = shown.providers.find(({ started }) => !started);
    assert.deepEqual([wrong?.id, wrong?.name, wrong?.reason], [null, 'catalog', 'bad-configuration']);
    assert.match(wrong?.detail ?? '', /providers\.json providers is no list/);
    server.assertAlive();
  });

  test('a catalog that others could have written', async (context) => {
    const { file, start } = place(context, 'shm,catalog');
    mkdirSync(dirname(file), { mode: 0o700 });
    await installSilently(file);
    chmodSync(file, 0o666);
    const server = start();
    await server.port();
    const [shown] = await ss(server.pid);
    assert.deepEqual(
      shown.providers.map(({ name, started }) => [name, started]),
      [
        ['shm', true],
        ['catalog', false],
      ],
    );
    assert.match(shown.providers[1].detail ?? '', /others may write to/);
  });
});

test('following the catalog keeps no program alive', async (context) => {
  const { file, start } = place(context);
  await installSilently(file);
  const program = start();
  await program.port();
  program.say('close');
  await program.succeeded(10_000);
});
