import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../../support/until.js';
import { addonForTests, linkPair, type TestEnd } from './rings.js';

const addon = addonForTests();
const isolate = new Int32Array(addon.isolate());
const EPROTO = -71;

test('messages arrive, in both directions, with and without spinning', async () => {
  for (const spin of [0, 200]) {
    addon.setSpin(spin);
    const [a, b] = await linkPair(addon, isolate);
    b.onMessages = (count) => b.send(count);
    for (let i = 0; i < 200; i++) {
      const before = a.received;
      a.send(1 + (i % 3));
      await until(() => a.received === before + 1 + (i % 3), 'the echo');
    }
    a.close();
    b.close();
  }
});

test('after a quiet while the loop sleeps, asks for doorbells, and costs no CPU', async () => {
  addon.setSpin(200);
  const [a, b] = await linkPair(addon, isolate);
  a.send();
  await until(() => b.received === 1, 'a message');
  await until(() => a.asleep && b.asleep && isolate[0] === 0, 'sleep');
  const stats = addon.loopStats();
  const cpu = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { user, system } = process.cpuUsage(cpu);
  assert.ok(user + system < 60_000, `${user + system} µs of CPU in 300 ms`);
  assert.equal(addon.loopStats().turns, stats.turns);
  a.send();
  assert.equal(b.asleep, false); // the producer took the flag and rang
  await until(() => b.received === 2, 'a message to a sleeper');
  assert.ok(addon.loopStats().bells > stats.bells);
  addon.setSpin(0);
  await until(() => a.asleep && b.asleep, 'sleep');
  assert.equal(isolate[0], 1); // nothing to gain from wake()
  a.close();
  b.close();
});

test('a link may close itself, or another, while it drains', async () => {
  for (const spin of [0, 100]) {
    addon.setSpin(spin);
    const pairs: [TestEnd, TestEnd][] = [];
    for (let i = 0; i < 4; i++) pairs.push(await linkPair(addon, isolate));
    const ends = pairs.map(([, b]) => b);
    const [first, second] = ends;
    assert.ok(first && second);
    first.onMessages = () => {
      first.close();
      second.close();
    };
    for (const [a] of pairs) a.send(5);
    await until(() => ends.slice(2).every((end) => end.received === 5), 'the others');
    await until(() => first.received === 5, 'the first');
    const drains = first.drains;
    for (const [a] of pairs) a.send(5);
    await until(() => ends.slice(2).every((end) => end.received === 10), 'the others again');
    assert.equal(first.drains, drains);
    for (const [a] of pairs) {
      if (a !== pairs[0]?.[0] && a !== pairs[1]?.[0]) continue;
      await until(() => a.closed === 0, 'the end seen by the peer');
    }
    for (const [a] of pairs) a.close();
    for (const end of ends.slice(2)) end.close();
  }
});

test('the end comes after everything that was published before it', async () => {
  for (const spin of [0, 200]) {
    addon.setSpin(spin);
    for (let i = 0; i < 20; i++) {
      const [a, b] = await linkPair(addon, isolate);
      addon.linkSend(b.link, new Uint8Array(10), -1); // unread by a: b's socket will say ECONNRESET before the end
      let atEnd = -1;
      b.onClosed = () => {
        atEnd = b.received;
      };
      a.send(7);
      addon.linkSend(a.link, new Uint8Array(20), -1);
      addon.linkBell(a.link);
      a.close();
      await until(() => b.closed !== null, 'the end');
      assert.equal(b.closed, 0);
      assert.equal(atEnd, 7);
      assert.equal(b.packets.length, 1);
      b.close();
    }
  }
});

test('a ring of which no sense can be made costs the link, not the loop', async () => {
  addon.setSpin(200);
  const [a, b] = await linkPair(addon, isolate);
  const [c, d] = await linkPair(addon, isolate);
  b.consuming = false;
  let turns = 0;
  const interval = setInterval(() => turns++, 1);
  a.send();
  c.send();
  await until(() => b.closed !== null, 'given up');
  clearInterval(interval);
  assert.equal(b.closed, EPROTO);
  assert.ok(b.drains <= 64);
  assert.equal(d.received, 1);
  const drains = b.drains;
  a.send();
  c.send();
  await until(() => d.received === 2, 'the other link');
  assert.equal(b.drains, drains);
  for (const end of [a, b, c, d]) end.close();
});

test('random values in every shared word neither crash nor hang', async () => {
  addon.setSpin(50);
  const [a, b] = await linkPair(addon, isolate);
  assert.ok(a.memory);
  const words = new Int32Array(a.memory, 256, 256);
  b.onMessages = () => undefined;
  let timers = 0;
  const interval = setInterval(() => timers++, 1);
  for (let round = 0; (round < 200 || timers <= 5) && b.closed === null; round++) {
    for (let i = 0; i < 50; i++)
      Atomics.store(words, Math.floor(Math.random() * 256), Math.floor(Math.random() * 2 ** 32) | 0);
    addon.linkBell(a.link);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  clearInterval(interval);
  a.close();
  b.close();
});

test('an exception in a callback is an uncaughtException, and the link goes on', () => {
  const fixture = fileURLToPath(new URL('./throwing.js', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [fixture], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(stderr, '');
  assert.equal(status, 0);
  assert.equal(stdout, 'uncaughtException: drain\nuncaughtException: packet\nmessages: 2\n');
});

test('only hold() keeps a program alive', () => {
  const fixture = fileURLToPath(new URL('./holding.js', import.meta.url));
  const run = (mode: string) => spawnSync(process.execPath, [fixture, mode], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(run('free').stdout, 'end\n');
  assert.equal(run('held').stdout, 'message\nend\n');
});
