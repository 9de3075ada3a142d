import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WRITE_PENDING } from '../../../src/session/index.js';
import { encodeHeader, FLAG_CONFIRM, MESSAGE_URGENT } from '../../../src/session/wire.js';
import {
  RUN_VIOLATION,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAEOPNOTSUPP,
  WSAESHUTDOWN,
  WSAEWOULDBLOCK,
} from '../../../src/spi/index.js';
import { move, suspend } from './support/hand-over.js';
import { type End, pair, settle } from './support/wire-pair.js';

const text = (value: string) => Buffer.from(value, 'latin1');

function connected(offer = {}): [End, End] {
  const [a, b] = pair({ urgent: true, ...offer }, { urgent: true, ...offer });
  a.session.confirm();
  return [a, b];
}

describe('urgent data (OOB-1 … OOB-5, GAP-14)', () => {
  it('comes whether the program reads or not, first in first out, a callback for each', async () => {
    const [a, b] = connected();
    b.session.startUrgent(false);
    for (const block of ['one', 'two', 'three']) assert.equal(a.session.sendUrgent(text(block)), 0);
    await settle(a, b);
    assert.deepEqual(b.user.log, ['urgent one', 'urgent two', 'urgent three']);
  });

  it('goes ahead of what waits behind the window', async () => {
    const [a, b] = connected();
    b.session.startUrgent(false);
    assert.equal(a.session.write(new Uint8Array(200_000)), WRITE_PENDING);
    await settle(a, b);
    assert.equal(a.session.sendUrgent(text('!')), 0);
    await settle(a, b);
    assert.deepEqual(b.user.log, ['urgent !']);
    assert.equal(a.user.written, 0);
  });

  it('never goes by RDMA, and jumps a transfer that is not fetched (OOB-2)', async () => {
    const [a, b] = connected({ rdmaRead: true, rdmaThresholdBytes: 1000 });
    b.session.startUrgent(false);
    a.session.write(new Uint8Array(20_000));
    assert.equal(a.session.sendUrgent(new Uint8Array(2000).fill(65)), 0);
    await settle(a, b);
    assert.equal(b.user.log.length, 1);
    assert.equal(b.rdma.reads, 0);
  });

  it('waits for a program that asks later, sixteen blocks at most, and goes on when they are taken', async () => {
    const [a, b] = connected();
    for (let i = 0; i < 16; i++) assert.equal(a.session.sendUrgent(text(`${i}`)), 0);
    await settle(a, b);
    assert.equal(a.session.sendUrgent(text('x')), -WSAEWOULDBLOCK);
    assert.equal(b.user.log.length, 0);
    b.session.startUrgent(false);
    await settle(a, b);
    assert.equal(b.user.log.length, 16);
    assert.equal(a.session.sendUrgent(text('x')), 0);
    await settle(a, b);
    assert.equal(b.user.log.at(-1), 'urgent x');
  });

  it('marks its place: no delivery spans it, and atMark tells (OOB-5)', async () => {
    const [a, b] = connected();
    b.session.startUrgent(false);
    a.session.write(text('before'));
    a.session.sendUrgent(text('!'));
    a.session.write(text('behind'));
    await settle(a, b);
    const marks: boolean[] = [];
    const { onData } = b.user;
    b.user.onData = (...event) => {
      marks.push(b.session.atMark);
      onData.apply(b.user, event);
    };
    b.session.startReading();
    await settle(a, b);
    assert.deepEqual(b.user.log, ['urgent !', 'data 6', 'data 6']);
    assert.deepEqual(marks, [true, false]);
  });

  it('inline comes among the data, by itself, in its place, when the program reads', async () => {
    const [a, b] = connected();
    b.session.startUrgent(true);
    a.session.write(text('before'));
    a.session.sendUrgent(text('!!'));
    a.session.sendUrgent(text('!!!'));
    a.session.write(text('behind'));
    a.session.shutdown();
    await settle(a, b);
    assert.deepEqual(b.user.log, []);
    b.session.startReading();
    await settle(a, b);
    assert.deepEqual(b.user.log, ['data 6', 'data 2', 'data 3', 'data 6', 'end']);
    assert.equal(Buffer.from(b.user.received).toString(), 'before!!!!!behind');
    a.session.close();
    b.session.close();
    await settle(a, b);
    assert.deepEqual([a.over, b.over], [1, 1]);
  });

  it('goes along when its receiver’s end goes to another process, and is taken there (DUP-8)', async () => {
    const [a, b] = connected({ suspend: true });
    b.session.write(text('before'));
    for (let i = 0; i < 16; i++) assert.equal(b.session.sendUrgent(text(`${i}`)), 0);
    b.session.write(text('behind'));
    await settle(a, b);
    suspend(a);
    await settle(a, b);
    const c = move(a, false);
    assert.equal(b.session.sendUrgent(text('x')), -WSAEWOULDBLOCK, 'as many as may be are under way');
    assert.equal(c.session.atMark, false);
    c.session.startUrgent(false);
    await settle(b, c);
    assert.deepEqual(
      c.user.log,
      Array.from({ length: 16 }, (_, i) => `urgent ${i}`),
    );
    assert.equal(b.session.sendUrgent(text('x')), 0, 'all were taken');
    const marks: boolean[] = [];
    c.user.onData = () => marks.push(c.session.atMark);
    await settle(b, c);
    c.session.startReading();
    await settle(b, c);
    assert.deepEqual([c.user.log.at(-1), marks], ['urgent x', [false, true]]);
  });

  it('inline goes along in its place, beside the window, and what comes later is inline too', async () => {
    const [a, b] = connected({ suspend: true });
    a.session.startUrgent(true);
    b.session.write(text('before'));
    b.session.sendUrgent(new Uint8Array(4000).fill(33));
    b.session.write(text('behind'));
    await settle(a, b);
    suspend(a);
    await settle(a, b);
    const c = move(a, true);
    await settle(b, c);
    assert.deepEqual(c.user.log, ['data 6', 'data 4000', 'data 6']);
    assert.equal(c.consumed, 12, 'a block is no part of the stream');
    b.session.sendUrgent(text('!!'));
    await settle(b, c);
    assert.equal(c.user.log.at(-1), 'data 2');
    for (let i = 0; i < 16; i++) assert.equal(b.session.sendUrgent(text('y')), 0, 'each was taken');
  });

  it('counts what its sender’s end has sent from another process (DUP-8)', async () => {
    const [a, b] = connected({ suspend: true });
    for (let i = 0; i < 15; i++) a.session.sendUrgent(text(`${i}`));
    await settle(a, b);
    suspend(a);
    await settle(a, b);
    const c = move(a, false);
    assert.deepEqual([c.session.sendUrgent(text('z')), c.session.sendUrgent(text('z'))], [0, -WSAEWOULDBLOCK]);
    b.session.startUrgent(false);
    await settle(b, c);
    assert.equal(b.user.log.length, 16);
    assert.equal(c.session.sendUrgent(text('z')), 0);
  });

  it('is refused with a reason: unknown to the peer, too large, empty, after the end', () => {
    const [a] = pair({ urgent: true });
    assert.equal(a.session.sendUrgent(text('x')), -WSAEOPNOTSUPP);
    const [c] = connected();
    assert.equal(c.session.sendUrgent(new Uint8Array(4081)), -WSAEMSGSIZE);
    assert.equal(c.session.sendUrgent(new Uint8Array(0)), -WSAEINVAL);
    c.session.shutdown();
    assert.equal(c.session.sendUrgent(text('x')), -WSAESHUTDOWN);
  });

  it('more blocks than a peer may send, or one it may not, cost it the link (D5)', () => {
    for (const [offer, allowed] of [
      [{ urgent: true }, 16],
      [{}, 0],
    ] as const) {
      const [, b] = pair(offer, offer);
      const message = new Uint8Array(20);
      let result = 0;
      for (let i = 0; i <= allowed; i++) {
        encodeHeader(message, MESSAGE_URGENT, i === 0 ? FLAG_CONFIRM : 0, 0, 4, 0);
        assert.notEqual(result, RUN_VIOLATION);
        result = b.receiver!.onMessage(message, 0, message.length);
      }
      assert.equal(result, RUN_VIOLATION);
    }
  });
});
