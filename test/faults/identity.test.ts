// Who is who: hostile listeners, processes of another user, a peer that gives itself out for another, and one that says
// it comes from where nobody can come from.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../support/until.js';
import { assertReturned, Proc } from './support/process.js';
import { tool } from './support/tool.js';

const reasonOfLast = (client: Proc): string => {
  const last = client.notices('route').at(-1);
  return `${String(last?.['carrier'])} ${String(last?.['reason'])}`;
};

/** Has a client dial and tells how it went. */
async function dial(client: Proc, name: string, port: number, bytes = 10_000): Promise<Record<string, unknown>> {
  client.say(`dial ${name} ${bytes} ${port}`);
  return client.hears('dialed', (message) => message['name'] === name);
}

test('a hostile listener', async (t) => {
  const client = new Proc(t, 'dialer.mjs', { env: { SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '400' } });
  const listener = new Proc(t, 'hostile-listener.mjs', {
    switched: false,
    probe: false,
    parameters: { tool: tool() },
  });
  const server = new Proc(t, 'echo.mjs');
  const port = await server.port();
  const { ports } = (await listener.hears('ready')) as { ports: Record<string, number> };
  // The first connection opens what stays open; that one stays for good.
  client.say(`hold honest ${port}`);
  await client.hears('held');
  await dial(client, 'warm', port);
  await delay(50);
  const before = client.holdings();

  const REASONS: Readonly<Record<string, string>> = {
    silent: 'listener-busy',
    'spoiled memory': 'listener-busy',
    'a REJECT over versions': 'protocol-mismatch',
    'an ACCEPT without an offer': 'protocol-mismatch',
    'an ACCEPT with a bad offer': 'protocol-mismatch',
    'a REFUSE of nothing': 'listener-refused',
    'a REFUSE with nonsense': 'listener-refused',
  };
  for (const [way, hostilePort] of Object.entries(ports)) {
    await t.test(way, async () => {
      const result = await dial(client, way.replaceAll(' ', '-'), hostilePort);
      client.assertAlive();
      if (/after the ACCEPT|scribbling/.test(way)) {
        assert.deepEqual(result['events'], ['connect', 'ECONNRESET']);
      } else {
        assert.deepEqual([result['ok'], result['events']], [true, ['connect', 'end']], 'it works on TCP');
        assert.equal(reasonOfLast(client), `tcp ${REASONS[way] ?? 'link-failed'}`);
      }
    });
  }
  assert.deepEqual(listener.said('failed'), []);
  const { ok } = await dial(client, 'honest', port);
  assert.deepEqual([ok, reasonOfLast(client)], [true, 'san null']);
  listener.kill();
  await assertReturned(client, before);
});

test('a peer that gives itself out for another gets none of its connections', async (t) => {
  const server = new Proc(t, 'echo.mjs');
  const honest = await server.port();
  const client = new Proc(t, 'dialer.mjs', { parameters: { listen: true } });
  const port = await client.port();
  const impostor = new Proc(t, 'impostor.mjs', { switched: false, probe: false, parameters: { honest, port } });
  await impostor.hears('ready');
  for (const name of ['one', 'two']) {
    const { ok } = await dial(client, name, honest);
    assert.deepEqual([ok, reasonOfLast(client)], [true, 'san null']);
  }
  impostor.say('report');
  const { records } = await impostor.hears('report');
  assert.deepEqual(records, []);
  const opened = client.notices('link').find(({ event, peerPid }) => event === 'open' && peerPid === server.pid);
  assert.ok(opened, 'a link to the server itself');
});

describe('another user', { skip: process.geteuid?.() !== 0 && 'needs root' }, () => {
  const stranger = { switched: false, probe: false } as const;

  test('who connects is turned away', async (t) => {
    const server = new Proc(t, 'echo.mjs');
    const port = await server.port();
    const other = new Proc(t, 'stranger.mjs', { ...stranger, parameters: { port, how: 'reach' } });
    const { packet } = await other.hears('answered');
    assert.deepEqual(packet, { type: 3, text: 'uid 65534 is not allowed' });
    await until(() => server.errors().length === 1, 'a notice');
    assert.match(server.errors().join(), /^link-refused: process \d+: uid 65534 is not allowed$/);
    assert.equal(server.mappings(), 0);
  });

  test('who takes the companion’s name of a plain listener is not believed', async (t) => {
    const server = new Proc(t, 'echo.mjs', { switched: false });
    const port = await server.port();
    const other = new Proc(t, 'stranger.mjs', { ...stranger, parameters: { port, how: 'squat' } });
    assert.ok(((await other.hears('ready'))['listener'] as number) > 0);
    const client = new Proc(t, 'dialer.mjs');
    const { ok } = await dial(client, 'one', port);
    assert.deepEqual([ok, reasonOfLast(client)], [true, 'tcp uid-mismatch']);
    assert.equal(client.mappings(), 0);
  });

  test('who listens is not connected to', async (t) => {
    const other = new Proc(t, 'stranger.mjs', { ...stranger, parameters: { how: 'serve' } });
    const client = new Proc(t, 'dialer.mjs');
    const { ok } = await dial(client, 'one', await other.port());
    assert.deepEqual([ok, reasonOfLast(client)], [true, 'tcp uid-not-allowed']);
    assert.deepEqual(other.said('reached'), [], 'not even asked');
  });
});

test('nobody comes from, or to, where TCP would not let them', async (t) => {
  const server = new Proc(t, 'names.mjs');
  const port = await server.port();
  const liar = new Proc(t, 'liar.mjs', { switched: false, probe: false, parameters: { port } });
  const { answers } = await liar.hears('answers');
  assert.deepEqual(answers, {
    'the truth': 'accepted',
    'a source elsewhere': 'refused',
    'a source elsewhere, IPv6': 'refused',
    'no source': 'refused',
    'no source port': 'refused',
    'a destination elsewhere': 'refused',
    'another of our addresses': 'refused',
    'another port': 'refused',
  });
  server.assertAlive();
  assert.deepEqual(server.said('from'), [{ remote: '127.0.0.1', local: '127.0.0.1', port }]);
});
