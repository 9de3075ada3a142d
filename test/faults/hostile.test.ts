// The hostile peer of DESIGN D5, as real processes: whatever it does to the control connection, the memory and the
// descriptors that it shares, it loses its link and nothing more happens. The victim lives, does not hang and does not
// grow; an honest client beside it gets all its bytes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../support/until.js';
import { assertReturned, type Holdings, Proc } from './support/process.js';
import { tool } from './support/tool.js';

/** What the victim says was wrong, where it is not a control packet or record that "makes no sense" in other words. */
const ERRORS: Readonly<Record<string, RegExp | null>> = {
  garbage: /without its magic number/,
  'a byte that is no doorbell': /without its magic number/,
  'a packet too large': /control connection error -71/,
  'a packet of no bytes': null,
  'fifty descriptors': /control connection error -71/,
  'another version': /link protocol version 3, this side speaks 2/,
  'no memory': /memory cannot be mapped safely \(error 9\)/,
  'memory without seals': /memory cannot be mapped safely \(error 1\)/,
  'memory too small': /memory cannot be mapped safely \(error 22\)/,
  'a ring of no bytes': /ring of 0 bytes, allowed are powers of two/,
  'a ring too small': /ring of 262144 bytes, allowed are powers of two from 524288/,
  'another magic': /word 0 is 1, expected 827081811/,
  'another layout': /word 1 is 3, expected 2/,
  'a proof where nothing is': null,
  'a proof in the kernel': null,
  'a proof of other bytes': null,
  'a proof beyond any address': /a proof at an address that no program has/,
  'a second HELLO': /a control packet of type 1 out of turn/,
  'a SPILL of 2 GiB': /a spill that cannot be mapped safely/,
  'a tail beyond the ring': /a record that makes no sense/,
  'an unknown kind': /a record of unknown kind 99/,
  'a message for nobody': /a message for connection 2, which is not open/,
  'data before the CONFIRM': /a session message that makes no sense/,
  'a descriptor of noise': null,
  'a descriptor of no bytes': null,
  'a descriptor of another connection': null,
  'a descriptor without the right': null,
  'a descriptor of another slot': null,
  'a descriptor of no slot': null,
  'a descriptor that is over': null,
  'memory where nothing is': null,
  'memory of the kernel': null,
  'memory that is shorter': null,
  'memory at the end of all addresses': null,
  'memory that is taken back at once': null,
  'memory of 4 PiB': null,
  'noise in the access tables': null,
  'a target that is never written': null,
  'a target that is written while its connection ends': null,
  'a target written beyond its end': /an RDMA write beyond the registered range/,
  'a target written for another connection': /an RDMA write for connection 2, which is not open/,
  'a descriptor that is longer than its message': /longer than its message|makes no sense/,
  'more transfers than may be': /more than 16 transfers|makes no sense/,
  'descriptors with doorbells': null,
  'two hundred connections and no word': null,
  'memory left unused': null,
  'a head that is ahead': /the head of its ring is not where it can be/,
  'a head that is negative': /the head of its ring is not where it can be/,
  'a head that goes back': /the head of its ring is not where it can be/,
  'connects for nobody, and no answer is read': /it takes nothing and asks for ever more/,
};

interface Report {
  readonly rounds: number;
  readonly connections: number;
  readonly wrong: number;
}

describe('a hostile peer that connects', () => {
  const ends: (() => void)[] = [];
  const scope = { after: (end: () => void) => ends.push(end) };
  let victim: Proc;
  let honest: Proc;
  let hostile: Proc;
  let quiet: Holdings;
  let memory = 0;
  let names: Record<string, string[]>;

  before(async () => {
    // With little room for new objects, and collected before it is measured: what grows then has grown.
    victim = new Proc(scope, 'echo.mjs', { execArgv: ['--expose-gc', '--max-semi-space-size=1'] });
    const port = await victim.port();
    honest = new Proc(scope, 'honest.mjs', { parameters: { port } });
    hostile = new Proc(scope, 'hostile.mjs', {
      switched: false,
      probe: false,
      parameters: { port, tool: tool(), scribble: 1500 },
    });
    names = (await hostile.hears('ready')) as typeof names;
    await until(() => victim.notices('link').length > 0, 'the honest link');
    await progress();
    quiet = victim.holdings();
    memory = victim.memory();
  });
  after(() => {
    for (const end of ends) end();
  });

  const reportOf = async (process: Proc): Promise<Record<string, unknown>> => {
    const count = process.said('report').length;
    process.say('report');
    await until(() => process.said('report').length > count, `${process.name} answers`);
    return process.said('report').at(-1)!;
  };

  /** The honest client gets on, and nothing was wrong with what it got. */
  const progress = async (): Promise<void> => {
    const { rounds } = (await reportOf(honest)) as unknown as Report;
    const deadline = Date.now() + 60_000;
    for (;;) {
      const now = (await reportOf(honest)) as unknown as Report;
      assert.equal(now.wrong, 0, JSON.stringify(honest.said('trouble')));
      if (now.rounds > rounds + 20) return;
      assert.ok(Date.now() < deadline, 'the honest client does not get on');
    }
  };

  /** What the victim says was wrong. `wanted`: it must say that, perhaps after more that it has to say of the one before. */
  const play = async (name: string, wanted: RegExp | null): Promise<string[]> => {
    victim.assertAlive();
    const before = victim.errors().length;
    const links = victim.notices('link').length;
    hostile.say(`play ${name}`);
    const { error } = await hostile.hears('played', (message) => message['name'] === name, 30_000);
    victim.assertAlive();
    assert.equal(error, null);
    // What was opened is closed again; the honest link stays.
    const open = (): number =>
      victim.notices('link').reduce((sum, { event }) => sum + (event === 'open' ? 1 : event === 'close' ? -1 : 0), 0);
    await until(() => open() <= 1 || victim.notices('link').length === links, 'the link is closed');
    const errors = (): string[] => victim.errors().slice(before);
    if (wanted !== null) {
      await until(
        () => wanted.test(errors().join('\n')),
        () => `the victim says ${String(wanted)}; it said: ${errors().join('; ')}`,
      );
    }
    return errors();
  };

  const check = async (name: string): Promise<void> => {
    const wanted = ERRORS[name];
    const errors = await play(name, wanted === undefined ? /./ : wanted);
    if (wanted === null) assert.deepEqual(errors, []);
    const { longest } = await reportOf(victim);
    assert.ok((longest as number) < 1500, `the victim was busy for ${String(longest)} ms in one turn`);
  };

  const family = (title: string, key: string): void => {
    test(title, async (t) => {
      for (const name of names[key]) await t.test(name, () => check(name));
      await progress();
      await assertReturned(victim, quiet);
    });
  };
  family('on the control connection and with its memory', 'setup');
  family('in the ring', 'records');
  family('in large transfers, of forged, stale and foreign descriptors (MEM-7, MEM-8, MEM-9)', 'transfers');

  test('too much of it', async (t) => {
    for (const name of names['floods']) {
      await t.test(name, async () => {
        const wanted = ERRORS[name] ?? (/^data beyond|^scribbling/.test(name) ? /./ : null);
        let peak = 0;
        const sampling = setInterval(() => (peak = Math.max(peak, victim.memory())), 5);
        await play(name, wanted).finally(() => clearInterval(sampling));
        const { longest } = await reportOf(victim);
        assert.ok((longest as number) < 1500, `the victim was busy for ${String(longest)} ms in one turn`);
        await progress();
        const grown = peak - memory;
        assert.ok(grown < 64, `the victim has grown by ${grown} MiB`);
      });
    }
    await assertReturned(victim, quiet);
  });

  test('and in the end everybody is well', async () => {
    const routes = honest.notices('route');
    assert.ok(routes.every(({ carrier, reason }) => carrier === 'san' || reason === 'listener-busy'));
    honest.signal('SIGTERM');
    await honest.succeeded();
    await victim.stopped();
  });
});
