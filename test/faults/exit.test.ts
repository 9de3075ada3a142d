// A process that writes and ends (D7): nothing is lost that TCP would have kept, up to 4 MiB a connection, whether its
// reader reads, waits, is slow or is stopped. The same programs do it on TCP first.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Proc } from './support/process.js';

const KEPT = 4 * 1024 * 1024;
const ROUTES = ['tcp', 'san'] as const;
let names = 0;

interface Gone {
  readonly name: string;
  readonly bytes: number;
  readonly good: boolean;
  readonly events: readonly string[];
}

describe('what is written and not yet sent when the process ends', () => {
  const sinks = new Map<string, { sink: Proc; port: number }>();
  const ends: (() => void)[] = [];
  before(async () => {
    for (const route of ROUTES) {
      const context = { after: (end: () => void) => ends.push(end) };
      const sink = new Proc(context, 'sink.mjs', { switched: route === 'san', parameters: { listen: true } });
      sinks.set(route, { sink, port: await sink.port() });
    }
  });
  after(() => {
    for (const end of ends) end();
  });

  interface Leaving {
    readonly reader: 'read' | 'pause' | 'slow' | 'stopped';
    readonly chunk: number;
    readonly after: number;
    readonly how: string;
    readonly count?: number;
  }

  const leave = async (
    t: { after: (end: () => void) => void },
    route: string,
    { reader, count = 1, ...rest }: Leaving,
  ): Promise<Gone[]> => {
    const { sink, port } = sinks.get(route)!;
    const name = `${route}-${++names}`;
    const mode = reader === 'stopped' ? 'read' : reader;
    const parameters = { port, name, mode, now: true, wait: true, count, ...rest };
    const source = new Proc(t, 'source.mjs', { switched: route === 'san', parameters });
    const all = Array.from({ length: count }, (_, i) => (count === 1 ? name : `${name}-${i}`));
    for (const one of all) await sink.hears('begun', (message) => message['name'] === one);
    if (reader === 'stopped') sink.signal('SIGSTOP');
    source.say('go');
    const { code } = await source.finished();
    assert.equal(code, rest.how === 'throw' ? 1 : 0);
    if (reader === 'stopped') {
      await delay(50);
      sink.signal('SIGCONT');
    }
    for (const one of all) {
      if (reader === 'pause') sink.say(`resume ${one}`);
    }
    const found: Gone[] = [];
    for (const one of all) {
      found.push((await sink.hears('gone', (message) => message['name'] === one)) as unknown as Gone);
    }
    if (route === 'san') {
      assert.ok(source.notices('route').every(({ carrier }) => carrier === 'san'));
      assert.deepEqual(sink.errors(), []);
    }
    return found;
  };

  const compare = async (t: { after: (end: () => void) => void }, leaving: Leaving): Promise<void> => {
    const tcp = await leave(t, 'tcp', leaving);
    const san = await leave(t, 'san', leaving);
    for (const [i, { bytes, good, events }] of san.entries()) {
      assert.ok(good, 'what comes is what was written, without a gap');
      assert.deepEqual(events, ['end']);
      const kept = Math.min(tcp[i].bytes, KEPT, leaving.after);
      assert.ok(bytes >= kept, `TCP kept ${tcp[i].bytes} bytes, the SAN ${bytes}`);
    }
  };

  for (const reader of ['read', 'pause', 'slow', 'stopped'] as const) {
    for (const chunk of [16, 1000, 65_536, 3_000_000]) {
      // Small ones run into the limit on messages under way, large ones into that on bytes.
      const bytes = chunk === 16 ? 1_200_000 : chunk === 3_000_000 ? chunk : KEPT - 1000;
      test(`writes of ${chunk} bytes, process.exit(), the reader: ${reader}`, (t) =>
        compare(t, { reader, chunk, after: bytes, how: 'exit' }));
    }
  }
  for (const how of ['throw', 'return'] as const) {
    test(`an end by ${how}, the reader is slow`, (t) =>
      compare(t, { reader: 'slow', chunk: 65_536, after: KEPT - 1000, how }));
  }
  test('twelve connections at once, the reader is stopped', (t) =>
    compare(t, { reader: 'stopped', chunk: 50_000, after: 2_000_000, how: 'exit', count: 12 }));
  test('one byte on each of two hundred connections', (t) =>
    compare(t, { reader: 'stopped', chunk: 1, after: 1, how: 'exit', count: 200 }));

  test('more than the budget of a link: what comes has no gap, whatever is lost', async (t) => {
    const { sink, port } = sinks.get('san')!;
    const name = `budget-${++names}`;
    const count = 5;
    // One message of 60 000 bytes, 45 of 64 KiB, and one of 100, which always fits.
    const each = 60_000 + 45 * 65_536 + 100;
    const parameters = { port, name, now: true, wait: true, count, chunk: 60_000, after: each, how: 'exit' };
    const env = { SOCKETS_DIRECT_EXIT_FLUSH_BYTES: '4MiB' };
    const source = new Proc(t, 'source.mjs', { parameters, env });
    for (let i = 0; i < count; i++) await sink.hears('begun', (message) => message['name'] === `${name}-${i}`);
    sink.signal('SIGSTOP');
    source.say('go');
    await source.finished();
    sink.signal('SIGCONT');
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const end = await sink.hears('gone', (message) => message['name'] === `${name}-${i}`);
      assert.equal(end['good'], true);
      bytes += end['bytes'] as number;
    }
    assert.ok(bytes > KEPT && bytes < count * each, `${bytes} bytes came`);
  });

  test('no code of the program runs after its exit', async (t) => {
    const { port } = sinks.get('san')!;
    const program = new Proc(t, 'silent.mjs', { parameters: { port } });
    const { code, stderr } = await program.finished();
    assert.deepEqual([code, stderr], [0, '']);
  });
});
