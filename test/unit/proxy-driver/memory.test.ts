import { strict as assert } from 'node:assert';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { until } from '../../support/until.js';
import { addonForTests, controlPair, linkPair, MEMORY_BYTES, mapped, RING_BYTES } from './rings.js';

const addon = addonForTests();
const EBADF = -9;
const EINVAL = -22;

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const mappings = (): number => readFileSync('/proc/self/maps', 'latin1').split('memfd:sockets-direct').length - 1;

function allocated(bytes: number): ArrayBuffer {
  const fd = addon.allocate(bytes);
  assert.ok(fd >= 0);
  const memory = mapped(addon, fd, bytes);
  assert.equal(addon.close(fd), 0);
  return memory;
}

test('memory is shared between its mappings, and gone after release', () => {
  const fd = addon.allocate(8192);
  const [a, b] = [mapped(addon, fd, 8192), mapped(addon, fd, 8192)];
  assert.equal(a.byteLength, 8192);
  new Uint8Array(a)[8191] = 42;
  assert.equal(new Uint8Array(b)[8191], 42);
  const before = mappings();
  assert.equal(addon.release(a), 0);
  assert.equal(a.byteLength, 0);
  assert.equal(addon.release(a), EINVAL);
  assert.equal(mappings(), before - 1);
  assert.equal(new Uint8Array(b)[8191], 42);
  assert.equal(addon.release(b), 0);
  assert.equal(addon.close(fd), 0);
  assert.equal(addon.close(fd), EBADF);
});

test('what cannot be mapped safely is refused (D5)', () => {
  const fd = addon.allocate(8192);
  assert.equal(addon.map(fd, 4096), EINVAL);
  assert.equal(addon.map(fd, 16384), EINVAL);
  assert.equal(addon.map(fd, 0), EINVAL);
  assert.equal(addon.close(fd), 0);
  assert.equal(addon.map(fd, 8192), EBADF);
  assert.equal(addon.map(-1, 8192), EBADF);
  const file = openSync('/proc/self/exe', 'r');
  assert.equal(addon.map(file, 8192), EINVAL);
  closeSync(file);
  assert.equal(addon.allocate(0), EINVAL);
  assert.ok(addon.allocate(Number.MAX_SAFE_INTEGER) < 0);
});

test('programmer errors throw', () => {
  assert.throws(() => addon.allocate('8192' as never), TypeError);
  assert.throws(() => addon.allocate(-1), TypeError);
  assert.throws(() => addon.allocate(1.5), TypeError);
  assert.throws(() => (addon.map as (fd: number) => unknown)(1), TypeError);
  assert.throws(() => addon.release(new Uint8Array(8) as never), TypeError);
  assert.equal(addon.release(new ArrayBuffer(8)), EINVAL);
  assert.equal(addon.release(addon.isolate()), EINVAL);
});

test('memory that is never released is unmapped once its buffer is garbage', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const before = mappings();
  for (let i = 0; i < 50; i++) allocated(65536);
  assert.ok(mappings() > before);
  await until(() => {
    gc();
    return mappings() <= before;
  }, 'unmapped');
});

test('releasing a thousand times leaves nothing', () => {
  const fds = descriptors();
  const before = mappings();
  for (let i = 0; i < 1000; i++) assert.equal(addon.release(allocated(65536)), 0);
  assert.equal(mappings(), before);
  assert.equal(descriptors(), fds);
});

test('memory released under an attached link stays mapped until the link is closed', async () => {
  const [a, b] = await linkPair(addon);
  const before = mappings();
  assert.ok(a.memory);
  assert.equal(addon.release(a.memory), 0);
  assert.equal(mappings(), before);
  a.consuming = false; // the native side still looks at the ring, TypeScript no longer can
  b.send(3);
  await until(() => a.drains > 0, 'a look at the ring');
  assert.equal(addon.linkClose(a.link), 0);
  assert.equal(mappings(), before - 1);
  b.close();
});

test('attaching is checked', async () => {
  const [fd, other] = await controlPair(addon);
  const link = addon.linkOpen(
    fd,
    {},
    () => undefined,
    () => undefined,
  );
  const memory = allocated(MEMORY_BYTES);
  const attach = (bytes: number, to = memory, role = 0, id = link) =>
    addon.linkAttach(id, to, role as 0, bytes, () => undefined);
  assert.throws(() => attach(RING_BYTES * 2), TypeError);
  assert.throws(() => attach(RING_BYTES - 16), TypeError);
  assert.throws(() => attach(RING_BYTES, new ArrayBuffer(MEMORY_BYTES)), TypeError);
  assert.throws(() => attach(RING_BYTES, memory, 2), TypeError);
  assert.throws(() => attach(RING_BYTES, memory, 0, 999999), TypeError);
  assert.equal(attach(RING_BYTES).byteLength, 64);
  assert.throws(() => attach(RING_BYTES), TypeError);
  assert.equal(addon.linkClose(link), 0);
  assert.equal(addon.linkClose(link), EBADF);
  assert.equal(addon.release(memory), 0);
  assert.equal(addon.close(other), 0);
});
