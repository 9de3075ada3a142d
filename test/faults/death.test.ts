// A peer that dies, at any moment and in any way: the survivor gets every byte whose write callback had fired, never a
// gap, then the end of the stream or ECONNRESET within a second, and keeps no descriptor and no mapping.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assertReturned, type Holdings, Proc, scratch, SOON } from './support/process.js';

let names = 0;

/** Bytes that a source's write callbacks had reported. */
function reported(progress: string): number {
  if (!existsSync(progress)) return 0;
  const bytes = readFileSync(progress);
  return bytes.length < 8 ? 0 : Number(bytes.readBigUInt64LE(0));
}

interface Victim {
  readonly name: string;
  readonly progress: string;
}

const newVictim = (): Victim => {
  const name = `victim-${++names}`;
  return { name, progress: join(scratch, name) };
};

/** What the survivor says of a connection that is gone. */
interface Gone {
  readonly bytes: number;
  readonly good: boolean;
  readonly events: readonly string[];
  readonly at: number;
}

async function gone(sink: Proc, name: string): Promise<Gone> {
  return (await sink.hears('gone', (message) => message['name'] === name, SOON + 5000)) as unknown as Gone;
}

/** `died`: when it was killed, or null if the reader was told to read only later. */
function assertWhole(end: Gone, confirmed: number, died: number): void {
  assert.ok(end.good, 'no gap, nothing foreign');
  const how = end.events.join(', ');
  assert.ok(end.bytes >= confirmed, `${end.bytes} bytes came, ${confirmed} were reported as written; then ${how}`);
  assert.match(how, /^(end|ECONNRESET|EPIPE|end, EPIPE|end, ECONNRESET)$/, 'one ending');
  assert.ok(end.at - died < SOON, `noticed after ${end.at - died} ms; the product's limit is 1000`);
}

function assertOnSan(process: Proc): void {
  const routes = process.notices('route');
  assert.ok(routes.length > 0 && routes.every(({ carrier }) => carrier === 'san'), JSON.stringify(routes.at(-1)));
}

/** A survivor that listens, and what it holds when nobody is connected. */
async function listening(t: TestContext): Promise<{ sink: Proc; port: number; before: Holdings }> {
  const sink = new Proc(t, 'sink.mjs', { parameters: { listen: true } });
  const port = await sink.port();
  // The first connection opens what stays open.
  const first = new Proc(t, 'source.mjs', { parameters: { port, name: 'first', total: 1000 } });
  await first.succeeded();
  await gone(sink, 'first');
  await sinkIsAlone(sink);
  return { sink, port, before: sink.holdings() };
}

/** The last link is gone. */
async function sinkIsAlone(sink: Proc): Promise<void> {
  const deadline = Date.now() + SOON;
  while (sink.mappings() > 0 && Date.now() < deadline) await delay(5);
}

const CHUNKS = [64, 65_536, 1_048_576];

describe('the peer is killed', () => {
  for (const mode of ['read', 'pause', 'flood', 'half']) {
    test(`while it writes, and the survivor is in mode ${mode}`, async (t) => {
      const { sink, port, before } = await listening(t);
      for (const [round, chunk] of [...CHUNKS, 64].entries()) {
        const { name, progress } = newVictim();
        const source = new Proc(t, 'source.mjs', { parameters: { port, name, progress, mode, chunk } });
        await sink.hears('begun', (message) => message['name'] === name);
        await delay(round * 11);
        source.kill();
        await source.finished();
        let died = Date.now();
        const confirmed = reported(progress);
        if (mode === 'pause') {
          await delay(50);
          died = Date.now();
          sink.say(`resume ${name}`);
        }
        assertWhole(await gone(sink, name), confirmed, died);
        assertOnSan(source);
      }
      await assertReturned(sink, before);
      await sink.stopped();
    });
  }

  test('while it connects, again and again', async (t) => {
    const { sink, port, before } = await listening(t);
    for (let round = 0; round < 6; round++) {
      const { name, progress } = newVictim();
      const source = new Proc(t, 'source.mjs', { parameters: { port, name, progress, chunk: 64 }, probe: false });
      await delay(40 + round * 12);
      source.kill();
      await source.finished();
    }
    await assertReturned(sink, before);
    // Whoever was seen was seen whole.
    for (const end of sink.said('gone') as unknown as Gone[]) assert.ok(end.good);
    await sink.stopped();
  });

  test('where the survivor is the one that connected', async (t) => {
    for (const chunk of CHUNKS) {
      const { name, progress } = newVictim();
      const source = new Proc(t, 'source.mjs', { parameters: { listen: true, name, progress, chunk } });
      const sink = new Proc(t, 'sink.mjs', { parameters: { port: await source.port() } });
      await sink.hears('begun');
      await delay(30);
      source.kill();
      await source.finished();
      assertWhole(await gone(sink, name), reported(progress), Date.now());
      assertOnSan(sink);
      assert.equal(sink.mappings(), 0, 'the link’s memory is gone');
      await sink.stopped();
    }
  });
});

describe('the peer ends', () => {
  const CASES = [
    ['process.exit()', { how: 'exit' }, 0],
    ['process.exit() with everything pending', { how: 'exit', now: true }, 0],
    ['an uncaught exception', { how: 'throw' }, 1],
    ['an uncaught exception with everything pending', { how: 'throw', now: true }, 1],
    ['nothing more to do', { how: 'return', now: true }, 0],
  ] as const;
  for (const [title, how, code] of CASES) {
    test(`by ${title}`, async (t) => {
      const { sink, port, before } = await listening(t);
      for (const [mode, chunk] of [
        ['read', 64],
        ['pause', 65_536],
        ['flood', 65_536],
      ] as const) {
        // A program that waits for the other's end would wait for a reader that waits for its end.
        if (mode === 'pause' && how.how === 'return') continue;
        const { name, progress } = newVictim();
        const after = 3 * 1024 * 1024;
        const parameters = { port, name, progress, mode, chunk, after, ...how };
        const source = new Proc(t, 'source.mjs', { parameters });
        assert.equal((await source.finished()).code, code);
        let died = Date.now();
        if (mode === 'pause') {
          await sink.hears('begun', (message) => message['name'] === name);
          died = Date.now();
          sink.say(`resume ${name}`);
        }
        const end = await gone(sink, name);
        // It did not read what the survivor flooded it with: then TCP too resets, and drops what is under way.
        assertWhole(end, mode === 'flood' ? reported(progress) : after, died);
        assertOnSan(source);
      }
      await assertReturned(sink, before);
      await sink.stopped();
    });
  }

  test('by SIGTERM', async (t) => {
    const { sink, port, before } = await listening(t);
    for (const chunk of CHUNKS) {
      const { name, progress } = newVictim();
      const source = new Proc(t, 'source.mjs', { parameters: { port, name, progress, chunk } });
      await sink.hears('begun', (message) => message['name'] === name);
      await delay(20);
      source.signal('SIGTERM');
      assert.equal((await source.finished()).signal, 'SIGTERM');
      assertWhole(await gone(sink, name), reported(progress), Date.now());
    }
    await assertReturned(sink, before);
    await sink.stopped();
  });

  test('by worker.terminate(), and its process lives on', async (t) => {
    const { sink, port, before } = await listening(t);
    const threads = new Proc(t, 'threads.mjs', { parameters: { port } });
    await threads.hears('ready');
    let holdings: Holdings | null = null;
    for (const mode of ['read', 'pause', 'flood']) {
      for (const chunk of CHUNKS) {
        const { name, progress } = newVictim();
        threads.say(`start ${name} ${mode} ${chunk} ${progress}`);
        await sink.hears('begun', (message) => message['name'] === name);
        await delay(20);
        const confirmed = reported(progress);
        const terminated = threads.said('terminated').length;
        threads.say('terminate');
        let died = Date.now();
        if (mode === 'pause') {
          await delay(50);
          died = Date.now();
          sink.say(`resume ${name}`);
        }
        assertWhole(await gone(sink, name), confirmed, died);
        await threads.hears('terminated', () => threads.said('terminated').length > terminated);
        if (holdings === null) {
          await delay(100);
          holdings = threads.holdings();
          assert.equal(holdings.mappings, 0);
        } else {
          await assertReturned(threads, { ...holdings, descriptors: [...holdings.descriptors] });
        }
      }
    }
    await assertReturned(sink, before);
    await threads.stopped();
    await sink.stopped();
  });
});

describe('the peer is killed while a connection is set up', () => {
  test('as the one that connects', async (t) => {
    const { sink, port, before } = await listening(t);
    let visible = 1;
    for (const until of ['control', 'hello', 'welcome', 'half a record', 'accept', 'close', 'confirm', 'data']) {
      await t.test(`after: ${until}`, async () => {
        const peer = new Proc(t, 'moments.mjs', { switched: false, probe: false, parameters: { port, until } });
        await peer.hears('reached');
        await delay(20);
        peer.kill();
        await peer.finished();
        const died = Date.now();
        await assertReturned(sink, before);
        // Only at its CONFIRM does the program see a connection.
        if (until !== 'confirm' && until !== 'data') return;
        visible++;
        await sink.hears('gone', () => sink.said('gone').length >= visible);
        const end = sink.said('gone').at(-1) as unknown as Gone;
        assertWhole(end, until === 'data' ? 3 : 0, died);
      });
    }
    assert.deepEqual(sink.errors(), []);
    const { stdout } = await sink.stopped();
    assert.match(stdout, new RegExp(`^accepted {"accepted":${visible}}$`, 'm'));
  });

  for (const until of ['control', 'hello', 'welcome', 'connect', 'accept']) {
    test(`as the one that listens, after: ${until}`, async (t) => {
      const peer = new Proc(t, 'moments.mjs', { switched: false, probe: false, parameters: { until } });
      const client = new Proc(t, 'dialer.mjs', { parameters: { port: await peer.port() } });
      await client.hears('ready');
      client.say('dial one 1000');
      await peer.hears('reached');
      await delay(20);
      peer.kill();
      const { events } = await client.hears('dialed', undefined, SOON + 2000);
      // Until it is established it goes on by TCP, which says that nobody is there any more; or the kernel was not yet
      // done with closing what the dead process had, and took it for a moment.
      const how = (events as string[]).join(', ');
      assert.match(how, until === 'accept' ? /^connect, ECONNRESET$/ : /^(connect, )?ECONN(REFUSED|RESET)$/);
      assert.equal(client.mappings(), 0);
      client.say('quit');
      await client.succeeded();
    });
  }
});
