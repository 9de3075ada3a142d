/** How two switches meet over a socket that travels (DUP-23, D5). */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { DuplicateTransport, ProxyDriver } from '../../../src/proxy-driver/index.js';
import type { DuplicateChannel } from '../../../src/switch/duplicate-channel.js';
import { until } from '../../support/until.js';

const loaded = ProxyDriver.load();
assert.ok(loaded.driver, loaded.reason ?? '');
const { driver } = loaded;
const { addon } = driver;
const alive = setInterval(() => undefined, 1000);
after(() => {
  clearInterval(alive);
  driver.unload();
});

const transport = new DuplicateTransport(addon, process.geteuid?.() ?? -1);

function travelling(): { fd: number; close(): void } {
  const fd = driver.reservePort({ address: '127.0.0.1', port: 0, family: 4 });
  assert.ok(fd >= 0);
  return { fd, close: () => void addon.close(fd) };
}

/** Both ends of a talk over `fd`, with what came. */
async function meet(fd: number) {
  const channels: DuplicateChannel[] = [];
  const offer = transport.offer(fd, (channel) => channels.push(channel));
  assert.ok(offer);
  const claimer = transport.claim(fd);
  assert.ok(claimer);
  await until(() => channels.length === 1, 'the claim');
  return { owner: channels[0], claimer, offer };
}

function record(channel: DuplicateChannel) {
  const log = { messages: [] as Buffer[], closed: 0 };
  channel.onMessage = (bytes) => log.messages.push(Buffer.from(bytes));
  channel.onClosed = () => log.closed++;
  return log;
}

test('who has the same socket finds who offers, and both know who the other is (DUP-23, D5)', async () => {
  const { fd, close } = travelling();
  assert.equal(transport.claim(fd), null, 'nobody offers yet');
  const { owner, claimer, offer } = await meet(fd);
  assert.deepEqual([owner.pid, claimer.pid], [process.pid, process.pid]);
  assert.deepEqual([owner.uid, claimer.uid], [process.geteuid?.(), process.geteuid?.()]);
  const [seen, told] = [record(owner), record(claimer)];
  const big = randomBytes(3_000_001);
  assert.ok(claimer.send(Buffer.from('small')) && claimer.send(big) && owner.send(Buffer.alloc(400, 7)));
  await until(() => seen.messages.length === 2 && told.messages.length === 1, 'the messages');
  assert.equal(String(seen.messages[0]), 'small');
  assert.ok(seen.messages[1]?.equals(big));
  assert.deepEqual(told.messages, [Buffer.alloc(400, 7)]);
  // What is sent before the end still arrives.
  assert.ok(owner.send(big));
  owner.close();
  assert.equal(owner.send(big), false);
  await until(() => told.closed === 1, 'the end');
  assert.ok(told.messages[1]?.equals(big));
  assert.equal(seen.closed, 0, 'who closes is not told');
  offer.close();
  offer.close();
  assert.equal(transport.claim(fd), null, 'the offer is over');
  close();
});

test('a socket has one offer; nothing can be offered for none', () => {
  const { fd, close } = travelling();
  const offer = transport.offer(fd, () => undefined);
  assert.ok(offer);
  assert.equal(
    transport.offer(fd, () => undefined),
    null,
  );
  assert.equal(
    transport.offer(-1, () => undefined),
    null,
  );
  assert.equal(transport.claim(-1), null);
  offer.close();
  close();
});

test('another user is nobody, on either side (D5)', async () => {
  const { fd, close } = travelling();
  const strict = new DuplicateTransport(addon, 4_000_000);
  let claims = 0;
  const offer = transport.offer(fd, () => claims++);
  assert.ok(offer);
  assert.equal(strict.claim(fd), null, 'not even asked');
  offer.close();
  const other = strict.offer(fd, () => claims++);
  assert.ok(other);
  const claimer = transport.claim(fd);
  assert.ok(claimer, 'it finds out by being turned away');
  const log = record(claimer);
  await until(() => log.closed === 1, 'the refusal');
  assert.equal(claims, 0);
  other.close();
  close();
});

test('nonsense ends the talk and nothing else (D5)', async () => {
  for (const packet of [
    Buffer.from('nonsense that is long enough'),
    Buffer.concat([Buffer.from('SDH1'), Buffer.from([1, 0, 1, 0, 99, 0, 0, 0]), Buffer.alloc(5)]),
    Buffer.concat([Buffer.from('SDH1'), Buffer.from([1, 0, 2, 0, 99, 0, 0, 0])]),
    Buffer.concat([Buffer.from('SDH1'), Buffer.from([9, 0, 1, 0, 1, 0, 0, 0]), Buffer.alloc(1)]),
    Buffer.concat([Buffer.from('SDH1'), Buffer.from([1, 0, 2, 0, 255, 255, 255, 255])]),
  ]) {
    const { fd, close } = travelling();
    const channels: DuplicateChannel[] = [];
    const offer = transport.offer(fd, (channel) => channels.push(channel));
    assert.ok(offer);
    const words = new BigUint64Array(4);
    addon.cookie(fd, words);
    const raw = addon.connect(`sockets-direct/1/claim/${words[0]}`);
    const link = addon.linkOpen(
      raw,
      {},
      () => undefined,
      () => undefined,
    );
    await until(() => channels.length === 1, 'the claim');
    const log = record(channels[0]);
    addon.linkSend(link, packet, -1);
    await until(() => log.closed === 1, 'the end');
    assert.deepEqual(log.messages, []);
    addon.linkClose(link);
    offer.close();
    close();
  }
});
