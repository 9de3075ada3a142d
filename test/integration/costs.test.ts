// What a message and a connection cost, in things that can be counted and do not depend on the clock or the machine: copies,
// objects, allocated bytes, doorbells, system calls. The ceilings are a little above what they are; whoever goes beyond
// one has made every message dearer. Times are the bench's.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { nodeBinary, plainOnly, Program, registerFile, root, type Switching } from '../support/program.js';

const skip = plainOnly;
const COUNTING = join(root, 'test', 'programs', 'costs', 'counting.cjs');
/** So much room for new objects that no collection falls into the measurement. */
const execArgv = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128', '-r', COUNTING];

interface Costs {
  /** Bytes copied, async resources made, bytes allocated on V8's heap and in array buffers, all per message. */
  readonly copied: number;
  readonly resources: number;
  readonly heap: number;
  readonly external: number;
  readonly collections: number;
}

async function streamed(switching: Switching, parameters: Readonly<Record<string, unknown>>): Promise<Costs> {
  const program = new Program('costs/stream.mjs', { switching, parameters, execArgv });
  try {
    const { log, routes } = await program.succeeded(60_000);
    if (switching !== 'off') assert.ok(routes.length > 0 && routes.every(({ carrier }) => carrier === 'san'));
    return log.facts as unknown as Costs;
  } finally {
    program.kill();
  }
}

describe('a message costs', { skip }, () => {
  test('one copy in and one copy out, and no other', async () => {
    for (const [size, messages] of [
      [1024, 5000],
      [65_536, 200],
    ]) {
      const { copied } = await streamed('require', { size, messages, burst: 8 });
      assert.equal(copied, 2 * size, `${size} B`);
    }
  });

  test('no asynchronous resource: no request object that anybody could hear of', async () => {
    const { resources } = await streamed('require', { size: 64, messages: 5000, resources: true });
    assert.ok(resources < 0.2, `${resources} a message`); // a few for the turns of the event loop
  });

  test('no object of ours: the heap grows as with plain net', async (t) => {
    const parameters = { size: 64, messages: 20_000 };
    const plain = await streamed('off', parameters);
    const switched = await streamed('require', parameters);
    t.diagnostic(`bytes a message: ${plain.heap} plain, ${switched.heap} switched`);
    if (plain.collections + switched.collections > 0) {
      t.skip('the collector was quicker than its room allows');
      return;
    }
    assert.ok(switched.heap < plain.heap * 1.25 + 32, `${switched.heap} B a message, plain ${plain.heap} B`);
    assert.ok(switched.external <= 64 * 1.1, `${switched.external} B of buffers for 64 B`);
  });
});

test('a burst costs one doorbell, however many messages it has and however long the peer sleeps (D6)', {
  skip,
}, async (t) => {
  const start = (file: string, parameters: Readonly<Record<string, unknown>> = {}): Program => {
    const program = new Program(file, { switching: 'require', parameters });
    t.after(() => program.kill());
    return program;
  };
  const server = start('costs/sink.mjs');
  const { port } = await server.ready();
  const client = start('costs/doorbells.mjs', { port, bursts: 5, messages: 200 });
  await client.ready();
  server.signal('SIGSTOP');
  client.signal('SIGUSR2');
  const { bells } = await client.says('rung');
  server.signal('SIGCONT');
  assert.ok(Number(bells) <= 1, `${String(bells)} doorbells`);
  await client.succeeded();
  await server.stopped();
});

/** What the kernel is asked for by V8's memory management and its threads, at times of their own. */
const NOT_OURS =
  /^(futex|madvise|mprotect|mmap|munmap|brk|sched_yield|restart_syscall|pkey_.*|rseq|clone3?|getrusage)$/;

/** System calls of the program's main thread by name, or null where nobody may be traced. */
function systemCalls(t: TestContext, file: string, parameters: Readonly<Record<string, unknown>>): Map<string, number> {
  const folder = mkdtempSync(join(tmpdir(), 'sockets-direct-costs-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const out = join(folder, 'calls');
  const program = join(root, 'test', 'programs', 'costs', file);
  execFileSync('strace', ['-c', '-o', out, nodeBinary, '-r', registerFile, program, JSON.stringify(parameters)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 60_000,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '10000',
      // Whether an end polls or sleeps, and has to be rung for, is a matter of time: here it always sleeps.
      SOCKETS_DIRECT_SPIN_LIMIT_MICROSECONDS: '0',
    },
  });
  const calls = new Map<string, number>();
  for (const line of readFileSync(out, 'utf8').split('\n')) {
    const words = line.trim().split(/\s+/);
    const [name, count] = [words.at(-1) ?? '', Number(words[3])];
    if (words.length < 5 || !Number.isInteger(count) || name === 'total' || NOT_OURS.test(name)) continue;
    // Other companions of a listener are looked for once in a second, however many connections are made in it: nobody is there.
    const inVain = name === 'connect' && words.length === 6 ? Number(words[4]) : 0;
    calls.set(name, count - inVain);
  }
  return calls;
}

/** Calls that `more` made and `less` did not, per unit. */
function difference(more: Map<string, number>, less: Map<string, number>, units: number): Map<string, number> {
  const names = [...new Set([...more.keys(), ...less.keys()])];
  return new Map(
    names
      .map((name): [string, number] => [name, ((more.get(name) ?? 0) - (less.get(name) ?? 0)) / units])
      .filter(([, each]) => Math.abs(each) >= 0.005),
  );
}

const untraceable = spawnSync('strace', ['-c', '-o', '/dev/null', 'true']).status !== 0;
const without = untraceable ? 'strace is not installed, or nobody may be traced here' : skip;

describe('system calls', { skip: without }, () => {
  const total = (calls: Map<string, number>): number => [...calls.values()].reduce((sum, each) => sum + each, 0);
  const told = (calls: Map<string, number>): string =>
    [...calls].map(([name, each]) => `${name} ${each.toFixed(2)}`).join(', ');

  test('of a message: none but the turns of the event loop', (t) => {
    const calls = (messages: number): Map<string, number> => systemCalls(t, 'stream.mjs', { size: 64, messages });
    const each = difference(calls(9000), calls(1000), 5 * 8000);
    t.diagnostic(`a message: ${told(each)}`);
    assert.ok(total(each) < 0.1, told(each));
  });

  test('of a connection: the port, the lookup, and the turns of the event loop (D4, D12)', (t) => {
    const each = difference(
      systemCalls(t, 'connections.mjs', { connections: 300 }),
      systemCalls(t, 'connections.mjs', { connections: 100 }),
      200,
    );
    t.diagnostic(`a connection: ${told(each)}`);
    const { epoll_pwait: turns = 0, ...others } = Object.fromEntries(each);
    const sum = Object.values(others).reduce((all, count) => all + count, 0);
    assert.ok(sum <= 12, told(each));
    assert.ok(turns <= 8, told(each));
  });
});
