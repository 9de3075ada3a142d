import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Socket, connect, createServer } from 'node:net';
import { type TestContext, describe, test } from 'node:test';
import { findQueryNames, query } from '../../../src/observe/index.js';
import type { QueryResult } from '../../../src/observe/index.js';
import { makeQueryName } from '../../../src/observe/query-name.js';
import { IsolateProcess } from './child.js';

/** In ms; only what hangs takes as long. */
const PATIENCE = 60_000;

function start(context: TestContext, parameters: Readonly<Record<string, unknown>>, execArgv: readonly string[] = []) {
  const child = new IsolateProcess(parameters, execArgv);
  context.after(() => child.kill());
  return child;
}

function snapshotOf(result: QueryResult) {
  assert.equal(result.kind, 'snapshot', JSON.stringify(result));
  assert.ok(result.kind === 'snapshot');
  return result.snapshot;
}

function namesOf(pid: number) {
  return findQueryNames(readFileSync('/proc/net/unix', 'utf8')).filter((name) => name.pid === pid);
}

async function untilAnswered(path: string): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while ((await query(path, PATIENCE)).kind !== 'snapshot') {
    assert.ok(Date.now() < deadline, 'there is never room for another one');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Connects and hands over the socket once it is connected. */
function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path }, () => {
      // What happens to it later is for the test to look at.
      socket.off('error', reject).on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

describe('a query socket', () => {
  test('answers with the snapshot, again and again', async (context) => {
    const child = start(context, { hold: true });
    const [path] = await child.paths();
    for (let round = 0; round < 20; round++) {
      const snapshot = snapshotOf(await query(path, PATIENCE));
      assert.equal(snapshot.pid, child.pid);
      assert.equal(snapshot.connections.length, 2);
      assert.equal(snapshot.listeners.length, 1);
    }
  });

  test('is found in /proc/net/unix while its process lives, and not afterwards', async (context) => {
    const child = start(context, { hold: true });
    const [path] = await child.paths();
    assert.deepEqual(
      namesOf(child.pid).map((name) => name.path),
      [path],
    );
    child.signal('SIGKILL');
    await child.code();
    assert.deepEqual(namesOf(child.pid), []);
    assert.deepEqual(await query(path, PATIENCE), { kind: 'gone' });
  });

  test('leaves out what would make an answer too large, and says how much', async (context) => {
    const child = start(context, { hold: true, connections: 20_003 });
    const [path] = await child.paths();
    const { connections, omitted } = snapshotOf(await query(path, PATIENCE));
    assert.deepEqual([connections.length, omitted], [20_000, 3]);
  });

  test('sends an answer larger than a socket buffer whole', async (context) => {
    const child = start(context, { hold: true, connections: 10_000 });
    const [path] = await child.paths();
    assert.equal(snapshotOf(await query(path, PATIENCE)).connections.length, 10_000);
  });

  test('takes garbage, silence and hang-ups, and goes on answering', async (context) => {
    const child = start(context, { hold: true });
    const [path] = await child.paths();
    for (const garbage of ['GET / HTTP/1.1\r\n\r\n', Buffer.alloc(100), Buffer.alloc(1_000_000, 0xff)]) {
      const socket = await dial(path);
      socket.end(garbage);
      await new Promise((resolve) => socket.resume().once('close', resolve));
    }
    const hangUps = await Promise.all([dial(path), dial(path)]);
    for (const socket of hangUps) socket.destroy();
    snapshotOf(await query(path, PATIENCE));
    assert.equal(child.stderr, '');
  });

  // Too large for the kernel's buffer: each silent one holds its answer's memory.
  const large = { hold: true, connections: 20_000 };
  const silentOnes = (path: string) => Promise.all(Array.from({ length: 8 }, () => dial(path)));

  test('refuses more than a few at once', async (context) => {
    const child = start(context, { ...large, patience: 10 * PATIENCE });
    const [path] = await child.paths();
    const silent = await silentOnes(path);
    assert.deepEqual(await query(path, PATIENCE), { kind: 'no-answer', why: 'refused' });
    for (const socket of silent) socket.destroy();
    await untilAnswered(path);
  });

  test('drops those who do not read', async (context) => {
    const child = start(context, { ...large, patience: 100 });
    const [path] = await child.paths();
    const silent = await silentOnes(path);
    await untilAnswered(path);
    const ended = silent.map((socket) => new Promise((resolve) => socket.once('close', resolve).resume()));
    await Promise.all(ended);
  });

  test('says nothing where the snapshot fails, and the program lives', async (context) => {
    const child = start(context, { hold: true, broken: true });
    const [path] = await child.paths();
    assert.deepEqual(await query(path, PATIENCE), { kind: 'no-answer', why: 'refused' });
    assert.deepEqual(await query(path, PATIENCE), { kind: 'no-answer', why: 'refused' });
    assert.equal(child.stderr, '');
  });
});

describe('who may ask', () => {
  const cases: readonly (readonly [string, unknown, boolean])[] = [
    ['the same user', 'own', true],
    ['root', 0, true],
    ['another user', 54321, false],
    ['somebody whose credentials cannot be told', -1, false],
    ['somebody whose credentials could not be read', 'throw', false],
  ];
  for (const [who, peerUid, answered] of cases) {
    test(`${who} is ${answered ? 'answered' : 'not answered'}`, async (context) => {
      const child = start(context, { hold: true, peerUid });
      const [path] = await child.paths();
      const result = await query(path, PATIENCE);
      if (answered) assert.equal(snapshotOf(result).connections.length, 2);
      else assert.deepEqual(result, { kind: 'no-answer', why: 'refused' });
      assert.equal(child.stderr, '');
    });
  }

  test('without a way to check credentials nobody learns about connections', async (context) => {
    const child = start(context, { hold: true, peerUid: null });
    const [path] = await child.paths();
    const { connections, listeners, status } = snapshotOf(await query(path, PATIENCE));
    assert.deepEqual([connections, listeners, status], [[], [], 'ok']);
  });
});

describe('the program does not notice', () => {
  test('it ends by itself, with nothing active at beforeExit', async (context) => {
    const child = start(context, {});
    assert.equal(await child.code(), 0);
    const end = child.lines().find((line) => line['beforeExit'] === true);
    // The pipe that this line is written to is the only one.
    assert.deepEqual(
      (end?.['resources'] as string[]).filter((name) => /Server|Timeout/.test(name)),
      [],
    );
    assert.equal(child.stderr, '');
  });

  test('no channel, no AsyncLocalStorage', async (context) => {
    const child = start(context, { hold: true, watch: true });
    const [path] = await child.paths();
    snapshotOf(await query(path, PATIENCE));
    assert.deepEqual(
      child.lines().filter((line) => 'asked' in line || 'noticed' in line),
      [{ asked: true, store: null }],
    );
  });

  test('it ends while somebody still reads', async (context) => {
    const child = start(context, { connections: 20_000 });
    const connected = child.paths().then(([path]) => dial(path));
    // Either order is fine: it had ended already, or it ends with the reader connected.
    const socket = await connected.catch(() => null);
    assert.equal(await child.code(), 0);
    socket?.destroy();
  });

  test('workers have their own, which goes with them', async (context) => {
    const child = start(context, { hold: true, worker: true });
    const paths = await child.paths(2);
    const threads = namesOf(child.pid).map(({ thread }) => thread);
    assert.deepEqual([...threads].sort(), [0, 1]);
    for (const path of paths) assert.equal(snapshotOf(await query(path, PATIENCE)).pid, child.pid);

    const ending = start(context, { worker: true });
    assert.equal(await ending.code(), 0);
    assert.deepEqual(namesOf(ending.pid), []);
  });

  test('a cluster worker has its own, and the primary is not asked to listen', async (context) => {
    const child = start(context, { hold: true, cluster: true });
    const paths = await child.paths(2);
    for (const path of paths) snapshotOf(await query(path, PATIENCE));
    assert.deepEqual(
      child.lines().filter((line) => 'primaryListens' in line),
      [],
    );
    const pids = child.lines().flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
    assert.equal(new Set(pids).size, 2);
  });

  test('node:cluster is not loaded', () => {
    const url = new URL('../../../src/observe/index.js', import.meta.url).href;
    const script = `
      import { startQueryServer } from ${JSON.stringify(url)};
      startQueryServer({ snapshot: () => null, peerUid: null });
      console.log(process.moduleLoadList.includes('NativeModule cluster'));`;
    const options = { env: { ...process.env, NODE_OPTIONS: '' }, encoding: 'utf8' } as const;
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
    assert.deepEqual([result.stdout, result.stderr], ['false\n', '']);
  });

  test('where sockets are not permitted there is none, without a word', async (context) => {
    const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
    const child = start(context, {}, [flag, '--allow-fs-read=*', '--no-warnings']);
    assert.equal(await child.code(), 0);
    assert.equal(child.stderr, '');
    // Permission covers sockets only in later versions of Node; before, the server simply works.
    assert.ok('path' in child.lines()[0]);
  });
});

describe('asking', () => {
  async function serve(context: TestContext, onSocket: (socket: Socket) => void): Promise<string> {
    const { path } = makeQueryName(0, 1, 0);
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      onSocket(socket);
    });
    await new Promise<void>((resolve) => server.listen({ path, exclusive: true }, resolve));
    context.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return path;
  }

  test('gives up on one that stays silent', async (context) => {
    const path = await serve(context, () => undefined);
    assert.deepEqual(await query(path, 300), { kind: 'no-answer', why: 'timeout' });
  });

  const answers: readonly (readonly [string, string | Buffer])[] = [
    ['garbage', Buffer.alloc(5000, 0xfe)],
    ['half a document', '{"format":1,"pid":'],
    ['another document', '{"format":99}'],
    ['deep nesting', '['.repeat(100_000)],
  ];
  for (const [what, answer] of answers) {
    test(`understands no ${what}, and says so`, async (context) => {
      const path = await serve(context, (socket) => socket.end(answer));
      assert.deepEqual(await query(path, PATIENCE), { kind: 'no-answer', why: 'unreadable' });
    });
  }

  test('stops reading one that never stops', async (context) => {
    const block = Buffer.alloc(1 << 20, 0x20);
    const path = await serve(context, (socket) => {
      const more = (): void => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on('drain', more);
      more();
    });
    assert.deepEqual(await query(path, 20_000), { kind: 'no-answer', why: 'unreadable' });
  });
});
