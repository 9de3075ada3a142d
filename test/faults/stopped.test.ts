// A peer that is stopped, or whose event loop is busy: back-pressure and no growth, then everything arrives; a listener in
// that state is reached by TCP, and its program never sees the connection that was given up.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { getDefaultHighWaterMark } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../support/until.js';
import { Proc, scratch } from './support/process.js';

const MIB = 1024 * 1024;

interface State {
  readonly written: number;
  readonly reported: number;
}

describe('a stopped peer', () => {
  const crowd = async (
    t: TestContext,
    parameters: { readonly count: number; readonly chunk: number; readonly total: number },
  ): Promise<{ sink: Proc; source: Proc; state: () => Promise<State> }> => {
    const sink = new Proc(t, 'sink.mjs', { parameters: { listen: true } });
    const port = await sink.port();
    const source = new Proc(t, 'crowd.mjs', { parameters: { port, ...parameters } });
    await source.hears('ready');
    const state = async (): Promise<State> => {
      const before = source.said('state').length;
      source.say('report');
      await until(() => source.said('state').length > before, 'a state');
      return source.said('state').at(-1) as unknown as State;
    };
    return { sink, source, state };
  };

  for (const [count, chunk, total] of [
    [1, 64, 24 * MIB],
    [1, MIB, 64 * MIB],
    [300, 64, 150_000],
    [300, 20_000, 400_000],
  ] as const) {
    test(`${count} connections with writes of ${chunk} bytes`, async (t) => {
      const { sink, source, state } = await crowd(t, { count, chunk, total });
      sink.signal('SIGSTOP');
      const memory = source.memory();
      source.say('begin');
      let last = (await state()).written;
      for (;;) {
        await delay(150);
        const { written } = await state();
        if (written === last) break;
        last = written;
      }
      // What the ring holds, and what each program wrote before its socket said that it is full.
      assert.ok(last < total * count, 'the writer is held back');
      const most = 3 * MIB + count * (chunk + getDefaultHighWaterMark(false));
      assert.ok(last <= most, `${last} bytes went to a peer that is stopped`);
      const grown = source.memory() - memory;
      assert.ok(grown < 256, `the writer has grown by ${grown} MiB`);
      sink.signal('SIGCONT');
      const { reported } = await source.hears('finished', undefined, 20_000);
      // First what went wrong, if anything did: that says more than how little was written.
      assert.deepEqual([source.errors(), sink.errors(), source.said('failed').slice(0, 3)], [[], [], []]);
      assert.equal(reported, total * count);
      await until(() => sink.said('gone').length === count, 'all streams at their end');
      for (const end of sink.said('gone')) {
        assert.deepEqual([end['bytes'], end['good'], end['events']], [total, true, ['end']]);
      }
      await source.succeeded();
      await sink.stopped();
    });
  }
});

test('a socket that is destroyed while its write waits for a stopped peer takes no other with it', async (t) => {
  const sink = new Proc(t, 'sink.mjs', { parameters: { listen: true } });
  const program = new Proc(t, 'quit.mjs', { parameters: { port: await sink.port() } });
  await program.hears('ready');
  await sink.hears('begun', ({ name }) => name === 'leaver');
  await delay(100);
  sink.signal('SIGSTOP');
  program.say('begin');
  await delay(100);
  program.say('destroy');
  await delay(100);
  sink.signal('SIGCONT');
  await sink.hears('gone', ({ name }) => name === 'leaver');
  await delay(200);
  program.say('finish');
  const { bytes, good, events } = await sink.hears('gone', ({ name }) => name === 'bystander');
  assert.deepEqual([bytes, good, events], [1000, true, ['end']]);
  await program.succeeded();
  assert.deepEqual(program.errors(), []);
  await sink.stopped();
});

describe('a listener that does not answer', () => {
  // The product's own patience, 50 ms, is what this is about.
  const env = { SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '50' };

  /** A listener, a client, and perhaps a link between them already. */
  const pair = async (t: TestContext, linked: boolean): Promise<{ server: Proc; client: Proc }> => {
    const server = new Proc(t, 'echo.mjs');
    const client = new Proc(t, 'dialer.mjs', { parameters: { port: await server.port() }, env });
    await client.hears('ready');
    if (linked) {
      // A second chance: on a busy machine even an idle listener may take longer than 50 ms.
      for (let i = 0; i < 20 && client.notices('link').length === 0; i++) {
        client.say(`dial linking-${i} 1`);
        await client.hears('dialed', ({ name }) => name === `linking-${i}`);
      }
    }
    return { server, client };
  };

  const routeOfLast = (client: Proc): string => {
    const route = client.notices('route').at(-1);
    return `${String(route?.['carrier'])} ${String(route?.['reason'])}`;
  };

  for (const linked of [false, true]) {
    const state = linked ? 'with a link' : 'without a link';
    for (const stopped of [false, true]) {
      test(`${stopped ? 'stopped' : 'busy'}, ${state}: TCP, and exactly one connection`, async (t) => {
        const { server, client } = await pair(t, linked);
        const before = client.said('dialed').length;
        const enough = join(scratch, `enough-${linked}`);
        if (stopped) server.signal('SIGSTOP');
        else {
          server.say(`busy ${enough}`);
          await server.hears('busy');
        }
        const busy = (): number => client.notices('route').filter(({ reason }) => reason === 'listener-busy').length;
        const already = busy();
        const names = ['one', 'two', 'three'];
        for (const name of names) client.say(`dial ${name} 100000`);
        await until(() => busy() >= already + 3, 'TCP');
        if (stopped) server.signal('SIGCONT');
        else writeFileSync(enough, '');
        for (const name of names) {
          const { ok, events } = await client.hears('dialed', (message) => message['name'] === name);
          assert.deepEqual([ok, events], [true, ['connect', 'end']]);
        }
        const late = client.notices('route').slice(-3);
        assert.deepEqual(
          late.map(({ carrier, reason }) => `${String(carrier)} ${String(reason)}`),
          Array<string>(3).fill('tcp listener-busy'),
        );
        // And it is not remembered for longer than it lasts.
        for (let i = 0; routeOfLast(client) !== 'san null'; i++) {
          client.say(`dial again-${i} 1`);
          await client.hears('dialed', ({ name }) => name === `again-${i}`);
        }
        const dialed = client.said('dialed').length;
        client.say('quit');
        await client.succeeded();
        const { stdout } = await server.stopped();
        assert.match(
          stdout,
          new RegExp(`^accepted {"accepted":${dialed}}$`, 'm'),
          'the program saw each connection once',
        );
        assert.ok(dialed > before + 3);
      });
    }
  }
});
