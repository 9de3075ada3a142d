import { strict as assert } from 'node:assert';
import { AsyncLocalStorage, createHook, executionAsyncId } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../../support/until.js';
import { addonForTests, controlPair, freshName, linkPair } from './rings.js';

const addon = addonForTests();
const EBADF = -9;
const EMSGSIZE = -90;
const EADDRINUSE = -98;
const ECONNREFUSED = -111;

const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('a listener is announced for as long as it lives', () => {
  const prefix = `${freshName()}/`;
  const listeners = [0, 1].map(() => addon.listen(freshName(), 1, () => undefined));
  assert.equal(addon.announced(prefix, 4711, 2), 0);
  for (const listener of listeners) assert.equal(addon.announce(listener, prefix, 4711), 0);
  const [first = 0, second = 0] = listeners;
  assert.ok(addon.announce(first, prefix, 4711) < 0, 'once is enough');
  addon.unlisten(first);
  assert.equal(addon.announced(prefix, 4711, 2), 1, 'the other one is still there');
  assert.equal(addon.announced(prefix, 471, 2), 0);
  assert.equal(addon.announced(prefix, 47110, 2), 0);
  const before = descriptors();
  assert.equal(addon.announced(prefix, 4711, 2), 1);
  assert.equal(descriptors(), before, 'asking again opens nothing');
  addon.unlisten(second);
  assert.equal(addon.announced(prefix, 4711, 2), 0);
  assert.equal(addon.announce(second, prefix, 4711), EBADF);
});

test('a listener names who connects (SO_PEERCRED)', async () => {
  const name = freshName();
  const seen: number[][] = [];
  const listener = addon.listen(name, 8, (fd, uid, gid, pid) => seen.push([fd, uid, gid, pid]));
  assert.ok(listener > 0);
  assert.equal(
    addon.listen(name, 8, () => undefined),
    EADDRINUSE,
  );
  const fds = [addon.connect(name), addon.connect(name), addon.connect(name)];
  await until(() => seen.length === 3, 'three connections');
  for (const [fd, uid, gid, pid] of seen) {
    assert.deepEqual([uid, gid, pid], [process.getuid?.(), process.getgid?.(), process.pid]);
    const out = new Int32Array(3);
    assert.equal(addon.credentials(fd, out), 0);
    assert.deepEqual([...out], [uid, gid, pid]);
    assert.equal(addon.close(fd), 0);
  }
  for (const fd of fds) assert.equal(addon.close(fd), 0);
  assert.equal(addon.unlisten(listener), 0);
  assert.equal(addon.unlisten(listener), EBADF);
  assert.equal(addon.connect(name), ECONNREFUSED);
});

test('a listener may be closed by its own callback', async () => {
  const name = freshName();
  let calls = 0;
  const listener = addon.listen(name, 8, (fd) => {
    calls++;
    addon.close(fd);
    assert.equal(addon.unlisten(listener), 0);
  });
  const fds = [addon.connect(name), addon.connect(name)];
  await until(() => calls > 0, 'a connection');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(calls, 1);
  for (const fd of fds) addon.close(fd);
});

test('names that are too long or of the wrong type throw', () => {
  assert.throws(() => addon.connect('x'.repeat(108)), RangeError);
  assert.throws(() => addon.connect(7 as never), TypeError);
  assert.throws(() => addon.listen('x', 1, 7 as never), TypeError);
  assert.ok(addon.connect('') < 0);
});

test('packets carry bytes and at most one descriptor', async () => {
  const [fd, other] = await controlPair(addon);
  const packets: [string, number][] = [];
  const receiver = addon.linkOpen(
    fd,
    {},
    (bytes, passed) => packets.push([Buffer.from(bytes).toString(), passed]),
    () => undefined,
  );
  const sender = addon.linkOpen(
    other,
    {},
    () => undefined,
    () => undefined,
  );
  const memory = addon.allocate(4096);
  assert.equal(addon.linkSend(sender, Buffer.from('one'), -1), 3);
  assert.equal(addon.linkSend(sender, Buffer.from('two'), memory), 3);
  addon.linkBell(sender); // stays in C
  assert.equal(addon.linkSend(sender, Buffer.from('x'), -1), 1); // one byte, but not the doorbell
  assert.equal(addon.linkSend(sender, new Uint8Array(512).fill(97), -1), 512);
  assert.equal(addon.linkSend(sender, new Uint8Array(513), -1), EMSGSIZE);
  assert.equal(addon.linkSend(sender, new Uint8Array(0), -1), EMSGSIZE);
  await until(() => packets.length === 4, 'four packets');
  assert.deepEqual(
    packets.map(([text]) => text.slice(0, 4)),
    ['one', 'two', 'x', 'aaaa'],
  );
  assert.deepEqual(
    packets.map(([, passed]) => passed >= 0),
    [false, true, false, false],
  );
  const received = addon.map(packets[1]?.[1] ?? -1, 4096);
  assert.ok(received instanceof ArrayBuffer);
  addon.release(received);
  addon.close(packets[1]?.[1] ?? -1);
  addon.close(memory);
  addon.linkClose(sender);
  addon.linkClose(receiver);
  assert.equal(addon.linkSend(sender, Buffer.from('one'), -1), EBADF);
});

test('a flood of doorbells and packets does not keep the loop from other work', async () => {
  const [a, b] = await linkPair(addon);
  let turns = 0;
  const interval = setInterval(() => turns++, 1);
  const garbage = new Uint8Array(100).fill(0xee);
  for (let round = 0; round < 100_000 && (turns <= 10 || b.packets.length <= 100); round++) {
    for (let i = 0; i < 200; i++) {
      addon.linkBell(a.link);
      addon.linkSend(a.link, garbage, -1);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  clearInterval(interval);
  assert.ok(turns > 10, `${turns} timer callbacks`);
  assert.ok(b.packets.length > 100);
  assert.ok(b.packets.every(({ bytes }) => bytes.length === 100 && bytes[0] === 0xee));
  assert.equal(b.closed, null);
  a.close();
  b.close();
});

test('callbacks run in no async context, whoever opened the link: async hooks see nothing of them', async () => {
  const storage = new AsyncLocalStorage<string>();
  const [fd, other] = await controlPair(addon);
  const seen: (string | undefined)[] = [];
  const hooked: string[] = [];
  const hook = createHook({
    init: (id, type, _trigger, resource) => {
      if (type.startsWith('SOCKETSDIRECT') || resource === self) hooked.push(`init ${id} ${type}`);
    },
  });
  const self = {};
  hook.enable();
  const receiver = storage.run('context', () =>
    addon.linkOpen(
      fd,
      self,
      function (this: unknown) {
        assert.equal(this, self);
        assert.equal(executionAsyncId(), 0);
        seen.push(storage.getStore());
        void Promise.resolve().then(() => seen.push(storage.getStore()));
      },
      () => seen.push(storage.getStore()),
    ),
  );
  const sender = addon.linkOpen(
    other,
    {},
    () => undefined,
    () => undefined,
  );
  addon.linkSend(sender, Buffer.from('hello'), -1);
  await until(() => seen.length === 2, 'the packet');
  addon.linkClose(sender);
  await until(() => seen.length === 3, 'the end');
  hook.disable();
  assert.deepEqual(seen, [undefined, undefined, undefined]);
  assert.deepEqual(hooked, []);
  addon.linkClose(receiver);
});

test('opening and closing leaves no descriptor behind', async () => {
  const before = descriptors();
  for (let i = 0; i < 50; i++) {
    const [a, b] = await linkPair(addon);
    a.send();
    if (i % 2 === 0) await until(() => b.received === 1, 'a message');
    a.close();
    if (i % 3 === 0) await until(() => b.closed !== null, 'the end');
    b.close();
  }
  assert.equal(descriptors(), before);
});

test('without descriptors left, connections are turned away at once and nothing spins', async () => {
  const name = freshName();
  const fixture = fileURLToPath(new URL('./exhausted.js', import.meta.url));
  const child = spawn('/bin/sh', ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, fixture, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  let ended = 0;
  const links: number[] = [];
  for (let i = 0; i < 5; i++) {
    const fd = addon.connect(name);
    assert.ok(fd >= 0);
    links.push(
      addon.linkOpen(
        fd,
        {},
        () => undefined,
        () => ended++,
      ),
    );
  }
  await until(() => ended === 5, 'turned away');
  for (const link of links) addon.linkClose(link);
  child.stdin.end();
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  const report = JSON.parse(output.toString()) as { accepted: number; cpuMs: number };
  assert.equal(report.accepted, 0);
  assert.ok(report.cpuMs < 150, `${report.cpuMs} ms of CPU`);
});
