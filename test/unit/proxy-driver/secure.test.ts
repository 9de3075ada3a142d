import { strict as assert } from 'node:assert';
import { execFileSync, spawnSync } from 'node:child_process';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { SecuredMemory } from '../../../src/proxy-driver/index.js';
import { until } from '../../support/until.js';
import { HOME, loadMapper } from './mapper.js';
import { addonForTests, mapped } from './rings.js';

const addon = addonForTests();
const PAGE = addon.pageBytes;
const ESTALE = -116;
const EINVAL = -22;

const secured = new SecuredMemory(addon);
const refused = secured.open() === 0 ? false : (secured.reason ?? 'refused');
const mapper = loadMapper();
const skip = refused === false ? (typeof mapper === 'string' ? mapper : false) : refused;
after(() => secured.close());

function allocated(bytes: number): Uint8Array<ArrayBuffer> {
  const fd = addon.allocate(bytes);
  const memory = mapped(addon, fd, bytes);
  addon.close(fd);
  return new Uint8Array(memory);
}

function range(memory: Uint8Array): { slot: number; generation: number } {
  const answer = secured.secure(memory);
  assert.ok(typeof answer !== 'number', `secured: ${JSON.stringify(answer)}`);
  return answer;
}

test('a range is secured until its mapping changes, and the change is told (PD-13 … PD-15)', { skip }, async () => {
  const memory = allocated(4 * PAGE);
  const address = addon.addressOf(memory);
  const told: [number, number][] = [];
  const end = secured.watch((...notice) => told.push(notice));
  const [first, second] = [range(memory.subarray(0, PAGE)), range(memory.subarray(2 * PAGE))];
  assert.equal(secured.ranges, 2);
  assert.equal(secured.check(first, true), 0);
  memory.fill(1);
  assert.equal(secured.check(first, true), 0);
  assert.equal(addon.release(memory.buffer), 0);
  assert.deepEqual([secured.check(first, true), secured.check(second, true)], [ESTALE, ESTALE]);
  assert.equal(told.length, 0, 'nobody waited for JavaScript');
  await until(() => told.length > 0, 'a notice');
  assert.deepEqual(told, [[address, 4 * PAGE]]);
  assert.deepEqual([secured.unsecure(first), secured.unsecure(first), secured.unsecure(second)], [0, EINVAL, 0]);
  end();
});

test('memory that was mapped anew at the same address is not the memory that was secured (D8)', { skip }, () => {
  assert.ok(typeof mapper !== 'string');
  assert.equal(mapper.map(HOME, PAGE), 0);
  const view = new Uint8Array(mapper.view(HOME, PAGE));
  const before = range(view);
  mapper.unmap(HOME, PAGE);
  assert.equal(mapper.map(HOME, PAGE), 0);
  assert.equal(secured.check(before, true), ESTALE);
  const later = range(view);
  assert.equal(secured.check(later, true), 0);
  assert.deepEqual([secured.unsecure(before), secured.unsecure(later)], [0, 0]);
  mapper.unmap(HOME, PAGE);
});

test('a change made by another thread counts at once (PD-18, D8)', { skip }, async () => {
  assert.ok(typeof mapper !== 'string');
  const places = mapper.start(HOME, PAGE);
  const views = Array.from({ length: places }, (_, i) => new Uint8Array(mapper.view(HOME + i * 2 * PAGE, PAGE)));
  let kept = 0;
  let changed = 0;
  await until(
    () => {
      for (const view of views) {
        const answer = secured.secure(view);
        if (typeof answer === 'number') continue;
        const same = secured.check(answer, true) === 0;
        if (same) kept++;
        else changed++;
        assert.equal(secured.unsecure(answer), 0);
      }
      return kept > 5 && changed > 0;
    },
    'both outcomes',
    60_000,
  );
  mapper.stop();
});

test('what cannot be secured is an error (PD-17)', { skip }, () => {
  assert.ok(typeof mapper !== 'string');
  assert.equal(secured.secure(new Uint8Array(0)), EINVAL);
  const nowhere = secured.secure(new Uint8Array(mapper.view(HOME, PAGE)));
  assert.ok(typeof nowhere === 'number' && nowhere < 0, 'nothing is mapped there');
  assert.equal(secured.check({ slot: 99999, generation: 1 }, false), EINVAL);
  assert.equal(secured.check({ slot: -1, generation: 1 }, false), EINVAL);
  assert.equal(secured.unsecure({ slot: -1, generation: 1 }), EINVAL);
  assert.throws(() => addon.secure(new ArrayBuffer(8) as never, new Uint32Array(1)), TypeError);
  assert.throws(() => addon.secureCheck(1, 'x' as never, true), TypeError);
});

test('a worker that ends takes back what it secured, and nothing of others (D8)', { skip }, async () => {
  const memory = allocated(2 * PAGE);
  const mine = range(memory);
  const worker = new Worker(fileURLToPath(new URL('./securing-worker.js', import.meta.url)));
  const count = await new Promise<unknown>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  assert.equal(count, 3, 'ours and two of the worker');
  await worker.terminate();
  assert.equal(secured.ranges, 1);
  assert.equal(secured.check(mine, true), 0);
  assert.equal(secured.unsecure(mine), 0);
  assert.equal(addon.release(memory.buffer), 0);
});

test('children are started, memory is released and the process ends while ranges are secured', { skip }, () => {
  const memory = allocated(64 * PAGE);
  const mine = range(memory);
  assert.equal(execFileSync('echo', ['child']).toString(), 'child\n');
  assert.equal(secured.check(mine, true), 0);
  assert.equal(secured.unsecure(mine), 0);
  const fixture = fileURLToPath(new URL('./securing.js', import.meta.url));
  const { status, signal, stdout } = spawnSync(process.execPath, [fixture], { encoding: 'utf8', timeout: 60_000 });
  assert.deepEqual([status, signal, stdout], [0, null, 'secured\n'], 'the helper thread keeps no process alive');
});

test('a pin keeps the pages, whatever becomes of the address (SP-15)', () => {
  const memory = allocated(2 * PAGE);
  memory.set([1, 2, 3], PAGE + 5);
  const pinned = addon.pin(memory.subarray(PAGE + 5, PAGE + 8));
  assert.ok(typeof pinned !== 'number');
  assert.equal(pinned.byteLength, PAGE);
  memory[PAGE + 6] = 9;
  assert.equal(addon.release(memory.buffer), 0);
  assert.deepEqual([...new Uint8Array(pinned, 5, 3)], [1, 9, 3]);
  assert.equal(addon.release(pinned), 0);
  assert.equal(addon.pin(new Uint8Array(100)), EINVAL, 'private memory');
});

test('a bad address is an error, not a crash (PD-16, CACHE-9)', () => {
  const EFAULT = -14;
  const memory = allocated(PAGE);
  memory.set([4, 5, 6]);
  const address = addon.addressOf(memory);
  const into = new Uint8Array(3);
  assert.equal(addon.guardedRead(address, into), 0);
  assert.deepEqual([...into], [4, 5, 6]);
  assert.equal(addon.guardedWrite(address + 1, Uint8Array.of(8)), 0);
  assert.deepEqual([...memory.subarray(0, 3)], [4, 8, 6]);
  assert.equal(addon.guardedRead(8, into), EFAULT);
  assert.equal(addon.guardedWrite(8, into), EFAULT);
  assert.equal(addon.guardedRead(Number.MAX_SAFE_INTEGER, into), EFAULT);
  assert.equal(addon.release(memory.buffer), 0);
});
