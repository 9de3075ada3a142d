// The owner's side of the access table against a peer that writes into it what it likes: what is held, for how long, and
// that nothing of ours is touched because of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ACCESS_SLOTS, RING_BYTES_MIN } from '../../../src/providers/shm/layout.js';
import {
  isComplete,
  MEM_READ,
  MEM_READWRITE,
  MEM_WRITE,
  WSA_IO_PENDING,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOBUFS,
} from '../../../src/spi/index.js';
import { until } from '../../support/until.js';
import { driver, MiniSwitch } from './support/mini-switch.js';
import { Rdma } from './support/rdma.js';
import { accessWords, busyIndex, memories } from './support/shared-memory.js';

const open: { close(): void }[] = [];
after(() => {
  for (const server of open) server.close();
  driver.unload();
});

/** A connection; `words` is the memory of its link, `end` the listener's. */
async function connected() {
  const sw = new MiniSwitch();
  const other = new MiniSwitch();
  const accepted: number[] = [];
  const { tcp, port } = await other.listen((s) => accepted.push(s));
  open.push(tcp);
  const before = memories.length;
  const { s, code } = await sw.connect(port);
  assert.equal(code, 0);
  const { words, end } = memories.slice(before).find((memory) => memory.end === 1)!;
  return { sw, other, s, peer: accepted[0], here: new Rdma(sw), there: new Rdma(other), words, end };
}

const slotOf = (descriptor: Buffer): number => descriptor.readUInt32LE(8);

describe('memory that the peer says it is writing into', () => {
  it('is not given back until it says otherwise, and it can begin nothing new (MEM-15, MEM-18)', async () => {
    const { s, peer, here, there, words, end } = await connected();
    const target = Buffer.alloc(100);
    const descriptor = there.exposed(peer, target, MEM_WRITE);
    words[busyIndex(end)] = slotOf(descriptor) + 1;
    assert.equal(there.withdraw(peer, descriptor), WSAEINVAL);
    const write = here.write(s, descriptor, 0, here.part(s, Buffer.alloc(100, 9)));
    assert.equal(write.code, WSA_IO_PENDING);
    await until(() => isComplete(write.overlapped), 'the write');
    assert.equal(write.overlapped.OffsetHigh, WSAECONNABORTED);
    assert.ok(target.every((byte) => byte === 0));
    words[busyIndex(end)] = 0;
    assert.equal(there.withdraw(peer, descriptor), 0);
    assert.equal(there.withdraw(peer, descriptor), WSAEINVAL, 'once');
  });

  it('keeps its slot when its socket is closed, and gives it back later; no other is kept by it', async () => {
    const { other, s, peer, there, words, end, sw } = await connected();
    const all = Array.from({ length: ACCESS_SLOTS }, () => there.exposed(peer, Buffer.alloc(8), MEM_WRITE));
    words[busyIndex(end)] = slotOf(all[7]) + 1;
    other.proc.lpWSPCloseSocket(peer, other.errno);
    sw.proc.lpWSPCloseSocket(s, sw.errno);
    const again = await reconnect(sw, other);
    for (let i = 1; i < ACCESS_SLOTS; i++) there.exposed(again.peer, Buffer.alloc(8), MEM_WRITE);
    assert.equal(there.expose(again.peer, Buffer.alloc(8), MEM_WRITE), WSAENOBUFS, 'that one is still held');
    words[busyIndex(end)] = 0;
    assert.equal(slotOf(there.exposed(again.peer, Buffer.alloc(8), MEM_WRITE)), slotOf(all[7]));
  });

  it('is held over the end of the link, and so is the link’s memory, until it is done (D5)', async () => {
    const { other, peer, there, words, end } = await connected();
    const descriptor = there.exposed(peer, Buffer.alloc(100), MEM_WRITE);
    words[busyIndex(end)] = slotOf(descriptor) + 1;
    other.proc.lpWSPCleanup(other.errno);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(words.length > 0, 'the memory is still there');
    assert.equal(words[busyIndex(end) - 32], 1, 'closed to whoever looks');
    words[busyIndex(end)] = 0;
    await until(() => words.length === 0, 'the end of the memory');
  });
});

async function reconnect(sw: MiniSwitch, other: MiniSwitch): Promise<{ s: number; peer: number }> {
  const accepted: number[] = [];
  const { tcp, port } = await other.listen((s) => accepted.push(s));
  open.push(tcp);
  const { s, code } = await sw.connect(port);
  assert.equal(code, 0);
  return { s, peer: accepted[0] };
}

describe('a peer that scribbles over the tables (D5)', () => {
  it('gets transfers wrong that are its own, and touches nothing that is not registered', async () => {
    const { s, peer, here, there, words } = await connected();
    const scribbled = accessWords();
    let seed = 88172645;
    const random = (below: number): number => {
      seed ^= seed << 13;
      seed ^= seed >>> 17;
      seed ^= seed << 5;
      return (seed >>> 0) % below;
    };
    const values = [0, 1, 2, 3, -1, 5, 1024, 1025, 0x7fffffff, -0x80000000];
    const scribble = (): void => {
      for (let i = 0; i < 200; i++) words[scribbled[random(scribbled.length)]] = values[random(values.length)];
      for (const end of [0, 1]) words[busyIndex(end) - random(2) * 32] = values[random(values.length)];
    };
    const fenceAround = Buffer.alloc(300_000, 0xee);
    const target = fenceAround.subarray(100_000, 200_000);
    const source = Buffer.alloc(100_000, 0x11);
    const ends = new Set<number>();
    for (let round = 0; round < 300; round++) {
      const descriptor = there.expose(peer, target, MEM_READWRITE);
      // Slots that the peer says it is writing through are not used again: that is its own loss.
      if (descriptor === WSAENOBUFS) break;
      assert.ok(typeof descriptor === 'object');
      if (round % 3 !== 0) scribble();
      const part = here.part(s, round % 2 === 0 ? source : Buffer.alloc(100_000));
      const started = here[round % 2 === 0 ? 'write' : 'read'](s, descriptor, 0, part);
      assert.equal(started.code, WSA_IO_PENDING);
      await until(() => isComplete(started.overlapped), 'the transfer');
      ends.add(started.overlapped.OffsetHigh);
      if (round % 3 !== 0) scribble();
      assert.ok([0, WSAEINVAL].includes(there.withdraw(peer, descriptor)));
      assert.equal(here.deregister(s, part.handle), 0);
      for (const end of [0, 1]) words[busyIndex(end)] = words[busyIndex(end) - 32] = 0;
      there.withdraw(peer, descriptor);
    }
    for (const end of ends) assert.ok([0, WSAECONNABORTED, WSAECONNRESET, WSAEFAULT].includes(end), String(end));
    assert.ok(ends.has(0) && ends.size > 1, 'some went through, some did not');
    assert.ok(
      [...fenceAround.subarray(0, 100_000), ...fenceAround.subarray(200_000)].every((byte) => byte === 0xee),
      'nothing beside the target',
    );
    assert.ok(
      source.every((byte) => byte === 0x11),
      'nothing of what was only read',
    );
  });

  it('has no say in what of ours is read: stale and foreign slots of its table do not move our ranges', async () => {
    const { s, peer, here, there } = await connected();
    const descriptor = there.exposed(peer, Buffer.alloc(1000, 5), MEM_READ);
    const around = Buffer.alloc(3000, 0xaa);
    const part = here.part(s, around.subarray(1000, 2000), MEM_WRITE);
    for (const [at, value] of [
      [16, 8n],
      [24, 2n ** 40n],
      [24, 0n],
    ] as const) {
      const forged = Buffer.from(descriptor);
      forged.writeBigUInt64LE(value, at);
      const read = here.read(s, forged, 0, part);
      if (read.code === WSA_IO_PENDING) await until(() => isComplete(read.overlapped), 'the read');
    }
    assert.ok(around.subarray(0, 1000).every((byte) => byte === 0xaa));
    assert.ok(around.subarray(2000).every((byte) => byte === 0xaa));
  });
});

describe('the memory of a link', () => {
  it('is locked as far as half of what the process may lock allows, and says so (SP-15)', async () => {
    const text = /Max locked memory\s+(\w+)/.exec(readFileSync('/proc/self/limits', 'utf8'))![1];
    const limit = text === 'unlimited' ? Infinity : Number(text);
    for (const ringBytes of [RING_BYTES_MIN, 4 * 1024 * 1024]) {
      const sw = new MiniSwitch({ ringBytes });
      const { tcp, port } = await sw.listen(() => undefined);
      open.push(tcp);
      await sw.connect(port);
      const locked = sw.events.filter(({ type }) => type === 'link-open').map((event) => event.locked);
      assert.equal(locked.length, 2, 'both ends');
      // Whatever the other tests of this file hold is little beside the large ones.
      if (2 * ringBytes > limit / 2) assert.deepEqual(locked, [false, false]);
      else if (limit === Infinity) assert.deepEqual(locked, [true, true]);
      const status = readFileSync('/proc/self/status', 'utf8');
      const total = Number(/VmLck:\s+(\d+)/.exec(status)![1]) * 1024;
      assert.ok(total <= limit / 2, `${total} bytes are locked`);
      if (limit >= 1 << 23) assert.ok(total > 0, 'and some are');
    }
  });
});

describe('a worker whose memory is being written', () => {
  it('does not end before the writer is done (MEM-18, D5)', async () => {
    const sw = new MiniSwitch();
    const worker = new Worker(fileURLToPath(new URL('./support/exposing-worker.js', import.meta.url)));
    const [port] = await new Promise<number[]>((resolve) => worker.once('message', resolve));
    const before = memories.length;
    const { s, code } = await sw.connect(port);
    assert.equal(code, 0);
    sw.record(s);
    // Ours is the connector's end; the worker's memory is end 1's.
    const { words } = memories.slice(before)[0];
    const [slot] = await new Promise<number[]>((resolve) => {
      worker.once('message', resolve);
      worker.postMessage('expose');
    });
    words[busyIndex(1)] = slot + 1;
    let done = false;
    const ended = worker.terminate().then(() => assert.ok(done, 'it ended while its memory was being written'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    done = true;
    words[busyIndex(1)] = 0;
    await ended;
  });
});
