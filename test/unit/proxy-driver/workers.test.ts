import { strict as assert } from 'node:assert';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Addon, loadAddon } from '../../../src/proxy-driver/index.js';
import { until } from '../../support/until.js';
import { addonForTests, freshName, MEMORY_BYTES, mapped, TestEnd } from './rings.js';

const addon = addonForTests();
const descriptors = (): number => readdirSync('/proc/self/fd').length;
const mappings = (): number => readFileSync('/proc/self/maps', 'latin1').split('memfd:sockets-direct').length - 1;

interface EchoOptions {
  name: string;
  spin: number;
}

function echo(options: EchoOptions): Worker {
  return new Worker(fileURLToPath(new URL('./echo-worker.js', import.meta.url)), { workerData: options });
}

/** Listens, and makes a link with the first who connects. */
function acceptOne(name: string, isolate: Int32Array): Promise<TestEnd> {
  return new Promise((resolve) => {
    const listener = addon.listen(name, 8, (fd) => {
      addon.unlisten(listener);
      const memoryFd = addon.allocate(MEMORY_BYTES);
      const end = new TestEnd(addon, fd, isolate);
      end.attach(1, mapped(addon, memoryFd));
      addon.linkSend(end.link, Buffer.from('memory'), memoryFd);
      addon.close(memoryFd);
      resolve(end);
    });
  });
}

test('two threads wake each other, however they sleep', async () => {
  const isolate = new Int32Array(addon.isolate());
  for (const [own, theirs] of [
    [0, 0],
    [0, 200],
    [200, 0],
    [200, 200],
  ] as const) {
    addon.setSpin(own);
    const name = freshName();
    const accepted = acceptOne(name, isolate);
    const worker = echo({ name, spin: theirs });
    const end = await accepted;
    const rounds = 3000;
    const done = new Promise<void>((resolve) => {
      end.onMessages = () => {
        if (end.received >= rounds) resolve();
        else end.send();
      };
    });
    end.send();
    const alive = setInterval(() => undefined, 1000);
    const lost = new Promise<never>((_, reject) => {
      setTimeout(
        () => reject(new Error(`a wake-up was lost at ${end.received}, spin ${own}/${theirs}`)),
        20_000,
      ).unref();
    });
    await Promise.race([done, lost]);
    clearInterval(alive);
    end.close();
    await worker.terminate();
  }
});

test('a worker that is terminated under traffic closes its links, and leaves nothing', async () => {
  addon.setSpin(200);
  const isolate = new Int32Array(addon.isolate());
  // Once before counting: threads and their event loops keep descriptors of their own.
  let [fds, maps] = [0, 0];
  for (let i = 0; i < 12; i++) {
    if (i === 2) [fds, maps] = [descriptors(), mappings()];
    const name = freshName();
    const accepted = acceptOne(name, isolate);
    const worker = echo({ name, spin: i % 2 === 0 ? 200 : 0 });
    const end = await accepted;
    end.onMessages = () => end.send();
    end.send(3);
    await until(() => end.received > 100, 'traffic');
    const terminated = worker.terminate();
    await until(() => end.closed !== null, 'the end');
    assert.equal(end.closed, 0);
    await terminated;
    end.close();
  }
  await until(() => descriptors() <= fds && mappings() <= maps, 'nothing left');
});

test('a worker that ends by itself closes its links', async () => {
  const isolate = new Int32Array(addon.isolate());
  const name = freshName();
  const accepted = acceptOne(name, isolate);
  const worker = echo({ name, spin: 50 });
  const end = await accepted;
  end.send();
  await until(() => end.received === 1, 'an answer');
  worker.postMessage('end');
  await until(() => end.closed === 0, 'the end');
  end.close();
});

test('two copies of the addon, and one loaded twice, live side by side', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sockets-direct-'));
  try {
    const built = /\S+\.node$/m.exec(readFileSync('/proc/self/maps', 'latin1'))?.[0] ?? '';
    const copy = join(folder, 'copy.node');
    copyFileSync(built, copy);
    const second = loadAddon(copy).addon;
    assert.ok(second);
    const again: { exports: unknown } = { exports: {} };
    (process as unknown as { dlopen(module: object, path: string): void }).dlopen(again, built);
    const third = again.exports as Addon;
    const all = [addon, second, third];
    assert.equal(new Set(all).size, 3);
    for (const one of all) {
      for (const other of all) {
        const name = freshName();
        let fd = -1;
        const listener = one.listen(name, 4, (accepted) => {
          fd = accepted;
        });
        const connected = other.connect(name);
        await until(() => fd >= 0, 'a connection');
        one.unlisten(listener);
        const memoryFd = one.allocate(MEMORY_BYTES);
        const a = new TestEnd(one, fd);
        const b = new TestEnd(other, connected);
        a.attach(0, mapped(one, memoryFd));
        b.attach(1, mapped(other, memoryFd));
        one.close(memoryFd);
        b.onMessages = (count) => b.send(count);
        a.send(4);
        await until(() => a.received === 4, 'the echo');
        a.close();
        b.close();
      }
    }
    assert.notEqual(second.loopStats().turns, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
