import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EXIT_BYTES_MAX, WRITE_DONE, WRITE_PENDING } from '../../../src/session/index.js';
import { RUN_VIOLATION, WSAECONNRESET, WSAENETDOWN, WSAESHUTDOWN } from '../../../src/spi/index.js';
import { encodeHeader, FLAG_CONFIRM, MESSAGE_CREDIT, MESSAGE_DATA, MESSAGE_FIN } from '../../../src/session/wire.js';
import { pair, settle } from './support/wire-pair.js';

const bytes = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);

describe('establishment (SESS-2 … SESS-10, D12)', () => {
  it('shows the connection to the listener only after the CONFIRM', async () => {
    const [a, b] = pair();
    await settle(a, b);
    assert.equal(b.confirmed, 0);
    a.session.confirm();
    await settle(a, b);
    assert.equal(b.confirmed, 1);
  });

  it('lets the first data carry the CONFIRM, and keeps them until the program reads', async () => {
    const [a, b] = pair();
    assert.equal(a.session.write(bytes(5)), WRITE_DONE);
    a.session.confirm();
    assert.equal(b.inbox.length, 1);
    await settle(a, b);
    assert.equal(b.confirmed, 1);
    assert.deepEqual(b.user.received, []);
    b.session.startReading();
    assert.deepEqual(b.user.received, [], 'never from inside startReading');
    await settle(a, b);
    assert.deepEqual(b.user.received, [...bytes(5)]);
  });

  it('ends without the program ever seeing it when the connector gives up before the CONFIRM', async () => {
    const [a, b] = pair();
    a.procs.lpWSPCloseSocket(1, { value: 0 });
    await settle(a, b);
    assert.equal(b.confirmed, 0);
    assert.equal(b.over, 1);
  });

  it('is seen, and reset, if the connector’s program resets as soon as it is connected', async () => {
    const [a, b] = pair();
    b.session.startReading();
    a.session.reset();
    await settle(a, b);
    assert.equal(b.confirmed, 1);
    assert.deepEqual(b.user.log, ['reset 10054']);
    b.session.close();
    assert.deepEqual([a.over, b.over], [1, 1]);
  });
});

describe('the stream', () => {
  it('a write that its provider refuses just as the window opens ends once, and not well (XFER-25)', async () => {
    const [a, b] = pair({}, { windowBytes: 65536 }, 1000);
    a.session.confirm();
    assert.equal(a.session.write(bytes(90_000)), WRITE_PENDING);
    await settle(a, b);
    b.session.startReading();
    await new Promise((resolve) => setImmediate(resolve));
    while (b.step());
    for (let i = 0; i < 40 && a.inbox.length === 0; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(a.inbox.length > 0, 'a report is on its way');
    b.kill();
    a.step();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(a.user.log, ['written 10054']);
  });

  it('holds a writer back when the window is full, and coalesces what waits', async () => {
    const [a, b] = pair({}, { windowBytes: 65536 }, 1000);
    a.session.confirm();
    await settle(a, b);
    const list = Array.from({ length: 300 }, (_, i) => bytes(300, i));
    assert.equal(a.session.writev(list, 90000), WRITE_PENDING);
    await settle(a, b);
    assert.equal(a.user.written, 0);
    assert.ok(b.session.pendingBytes === 0);
    b.session.startReading();
    await settle(a, b);
    assert.equal(a.user.written, 1);
    assert.deepEqual(
      b.user.received,
      list.flatMap((part) => [...part]),
    );
  });

  it('delivers one event per run, data before the end', async () => {
    const [a, b] = pair();
    b.session.startReading();
    a.session.write(bytes(3));
    a.session.write(bytes(4));
    a.session.shutdown();
    b.step();
    assert.deepEqual(b.user.log, ['data 7']);
    await settle(a, b);
    assert.deepEqual(b.user.log, ['data 7', 'end']);
    assert.deepEqual(a.user.log, ['shutdown 0']);
  });

  it('answers a write after shutdown with WSAESHUTDOWN', () => {
    const [a] = pair();
    a.session.shutdown();
    assert.equal(a.session.write(bytes(1)), -WSAESHUTDOWN);
  });
});

describe('the end (CLOSE-12, CLOSE-13)', () => {
  it('delivers what was sent, then the end, and closes both provider sockets when both programs have closed', async () => {
    const [a, b] = pair();
    b.session.startReading();
    a.session.write(bytes(10));
    a.session.close();
    await settle(a, b);
    assert.deepEqual(b.user.log, ['data 10', 'end']);
    assert.equal(a.over, 0, 'lingers for the FIN of the other side');
    b.session.close();
    await settle(a, b);
    assert.deepEqual([a.over, b.over], [1, 1]);
  });

  it('says that the FIN is out before anything that may answer it, each in a run of its own', () => {
    const [a, b] = pair();
    a.session.startReading();
    a.session.confirm();
    b.step();
    a.session.shutdown();
    b.session.startReading();
    b.step();
    b.session.write(bytes(3));
    b.session.shutdown();
    // All in one turn of the loop, as by a provider that polls: no timer of ours has run yet.
    for (let i = 0; i < 4; i++) {
      const before = a.user.log.length;
      a.step();
      assert.ok(a.user.log.length <= before + 1);
    }
    assert.deepEqual(a.user.log, ['shutdown 0', 'data 3', 'end']);
  });

  it('closes although its FIN cannot be sent and the provider never says that the connection is lost (XFER-25)', async () => {
    const [a, b] = pair();
    a.session.confirm();
    await settle(a, b);
    a.sendError = WSAENETDOWN;
    a.session.close();
    await settle(a, b);
    assert.deepEqual([a.session.phase, a.over, a.closed], ['closed', 1, true]);
  });

  it('closes although its FIN, or what waits before it, fails while the provider holds it', async () => {
    for (const waits of [0, 10_000]) {
      const [a, b] = pair({}, {}, 1);
      a.session.confirm(); // fills the provider's queue
      if (waits > 0) assert.equal(a.session.write(bytes(waits)), WRITE_PENDING);
      a.session.close();
      assert.equal(a.over, 0);
      a.sendError = WSAENETDOWN;
      await settle(a, b);
      assert.deepEqual([a.session.phase, a.over], ['closed', 1]);
    }
  });

  it('ends a shutdown whose FIN cannot be sent with the error, once, and then closes', async () => {
    const [a, b] = pair();
    a.session.startReading();
    a.session.confirm();
    await settle(a, b);
    a.sendError = WSAENETDOWN;
    a.session.shutdown();
    await settle(a, b);
    assert.deepEqual(a.user.log, [`shutdown ${WSAENETDOWN}`]);
    b.kill();
    await settle(a, b);
    assert.deepEqual(a.user.log.slice(1), [`reset ${WSAECONNRESET}`]);
    const [c, d] = pair();
    c.session.confirm();
    c.sendError = WSAENETDOWN;
    c.session.shutdown();
    await settle(c, d);
    c.session.close();
    assert.deepEqual([c.session.phase, c.over], ['closed', 1]);
  });

  it('ends each shutdown, also one after the FIN is out', async () => {
    const [a, b] = pair();
    a.session.shutdown();
    await settle(a, b);
    a.session.shutdown();
    await settle(a, b);
    assert.deepEqual(a.user.log, ['shutdown 0', 'shutdown 0']);
  });

  it('resets when it closes with unread data', async () => {
    const [a, b] = pair();
    a.session.startReading();
    a.session.write(bytes(10));
    await settle(a, b);
    b.session.close();
    await settle(a, b);
    assert.deepEqual(a.user.log, [`reset ${WSAECONNRESET}`]);
  });

  it('resets when data come for a closed socket', async () => {
    const [a, b] = pair();
    a.session.startReading();
    a.session.confirm();
    await settle(a, b);
    b.session.close();
    await settle(a, b);
    assert.deepEqual(a.user.log, ['end']);
    assert.equal(a.session.write(bytes(1)), WRITE_DONE);
    await settle(a, b);
    assert.deepEqual(a.user.log, ['end'], 'nothing is read after the end');
    assert.equal(a.session.write(bytes(1)), -WSAESHUTDOWN, 'the pipe is broken');
    assert.deepEqual([a.over, b.over], [0, 1]);
  });

  it('tells a reader of the FIN that came before the connection was reset, and not of the reset', async () => {
    const [a, b] = pair();
    a.session.confirm();
    await settle(a, b);
    b.session.shutdown();
    await settle(a, b);
    b.session.reset();
    await settle(a, b);
    assert.equal(a.session.write(bytes(1)), -WSAESHUTDOWN);
    a.session.startReading();
    await settle(a, b);
    assert.deepEqual(a.user.log, ['end']);
  });

  it('takes a peer that died with everything read for its FIN, and with anything unread for a reset (GAP-3)', async () => {
    for (const [unread, log] of [
      [false, ['end']],
      [true, [`reset ${WSAECONNRESET}`]],
    ] as const) {
      const [a, b] = pair();
      a.session.startReading();
      if (!unread) b.session.startReading();
      a.session.write(bytes(10));
      await settle(a, b);
      b.kill();
      a.receiver!.onDisconnect(WSAECONNRESET);
      await settle(a);
      assert.deepEqual(a.user.log, log);
    }
  });

  it('fails the pending write when the peer dies', async () => {
    const [a, b] = pair();
    a.session.startReading();
    assert.equal(a.session.write(bytes(200_000)), WRITE_PENDING);
    await settle(a, b);
    b.kill();
    a.receiver!.onDisconnect(WSAECONNRESET);
    await settle(a);
    assert.deepEqual(a.user.log, [`written ${WSAECONNRESET}`, `reset ${WSAECONNRESET}`]);
    assert.equal(a.session.write(bytes(1)), -WSAECONNRESET);
  });

  it('fails it after what has come and waits for a program that reads (D7)', async () => {
    for (const [stops, log] of [
      [false, [...Array<string>(3).fill('data 16000'), `written ${WSAECONNRESET}`, `reset ${WSAECONNRESET}`]],
      [true, ['data 16000', `written ${WSAECONNRESET}`]],
    ] as const) {
      const [a, b] = pair({ windowBytes: 100_000 }, { windowBytes: 100_000 });
      assert.equal(a.session.write(bytes(400_000)), WRITE_PENDING);
      await settle(a, b);
      for (let i = 0; i < 3; i++) {
        assert.equal(b.session.write(bytes(16_000)), WRITE_DONE);
        await settle(a, b);
      }
      a.session.startReading();
      const { onData } = a.user;
      a.user.onData = (...data) => {
        onData.apply(a.user, data);
        if (stops) a.session.stopReading();
      };
      b.kill();
      a.receiver!.onDisconnect(WSAECONNRESET);
      await settle(a);
      assert.deepEqual(a.user.log, log);
    }
  });

  it('sends what waits past the window when the process exits, up to the limit (D7)', async () => {
    const [a, b] = pair({ maxMessageBytes: 70_000 }, { maxMessageBytes: 70_000 });
    a.session.write(bytes(65_000));
    assert.equal(a.session.write(new Uint8Array(5 << 20)), WRITE_PENDING);
    a.owned.SdpBeginExit();
    a.session.exit();
    a.kill();
    b.session.startReading();
    await settle(b);
    assert.equal(b.user.log.at(-1), 'end');
    const late = b.user.received.length - 65_000;
    assert.ok(late >= EXIT_BYTES_MAX && late <= EXIT_BYTES_MAX + 65_536, `${late} bytes past the write before`);
  });

  it('resets when the process exits with unread bytes still with the provider, else ends (D7)', async () => {
    for (const unread of [true, false]) {
      const [a, b] = pair();
      a.session.confirm();
      a.session.startReading();
      await settle(a, b);
      Object.assign(b.session.io, { receive: { ...b.owned, SdpArrived: () => unread } });
      b.owned.SdpBeginExit();
      b.session.exit();
      await settle(a, b);
      assert.deepEqual(a.user.log, [unread ? `reset ${WSAECONNRESET}` : 'end']);
    }
  });
});

describe('nonsense from the peer (D5)', () => {
  const cases: [string, (header: Uint8Array) => Uint8Array][] = [
    ['a short message', (header) => header.subarray(0, 8)],
    ['a wrong length', (header) => (encodeHeader(header, MESSAGE_DATA, FLAG_CONFIRM, 0, 7, 0), header)],
    ['an unknown type', (header) => (encodeHeader(header, 99, FLAG_CONFIRM, 0, 0, 0), header)],
    ['consumed more than was sent', (header) => (encodeHeader(header, MESSAGE_CREDIT, FLAG_CONFIRM, 0, 0, 1), header)],
    [
      'took more messages than were sent',
      (header) => (encodeHeader(header, MESSAGE_CREDIT, FLAG_CONFIRM, 1, 0, 0), header),
    ],
    ['data before the CONFIRM', (header) => (encodeHeader(header, MESSAGE_FIN, 0, 0, 0, 0), header)],
  ];
  for (const [name, make] of cases) {
    it(`refuses ${name}`, () => {
      const [, b] = pair();
      const message = make(new Uint8Array(16));
      assert.equal(b.receiver!.onMessage(message, 0, message.length), RUN_VIOLATION);
      assert.equal(b.violations.length, 1);
    });
  }

  it('refuses data beyond the window', () => {
    const [, b] = pair();
    const message = new Uint8Array(16 + 4000);
    encodeHeader(message, MESSAGE_DATA, FLAG_CONFIRM, 0, 4000, 0);
    let result = 0;
    for (let i = 0; i < 17 && result === 0; i++) {
      result = b.receiver!.onMessage(message, 0, message.length);
      message[1] = 0;
    }
    assert.equal(result, RUN_VIOLATION);
  });
});
