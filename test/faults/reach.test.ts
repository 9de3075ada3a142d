// One-sided transfers between processes: that they happen without the other's help, that the system may refuse them and
// then everything else goes on, and what becomes of them when the other process dies.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  MEM_READ,
  MEM_WRITE,
  WSA_IO_PENDING,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAEOPNOTSUPP,
} from '../../src/spi/index.js';
import { until } from '../support/until.js';
import { patternOf, sumOf } from './support/pattern.js';
import { Proc, type StartOptions } from './support/process.js';
import { tool } from './support/tool.js';

interface Reach {
  readonly read: boolean;
  readonly write: boolean;
  readonly refusal: string;
}

/** A process of support/reach-peer.ts. */
class Peer {
  readonly proc: Proc;

  constructor(t: TestContext, options: StartOptions = {}) {
    const program = fileURLToPath(new URL('./support/reach-peer.js', import.meta.url));
    this.proc = new Proc(t, program, { switched: false, probe: false, ...options });
  }

  tell(word: string, order: object = {}): void {
    this.proc.say(`${word} ${JSON.stringify(order)}`);
  }

  /** Its next answer of a kind, once something is done. */
  async next(answer: string, first: () => void): Promise<Record<string, unknown>> {
    const before = this.proc.said(answer).length;
    first();
    await until(() => this.proc.said(answer).length > before || this.proc.ended, `"${answer}"`, 20_000);
    return this.proc.said(answer)[before] ?? assert.fail(`never said "${answer}": ${this.proc.stderr}`);
  }

  ask(word: string, answer: string, order: object = {}): Promise<Record<string, unknown>> {
    return this.next(answer, () => this.tell(word, order));
  }
}

interface Pair {
  readonly listener: Peer;
  readonly connector: Peer;
  /** What each can do to the other's memory. */
  readonly ofListener: Reach;
  readonly ofConnector: Reach;
}

async function pair(t: TestContext, listening: StartOptions = {}, connecting: StartOptions = {}): Promise<Pair> {
  const listener = new Peer(t, listening);
  const connector = new Peer(t, connecting);
  await Promise.all([listener.proc.hears('ready'), connector.proc.hears('ready')]);
  const { port } = await listener.ask('listen', 'listening');
  const { code, reach } = await connector.ask('connect', 'connected', { port });
  assert.equal(code, 0);
  const { reach: ofListener } = await listener.proc.hears('accepted');
  return { listener, connector, ofListener: ofListener as Reach, ofConnector: reach as Reach };
}

const MiB = 1024 * 1024;
const ALL: Reach = { read: true, write: true, refusal: '' };

/** Messages both ways, and a write to exposed memory, however it goes. */
async function goesOn({ listener, connector }: Pair): Promise<void> {
  for (const [from, to] of [
    [listener, connector],
    [connector, listener],
  ]) {
    const { text } = await to.next('message', () => from.tell('send', { text: 'still here' }));
    assert.equal(text, 'still here');
    const { descriptor } = await to.ask('expose', 'exposed', { bytes: MiB, seed: 1, flags: MEM_WRITE });
    const { error } = await from.ask('write', 'written', { descriptor, bytes: MiB, seed: 2 });
    assert.equal(error, 0);
    // By copy it is there before what is sent behind it.
    await to.next('message', () => from.tell('send', { text: 'written' }));
    assert.equal((await to.ask('sum', 'sum'))['sum'], sumOf(patternOf(MiB, 2)));
    assert.equal((await to.ask('withdraw', 'withdrawn', { descriptor }))['code'], 0);
  }
}

describe('between two processes', () => {
  test('each reads and writes the other’s memory, with the other’s loop at rest (XFER-7, XFER-11)', async (t) => {
    const peers = await pair(t);
    const { listener, connector } = peers;
    assert.deepEqual([peers.ofListener, peers.ofConnector], [ALL, ALL]);
    await goesOn(peers);
    const { descriptor } = await listener.ask('expose', 'exposed', { bytes: 16 * MiB, seed: 5, flags: MEM_READ });
    listener.proc.signal('SIGSTOP');
    const read = await connector.ask('read', 'read', { descriptor, bytes: 16 * MiB });
    assert.deepEqual(read, { code: WSA_IO_PENDING, error: 0, bytes: 16 * MiB, sum: sumOf(patternOf(16 * MiB, 5)) });
    listener.proc.signal('SIGCONT');
    assert.equal((await listener.ask('withdraw', 'withdrawn', { descriptor }))['code'], 0);
    const late = await connector.ask('read', 'read', { descriptor, bytes: 16 * MiB });
    assert.deepEqual([late['error'], late['bytes']], [WSAECONNABORTED, 0]);
  });

  test('a process that dies in the middle ends the transfer, and nothing else (MEM-9, MEM-18)', async (t) => {
    for (const kind of ['read', 'write'] as const) {
      // When exactly it dies is a matter of luck; in the middle at least once.
      let error: unknown = 0;
      for (let tries = 0; error === 0 && tries < 10; tries++) error = await dies(t, kind);
      assert.equal(error, WSAECONNRESET);
    }
  });
});

/** How a transfer ended whose other process is killed while it runs; 0: it was too late. */
async function dies(t: TestContext, kind: 'read' | 'write'): Promise<unknown> {
  const { listener, connector } = await pair(t);
  const bytes = 200 * MiB;
  const flags = kind === 'read' ? MEM_READ : MEM_WRITE;
  const { descriptor } = await listener.ask('expose', 'exposed', { bytes, seed: 3, flags });
  const { code, error } = await connector.next(kind === 'read' ? 'read' : 'written', () => {
    connector.tell(kind, { descriptor, bytes, seed: 4 });
    void connector.proc.hears('begun').then(() => listener.proc.signal('SIGKILL'));
  });
  assert.equal(code, WSA_IO_PENDING);
  await connector.proc.hears('disconnected');
  connector.proc.assertAlive();
  connector.tell('quit');
  await connector.proc.succeeded();
  return error;
}

const root = process.geteuid?.() === 0;
const asRoot = { skip: !root && 'needs root' };
const plain = (...wrap: string[]): StartOptions => ({ wrap: [tool(), 'without-ptrace', ...wrap] });
const namespaces = root && spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;

/** A pair of which the connector cannot reach the listener's memory. */
async function isRefused(peers: Pair, why: RegExp, other: Partial<Reach> = {}): Promise<void> {
  const { listener, connector, ofConnector, ofListener } = peers;
  assert.deepEqual([ofConnector.read, ofConnector.write], [false, false]);
  assert.match(ofConnector.refusal, why);
  for (const [key, value] of Object.entries(other)) assert.equal(ofListener[key as keyof Reach], value);
  const { descriptor } = await listener.ask('expose', 'exposed', { bytes: MiB, seed: 1, flags: MEM_READ });
  const { code } = await connector.ask('read', 'read', { descriptor, bytes: MiB });
  assert.equal(code, WSAEOPNOTSUPP);
  await goesOn(peers);
}

describe('where the system refuses it, data go through the ring, and the reason is there (D5, D7, D9, ERR-1)', () => {
  test('a filter that forbids the calls', async (t) => {
    const peers = await pair(t, {}, { wrap: [tool(), 'deny', 'vm-read', '1'] });
    await isRefused(peers, /EPERM/, ALL);
  });

  test('a system without the calls', async (t) => {
    const peers = await pair(t, {}, { wrap: [tool(), 'deny', 'vm-read', '38'] });
    await isRefused(peers, /ENOSYS/, ALL);
  });

  test('one that forbids writing only', async (t) => {
    const peers = await pair(t, {}, { wrap: [tool(), 'deny', 'vm-write', '1'] });
    assert.deepEqual(peers.ofConnector, { read: true, write: false, refusal: 'the system permits reading only' });
    await goesOn(peers);
  });

  test('a process that may not be traced', asRoot, async (t) => {
    const peers = await pair(t, { ...plain(), parameters: { undumpable: true } }, plain());
    await isRefused(peers, /EPERM/, { read: true, write: true });
  });

  test('another PID namespace', { skip: !namespaces && 'needs unshare --pid' }, async (t) => {
    const peers = await pair(t, {}, { wrap: ['unshare', '--pid', '--fork', '--kill-child'] });
    // Its number can be seen from here; but it could not stop us by a signal, so it must not do so by its memory either.
    await isRefused(peers, /ESRCH/, { read: false, write: false });
    assert.match(peers.ofListener.refusal, /EXDEV/);
  });

  test('a process that does not want it, by setting', async (t) => {
    const peers = await pair(t, { parameters: { rdma: 'off' } });
    assert.match(peers.ofListener.refusal, /this process/);
    assert.match(peers.ofConnector.refusal, /the other process/);
    await goesOn(peers);
  });
});
