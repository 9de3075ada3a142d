// Addresses: whatever a listener listens on and however a client names it, the switch must find the listener that TCP
// would have found, and both programs must see the names they would have seen on TCP.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, test } from 'node:test';
import { freePort } from '../support/free-port.js';
import { assertSameRun } from '../support/log.js';
import { type Pair, runPair } from '../support/pair.js';
import { plainOnly } from '../support/program.js';
import { assertSan } from '../support/routes.js';

/** This host's own address of a family, if it has one beside the loopback. */
const ownAddress = (family: 'IPv4' | 'IPv6'): string[] =>
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => !address.internal && address.family === family && !address.address.startsWith('fe80'))
    .map(({ address }) => address)
    .slice(0, 1);

/** Where nobody listens. */
const NOBODY = 1;

interface Entry {
  readonly name: string;
  readonly listen: Readonly<Record<string, unknown>>;
  readonly connect: readonly Readonly<Record<string, unknown>>[];
  /** Labels of connections that must fail. */
  readonly refused?: readonly string[];
}

const byHost = (...hosts: readonly string[]): Record<string, unknown>[] => hosts.map((host) => ({ label: host, host }));
const both = ['::1', '127.0.0.1'];

const ENTRIES: readonly Entry[] = [
  { name: 'IPv4', listen: { host: '127.0.0.1' }, connect: byHost('127.0.0.1') },
  { name: 'IPv6', listen: { host: '::1' }, connect: byHost('::1') },
  { name: 'another loopback address', listen: { host: '127.0.0.2' }, connect: byHost('127.0.0.2') },
  {
    name: "the host's own addresses",
    listen: { host: ownAddress('IPv4')[0] ?? '127.0.0.1' },
    connect: byHost(ownAddress('IPv4')[0] ?? '127.0.0.1'),
  },
  {
    name: 'IPv4 wildcard',
    listen: { host: '0.0.0.0' },
    connect: byHost('127.0.0.1', '127.0.0.2', ...ownAddress('IPv4')),
  },
  {
    name: 'dual-stack wildcard',
    listen: { host: '::' },
    connect: byHost('127.0.0.1', '::1', '::ffff:127.0.0.1', ...ownAddress('IPv4'), ...ownAddress('IPv6')),
  },
  { name: 'no host', listen: { host: null }, connect: byHost('127.0.0.1', '::1') },
  {
    name: 'IPv6 wildcard only',
    // Nobody may have the port on 127.0.0.1, where it is to be refused.
    listen: { host: '::', ipv6Only: true, port: await freePort('::') },
    connect: byHost('::1', '127.0.0.1'),
    refused: ['127.0.0.1'],
  },
  { name: 'localhost', listen: { host: 'localhost' }, connect: byHost('localhost') },
  {
    name: 'both families, the first one is the right one',
    listen: { host: '::1' },
    connect: [{ label: 'name', names: both, autoSelectFamily: true }],
  },
  {
    name: 'both families, the second one is the right one',
    listen: { host: '127.0.0.1' },
    connect: [{ label: 'name', names: both, autoSelectFamily: true }],
  },
  {
    name: 'both families, no choosing',
    listen: { host: '::1' },
    connect: [{ label: 'name', names: both, autoSelectFamily: false }],
  },
  {
    name: "the client's own address",
    listen: { host: '0.0.0.0' },
    connect: [{ label: 'bound', host: '127.0.0.1', localAddress: '127.0.0.3' }],
  },
];

const pairOf = ({ listen, connect }: Entry): Pair => ({
  server: 'net-echo-server.mjs',
  client: 'talk-client.mjs',
  serverParameters: listen,
  clientParameters: { connections: connect },
});

describe('addresses', { concurrency: 2 }, () => {
  for (const entry of ENTRIES) {
    test(entry.name, async (t) => {
      const baseline = await runPair(pairOf(entry), 'off');
      for (const { label } of entry.connect) {
        const failed = (entry.refused ?? []).includes(String(label));
        assert.equal(`${String(label)} error` in baseline.logs.client.facts, failed, `${String(label)} on TCP`);
      }
      await t.test('on the SAN', { skip: plainOnly }, async () => {
        const { server, client, logs } = await runPair(pairOf(entry), 'require');
        assertSameRun(logs, baseline.logs);
        assertSan(server.routes, 'server');
        assertSan(client.routes, 'client');
        const expected = entry.connect.length - (entry.refused ?? []).length;
        assert.equal(client.routes.filter(({ carrier }) => carrier === 'san').length, expected);
      });
    });
  }

  test("the client's own port", async (t) => {
    const run = async (switching: 'off' | 'require'): Promise<void> => {
      const localPort = await freePort();
      const { client, server } = await runPair(
        {
          server: 'net-echo-server.mjs',
          client: 'talk-client.mjs',
          clientParameters: { connections: [{ label: 'bound', host: '127.0.0.1', localPort }] },
        },
        switching,
      );
      assert.equal(client.log.sockets['bound']?.['localPort'], localPort);
      assert.equal(server.log.sockets['accepted 0']?.['remotePort'], localPort);
      if (switching !== 'off') {
        assertSan(client.routes, 'client');
      }
    };
    await run('off');
    await t.test('on the SAN', { skip: plainOnly }, () => run('require'));
  });

  test('a port that is taken (TC-14)', async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    t.after(() => server.close());
    const address = server.address();
    const localPort = typeof address === 'object' && address !== null ? address.port : 0;
    const pair: Pair = {
      server: 'net-echo-server.mjs',
      client: 'talk-client.mjs',
      clientParameters: { connections: [{ label: 'taken', host: '127.0.0.1', localPort }] },
    };
    const baseline = await runPair(pair, 'off');
    assert.match(JSON.stringify(baseline.logs.client.sockets['taken']?.events), /EADDRINUSE/);
    await t.test('on the SAN', { skip: plainOnly }, async () => {
      assertSameRun((await runPair(pair, 'require')).logs, baseline.logs);
    });
  });

  test('nobody listens', async (t) => {
    const pair: Pair = {
      server: 'net-echo-server.mjs',
      client: 'talk-client.mjs',
      clientParameters: {
        port: NOBODY,
        connections: [
          { label: 'IPv4', host: '127.0.0.1' },
          { label: 'IPv6', host: '::1' },
          { label: 'both', names: both, autoSelectFamily: true },
        ],
      },
    };
    const baseline = await runPair(pair, 'off');
    assert.match(JSON.stringify(baseline.logs.client.facts['both error']), /ECONNREFUSED/);
    await t.test('on the SAN', { skip: plainOnly }, async () => {
      assertSameRun((await runPair(pair, 'require')).logs, baseline.logs);
    });
  });
});
