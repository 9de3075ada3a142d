import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EXIT_BYTES_MAX, type Offer, WRITE_DONE, WRITE_PENDING } from '../../../src/session/index.js';
import { WSAEACCES, WSAECONNABORTED, WSAECONNRESET, WSAENOBUFS, WSAEOPNOTSUPP } from '../../../src/spi/index.js';
import { type End, pair, settle } from './support/wire-pair.js';

const bytes = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) + first) & 0xff);

const PULL: Partial<Offer> = { rdmaRead: true, rdmaThresholdBytes: 5000, maxRdmaBytes: 20_000 };
const PUSH: Partial<Offer> = { rdmaWrite: true, rdmaThresholdBytes: 5000, maxRdmaBytes: 20_000 };
const BOTH: Partial<Offer> = { ...PULL, rdmaWrite: true };

function connected(offer: Partial<Offer>, reading = true): [End, End] {
  const [a, b] = pair(offer, offer);
  for (const end of [a, b]) end.rdma.bytesMax = 20_000;
  a.session.confirm();
  if (reading) b.session.startReading();
  return [a, b];
}

function sameBytes(end: End, ...expected: Uint8Array[]): void {
  assert.ok(Buffer.from(end.user.received).equals(Buffer.concat(expected)), 'the bytes of the stream');
}

describe('large transfers', () => {
  for (const late of [false, true]) {
    const when = late ? 'completing late' : 'completing at once';
    it(`are pulled: registered, announced, read in parts, confirmed, given back, ${when} (XFER-1, XFER-3, XFER-5 … XFER-9, XFER-31, MEM-16)`, async () => {
      const [a, b] = connected(PULL);
      b.rdma.late = late;
      const data = bytes(100_000);
      assert.equal(a.session.write(data), WRITE_PENDING);
      assert.equal(a.session.transfer, 'pull');
      await settle(a, b);
      sameBytes(b, data);
      assert.equal(b.rdma.reads, 5);
      assert.equal(a.user.written, 1);
      assert.equal(a.user.log.at(-1), 'written 0');
      assert.deepEqual([a.rdma.registrations, b.rdma.registrations], [0, 0]);
    });

    it(`are pushed where reading is not offered: target, write, done, ${when} (XFER-10 … XFER-14)`, async () => {
      const [a, b] = connected(PUSH);
      a.rdma.late = late;
      const data = bytes(100_000);
      assert.equal(a.session.write(data), WRITE_PENDING);
      assert.equal(a.session.transfer, 'push');
      await settle(a, b);
      sameBytes(b, data);
      assert.deepEqual([a.rdma.writes, b.rdma.reads], [5, 0]);
      assert.equal(a.user.log.at(-1), 'written 0');
      assert.deepEqual([a.rdma.registrations, b.rdma.registrations], [0, 0]);
    });
  }

  it('are not made of writes up to the threshold, nor where one side knows none (XFER-1, XFER-2, GAP-4)', async () => {
    const [a, b] = connected({ ...BOTH, maxMessageBytes: 8000 });
    assert.equal(a.session.write(bytes(5000)), WRITE_DONE);
    assert.equal(a.session.write(bytes(5001)), WRITE_PENDING);
    await settle(a, b);
    assert.equal(b.rdma.reads, 1);
    for (const [mine, theirs] of [
      [BOTH, {}],
      [{}, BOTH],
      [PUSH, {}],
    ] as const) {
      const [c, d] = pair(mine, theirs);
      d.session.startReading();
      c.session.write(bytes(50_000));
      await settle(c, d);
      sameBytes(d, bytes(50_000));
      assert.equal(c.session.transfer, 'copy');
      assert.deepEqual([c.rdma.writes, d.rdma.reads], [0, 0]);
    }
  });

  it('keep the order of the stream with several under way and small writes between them (GAP-5)', async () => {
    for (const offer of [PULL, PUSH]) {
      const [a, b] = connected(offer);
      a.rdma.late = b.rdma.late = true;
      const list = [bytes(30), bytes(40_000, 1), bytes(100, 2), bytes(6000, 3), bytes(70_000, 4), bytes(5, 5)];
      const total = list.reduce((sum, part) => sum + part.length, 0);
      assert.equal(a.session.writev(list, total), WRITE_PENDING);
      await settle(a, b);
      sameBytes(b, ...list);
      assert.equal(a.user.written, 1);
    }
  });

  it('wait while the program does not read, and hold its writer back (GAP-6)', async () => {
    const [a, b] = connected(PULL, false);
    const data = bytes(100_000);
    a.session.write(data);
    await settle(a, b);
    assert.deepEqual([b.rdma.reads, a.user.written], [0, 0]);
    b.session.startReading();
    const { onData } = b.user;
    let events = 0;
    b.user.onData = (...event) => {
      onData.apply(b.user, event);
      if (++events === 2) b.session.stopReading();
    };
    await settle(a, b);
    assert.deepEqual([b.rdma.reads, a.user.written], [2, 0]);
    b.session.startReading();
    await settle(a, b);
    sameBytes(b, data);
    assert.equal(a.user.written, 1);
  });

  for (const error of [WSAEOPNOTSUPP, WSAEACCES]) {
    it(`turn from pull to push, and to messages, when the system refuses with ${error} (ERR-1, D7)`, async () => {
      const [a, b] = connected(BOTH);
      b.rdma.refuseRead = error;
      a.session.write(bytes(30_000));
      await settle(a, b);
      sameBytes(b, bytes(30_000));
      assert.equal(a.session.transfer, 'push');
      assert.equal(a.rdma.writes, 2);
      a.rdma.refuseWrite = error;
      b.user.received = [];
      a.session.write(bytes(90_000, 1));
      await settle(a, b);
      sameBytes(b, bytes(90_000, 1));
      assert.equal(a.session.transfer, 'copy');
      b.user.received = [];
      a.session.write(bytes(90_000, 2));
      await settle(a, b);
      sameBytes(b, bytes(90_000, 2));
      assert.equal(a.user.written, 3);
      assert.deepEqual([a.rdma.registrations, b.rdma.registrations], [0, 0]);
    });
  }

  it('go in messages when memory cannot be registered at either end, and the program does not notice (XFER-15)', async () => {
    for (const refuse of [
      (a: End) => (a.rdma.refuseRemote = WSAENOBUFS),
      (_a: End, b: End) => (b.rdma.refuseLocal = b.rdma.refuseRemote = WSAENOBUFS),
      (a: End, b: End) => (a.rdma.refuseLocal = b.rdma.refuseLocal = WSAENOBUFS),
      (_a: End, b: End) => (b.rdma.refuseRead = WSAECONNABORTED),
    ]) {
      const [a, b] = connected(BOTH);
      refuse(a, b);
      const list = [bytes(30_000), bytes(80_000, 1), bytes(7, 2)];
      a.session.writev(list, 110_007);
      await settle(a, b);
      sameBytes(b, ...list);
      assert.deepEqual([a.user.written, a.user.log.at(-1)], [1, 'written 0']);
      assert.deepEqual([a.rdma.registrations, b.rdma.registrations], [0, 0]);
    }
  });

  it('fail with WSAENOBUFS when the receiver has no memory, at both ends (XFER-15, ERR-10)', async () => {
    const [a, b] = connected(BOTH);
    const allocate = Buffer.allocUnsafeSlow;
    Buffer.allocUnsafeSlow = () => {
      throw new RangeError('Array buffer allocation failed');
    };
    try {
      a.session.write(bytes(30_000));
      await settle(a, b);
    } finally {
      Buffer.allocUnsafeSlow = allocate;
    }
    assert.deepEqual(a.user.log, [`written ${WSAENOBUFS}`]);
    assert.deepEqual(b.user.log, [`reset ${WSAENOBUFS}`]);
    a.session.close();
    b.session.close();
    await settle(a, b);
    assert.deepEqual([a.over, b.over], [1, 1]);
  });

  it('fail with WSAENOBUFS when the provider has no buffers for messages (ERR-10)', async () => {
    const [a, b] = connected({ rdmaThresholdBytes: 0 });
    const table = a.procs;
    table.lpWSPSend = (_s, _b, _n, _sent, _f, _o, _c, _t, errno) => ((errno.value = WSAENOBUFS), -1);
    Object.assign(a.session.io.proc, { lpWSPSend: table.lpWSPSend });
    assert.equal(a.session.write(bytes(30_000)), WRITE_PENDING);
    await settle(a, b);
    assert.deepEqual(a.user.log, [`written ${WSAENOBUFS}`]);
  });
});

describe('a transfer that ends early', () => {
  it('is cut where the peer is when the program closes, and the buffer is kept until the peer has done with it (BLOCK-4, BLOCK-5)', async () => {
    for (const offer of [PULL, PUSH]) {
      const [a, b] = connected(offer);
      a.rdma.late = b.rdma.late = true;
      const data = bytes(100_000);
      const copy = data.slice();
      a.session.writev([data, bytes(50)], 100_050);
      while (b.user.received.length === 0) {
        a.step();
        b.step();
        await new Promise((resolve) => setImmediate(resolve));
      }
      a.session.close();
      assert.equal(a.session.lending, true);
      let returned = 0;
      a.session.onBuffersReturned = () => {
        returned++;
        data.fill(0xee);
      };
      await settle(a, b);
      assert.equal(returned, 1);
      assert.deepEqual([a.rdma.hazards, b.rdma.hazards], [0, 0]);
      assert.equal(b.user.log.at(-1), 'end');
      const got = Buffer.from(b.user.received);
      assert.ok(got.length > 0 && got.length < data.length);
      assert.ok(got.equals(copy.subarray(0, got.length)), 'a prefix of the stream, nothing of what is behind the cut');
      b.session.close();
      await settle(a, b);
      assert.deepEqual([a.over, b.over], [1, 1]);
      assert.deepEqual([a.rdma.registrations, b.rdma.registrations], [0, 0]);
    }
  });

  it('is closed abortively when the peer does not give the buffer back in time (BLOCK-5, ERR-24, GAP-8)', async () => {
    const [a, b] = connected(PULL);
    a.session.write(bytes(100_000));
    a.session.close();
    let returned = 0;
    a.session.onBuffersReturned = () => returned++;
    assert.equal(returned, 0);
    // b is stopped: it takes nothing.
    while (a.over === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual([returned, a.rdma.registrations], [1, 0]);
    await settle(a, b);
    assert.equal(b.user.log.at(-1), 'end');
    sameBytes(b, bytes(100_000).subarray(0, b.user.received.length));
    assert.ok(b.user.received.length < 20_000);
  });

  it('is over at once when the program resets, or closes with a transfer unread (CLOSE-12)', async () => {
    const [a, b] = connected(PULL, false);
    a.session.write(bytes(100_000));
    await settle(a, b);
    a.session.reset();
    assert.deepEqual([a.over, a.rdma.registrations], [1, 0]);
    b.session.startReading();
    await settle(a, b);
    assert.equal(b.user.log.at(-1), `reset ${WSAECONNRESET}`);

    const [c, d] = connected(PULL, false);
    c.session.startReading();
    c.session.write(bytes(100_000));
    await settle(c, d);
    d.session.close();
    await settle(c, d);
    assert.deepEqual(c.user.log, [`written ${WSAECONNRESET}`, `reset ${WSAECONNRESET}`]);
    assert.equal(c.rdma.registrations, 0);
  });

  it('takes what was announced along when the process exits, from where the receiver is (D7)', async () => {
    for (const offer of [PULL, PUSH]) {
      const [a, b] = connected(offer);
      a.rdma.late = b.rdma.late = true;
      const list = [bytes(90_000), bytes(50, 1), bytes(60_000, 2), bytes(9, 3)];
      a.session.writev(list, 150_059);
      while (b.user.received.length < 30_000) {
        a.step();
        b.step();
        await new Promise((resolve) => setImmediate(resolve));
      }
      a.owned.SdpBeginExit();
      a.session.exit();
      a.kill();
      await settle(b);
      sameBytes(b, ...list);
      assert.equal(b.user.log.at(-1), 'end');
    }
  });

  it('is cut at what an exiting process may leave, with no gap (D7)', async () => {
    const [a, b] = connected({ ...PULL, maxRdmaBytes: 0, maxMessageBytes: 65_552 }, false);
    const data = bytes(EXIT_BYTES_MAX + 500_000);
    a.session.writev([data, bytes(70, 9)], data.length + 70);
    await settle(a, b);
    a.owned.SdpBeginExit();
    a.session.exit();
    a.kill();
    const got: Uint8Array[] = [];
    b.user.onData = (memory, at, length) => {
      got.push(new Uint8Array(memory, at, length));
      b.user.log.push('data');
    };
    b.session.startReading();
    await settle(b);
    const all = Buffer.concat(got);
    assert.ok(all.length >= EXIT_BYTES_MAX && all.length < data.length, `${all.length} bytes`);
    assert.ok(all.equals(data.subarray(0, all.length)));
    assert.equal(b.user.log.at(-1), 'end');
  });

  it('ends where the receiver is when the sender dies, without what was behind it (D7)', async () => {
    const [a, b] = connected(PULL);
    b.rdma.late = true;
    const data = bytes(100_000);
    a.session.writev([data, bytes(50)], 100_050);
    while (b.user.received.length < 30_000) {
      a.step();
      b.step();
      await new Promise((resolve) => setImmediate(resolve));
    }
    a.kill();
    b.inbox.length = 0;
    b.receiver!.onDisconnect(WSAECONNRESET);
    await settle(b);
    sameBytes(b, data.subarray(0, b.user.received.length));
    assert.equal(b.user.log.at(-1), 'end');
    b.session.close();
    assert.equal(b.rdma.registrations, 0);
  });

  it('fails its write when the receiver dies, and lets go of the buffer', async () => {
    for (const offer of [PULL, PUSH]) {
      const [a, b] = connected(offer);
      a.rdma.late = b.rdma.late = true;
      a.session.startReading();
      a.session.write(bytes(100_000));
      for (let i = 0; i < 3; i++) {
        a.step();
        b.step();
      }
      b.kill();
      a.receiver!.onDisconnect(WSAECONNRESET);
      await settle(a);
      assert.deepEqual(a.user.log, [`written ${WSAECONNRESET}`, `reset ${WSAECONNRESET}`]);
      a.session.close();
      assert.equal(a.rdma.registrations, 0);
    }
  });

  it('fails, and does not loop, when the program takes the memory away from under its write', async () => {
    for (const offer of [{}, PULL, PUSH]) {
      const [a, b] = pair(offer, { ...offer, windowBytes: 65_536 });
      a.session.confirm();
      const data = bytes(200_000);
      a.session.write(data);
      structuredClone(data, { transfer: [data.buffer] });
      b.session.startReading();
      await settle(a, b);
      if (a.user.written === 1) assert.notEqual(a.user.log.at(-1), undefined);
      a.session.close();
      b.session.close();
      await settle(a, b);
      assert.equal(a.over, 1);
    }
  });
});
