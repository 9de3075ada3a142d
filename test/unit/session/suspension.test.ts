/** Suspend, hand over, resume (DUP-5, DUP-8, DUP-11 … DUP-17, DUP-28, DUP-30, DUP-35, DUP-36, GAP-18). */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { WRITE_DONE, WRITE_PENDING } from '../../../src/session/index.js';
import { RUN_VIOLATION, WSAECONNRESET, WSAENETDOWN, WSAESHUTDOWN } from '../../../src/spi/index.js';
import { encodeHeader, MESSAGE_RESUME, MESSAGE_SUSPEND, MESSAGE_SUSPENDED } from '../../../src/session/wire.js';
import { move, suspend } from './support/hand-over.js';
import { type End, pair, settle } from './support/wire-pair.js';

const bytes = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);
const able = { suspend: true };
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

async function established(queueMax = 64): Promise<[End, End]> {
  const [a, b] = pair(able, able, queueMax);
  a.session.confirm();
  await settle(a, b);
  return [a, b];
}

function bare(type: number): Uint8Array {
  const message = new Uint8Array(16);
  encodeHeader(message, type, 0, 0, 0, 0);
  return message;
}

describe('silence', () => {
  it('comes when nothing is under way either way, and not before (DUP-5, DUP-11, DUP-12, DUP-13, DUP-15)', async () => {
    const [a, b] = await established(1);
    assert.equal(b.session.write(bytes(10)), WRITE_DONE); // fills the provider's queue to a
    assert.equal(b.session.write(bytes(3000)), WRITE_PENDING); // the provider has taken it over
    assert.equal(a.session.write(bytes(5)), WRITE_DONE);
    assert.equal(a.session.write(bytes(4000)), WRITE_PENDING);
    const over = suspend(a);
    assert.equal(over.silent, false);
    await settle(a, b);
    assert.equal(over.silent, true);
    assert.ok(a.session.isSuspended && b.session.isSuspended);
    assert.equal(b.session.isSuspended, true);
    assert.deepEqual([a.inbox.length, b.inbox.length, a.posted.length, b.posted.length], [0, 0, 0, 0]);
  });

  it('holds what the other program writes, shuts down and closes, and lets it read (DUP-16, ERR-17)', async () => {
    const [a, b] = await established();
    assert.equal(a.session.write(bytes(100)), WRITE_DONE);
    const over = suspend(a);
    await settle(a, b);
    assert.ok(over.silent);
    assert.equal(b.session.write(bytes(7)), WRITE_PENDING);
    b.session.startReading();
    await settle(a, b);
    assert.deepEqual(b.user.log, ['data 100']);
    b.session.shutdown();
    await settle(a, b);
    assert.deepEqual([a.inbox.length, b.user.log], [0, ['data 100']], 'nothing goes');
    a.session.resume();
    a.session.startReading();
    await settle(a, b);
    assert.deepEqual(a.user.log, ['data 7', 'end']);
    assert.deepEqual(b.user.log, ['data 100', 'written 0', 'shutdown 0']);
    assert.equal(b.resumed, 1);
  });

  it('is asked for only where both ends offered it, and nothing is lost or ending (DUP-9)', async () => {
    const [a, b] = pair(able, {});
    a.session.confirm();
    await settle(a, b);
    assert.deepEqual([a.session.canSuspend, b.session.canSuspend], [false, false]);
    const wire = bare(MESSAGE_SUSPEND);
    assert.equal(b.session.onMessage(wire, 0, wire.length), RUN_VIOLATION);
    const [c, d] = await established();
    assert.ok(c.session.canSuspend);
    d.kill();
    await settle(c, d);
    assert.equal(c.session.canSuspend, false);
    const [e] = pair(able, able);
    assert.ok(e.session.canSuspend, 'its CONFIRM goes with the SUSPEND');
  });

  it('refuses words that are out of turn (D5)', async () => {
    for (const type of [MESSAGE_SUSPENDED, MESSAGE_RESUME]) {
      const [a] = await established();
      assert.equal(a.session.onMessage(bare(type), 0, 16), RUN_VIOLATION);
    }
  });
});

describe('the hand-over', () => {
  it('goes on elsewhere with unread bytes, an unsent write and both halves (DUP-8, DUP-28, DUP-30)', async () => {
    const [a, b] = await established();
    b.session.write(bytes(3000, 1));
    await settle(a, b);
    const big = bytes(90_000, 7);
    assert.equal(a.session.write(big), WRITE_PENDING); // beyond b's window
    await settle(a, b);
    assert.ok(a.session.pendingBytes > 0);
    const over = suspend(a);
    await settle(a, b);
    assert.ok(over.silent);
    const c = move(a, true);
    b.session.startReading();
    await settle(b, c);
    assert.ok(Buffer.from(c.user.received).equals(Buffer.from(bytes(3000, 1))));
    assert.ok(Buffer.from(b.user.received).equals(Buffer.from(big)));
    assert.equal(b.resumed, 1);
    assert.equal(c.user.log.filter((line) => line === 'written 0').length, 1);
    c.session.shutdown();
    b.session.shutdown();
    await settle(b, c);
    assert.ok(b.user.log.includes('end'));
    assert.ok(c.user.log.includes('end'));
  });

  it('keeps half-closed connections half closed (DUP-30)', async () => {
    for (const atOnce of [false, true]) {
      const [a, b] = await established();
      a.session.shutdown();
      if (!atOnce) await settle(a, b);
      suspend(a);
      await settle(a, b);
      const c = move(a, true);
      assert.equal(c.session.write(bytes(1)), -WSAESHUTDOWN);
      b.session.write(bytes(20));
      b.session.shutdown();
      await settle(b, c);
      assert.deepEqual(c.user.log.slice(-2), ['data 20', 'end']);
    }

    const [d, e] = await established();
    e.session.write(bytes(5));
    e.session.shutdown();
    await settle(d, e);
    suspend(d);
    await settle(d, e);
    const f = move(d, true);
    await settle(e, f);
    assert.deepEqual(f.user.log, ['data 5', 'end']);
    assert.equal(f.session.write(bytes(9)), WRITE_DONE);
    e.session.startReading();
    await settle(e, f);
    assert.equal(e.user.received.length, 9);
  });

  it('is called off by its owner or refused by the provider, and all goes on as before (DUP-35)', async () => {
    const [a, b] = await established();
    const over = suspend(a);
    a.session.resume(); // before its SUSPEND was answered
    assert.equal(a.session.write(bytes(4)), WRITE_DONE);
    await settle(a, b);
    assert.deepEqual([over.silent, over.failed], [false, null]);
    b.session.startReading();
    await settle(a, b);
    assert.deepEqual(b.user.log, ['data 4']);
    const again = suspend(a);
    await settle(a, b);
    assert.ok(again.silent);
    a.session.onDuplicated(WSAENETDOWN);
    assert.equal(again.failed, WSAENETDOWN);
    a.session.startReading();
    b.session.write(bytes(6));
    await settle(a, b);
    assert.deepEqual(a.user.log, ['data 6']);
  });

  it('is done one after the other if both ends want it (DUP-4, GAP-18)', async () => {
    const [a, b] = await established();
    const first = suspend(a);
    const second = suspend(b);
    await settle(a, b);
    assert.deepEqual([first.silent, second.silent], [true, false]);
    const c = move(a, true);
    await settle(b, c);
    assert.ok(second.silent);
    const d = move(b, true);
    await settle(c, d);
    c.session.write(bytes(11));
    d.session.write(bytes(12));
    await settle(c, d);
    assert.deepEqual([c.user.received.length, d.user.received.length], [12, 11]);
    // The acceptor's successor is one still, and the connector's: crossing again ends the same way.
    const third = suspend(d);
    const fourth = suspend(c);
    await settle(c, d);
    assert.deepEqual([third.silent, fourth.silent], [false, true]);
  });
});

describe('losses', () => {
  it('end both sides with an error, never with an orderly end (DUP-35, DUP-36)', async () => {
    const [a, b] = await established();
    b.session.startReading();
    suspend(a);
    await settle(a, b);
    a.kill();
    await settle(a, b);
    assert.deepEqual(b.user.log, [`reset ${WSAECONNRESET}`]);

    const [c, d] = await established();
    d.session.write(bytes(3));
    await settle(c, d);
    const over = suspend(c);
    await settle(c, d);
    d.kill();
    c.session.startReading();
    await settle(c, d);
    assert.equal(over.failed, WSAECONNRESET);
    assert.deepEqual(c.user.log, ['data 3', `reset ${WSAECONNRESET}`]);
  });

  it('are noticed by time where the provider does not tell (DUP-36)', async () => {
    const [a, b] = pair(able, able);
    a.session.confirm();
    await settle(a, b);
    // Long enough for the write below, on a busy machine as well.
    b.heldMsMax = 300;
    Object.assign(b.session.io, { heldMsMax: 300 });
    b.session.startReading();
    assert.equal(b.session.write(new Uint8Array(0)), WRITE_DONE);
    suspend(a);
    await settle(a, b);
    assert.equal(b.session.write(bytes(1)), WRITE_PENDING);
    while (b.user.log.length < 2) await settle(a, b);
    assert.deepEqual([...b.user.log].sort(), [`reset ${WSAECONNRESET}`, `written ${WSAECONNRESET}`]);
    assert.ok(b.closed, 'who comes late finds nobody');
    b.session.close();
    assert.equal(b.over, 1);
  });

  it('are not, where this process itself was busy for so long and the word is here by then (DUP-36)', async () => {
    const [a, b] = pair(able, able);
    a.session.confirm();
    await settle(a, b);
    Object.assign(b.session.io, { heldMsMax: 200 });
    b.session.startReading();
    suspend(a);
    await settle(a, b);
    const resumed = new Promise((done) =>
      setImmediate(() => {
        a.session.resume();
        done(settle(a, b));
      }),
    );
    const until = performance.now() + 250;
    while (performance.now() < until);
    await resumed;
    a.session.write(bytes(3));
    await settle(a, b);
    assert.deepEqual(b.user.log, ['data 3']);
  });

  it('a program that exits meanwhile sends nothing more (DUP-35)', async () => {
    const [a, b] = await established();
    suspend(a);
    await settle(a, b);
    assert.equal(b.session.write(bytes(9)), WRITE_PENDING);
    b.session.exit();
    assert.equal(a.inbox.length, 0);
  });
});

type Step =
  | { do: 'write'; side: 0 | 1; sizes: number[] }
  | { do: 'move'; side: 0 | 1 }
  | { do: 'read'; side: 0 | 1; on: boolean }
  | { do: 'hand over'; side: 0 | 1 };

const side = fc.constantFrom(0 as const, 1 as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      side,
      sizes: fc.array(fc.nat(9000), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('move' as const), side }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('read' as const), side, on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hand over' as const), side }) },
);

describe('hand-overs at any moment, against the oracle', () => {
  it('no byte is lost or repeated, and nothing waits for ever (DUP-4, DUP-28, DUP-30)', async () => {
    let done = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 120 }),
        fc.integer({ min: 8, max: 16 }),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom('pull', 'push', 'copy'),
        fc.boolean(),
        async (steps, receiveBuffers, queueMax, way, late) => {
          const rdma = { rdmaRead: way === 'pull', rdmaWrite: way === 'push', rdmaThresholdBytes: 3000 };
          const offer = { receiveBuffers, maxMessageBytes: 2048, suspend: true, ...(way === 'copy' ? {} : rdma) };
          const ends: [End, End] = pair(offer, offer, queueMax);
          for (const { rdma } of ends) rdma.late = late;
          ends[0].session.confirm();
          const expected: number[][] = [[], []];
          const waiting = [0, 0];
          const reading = [false, false];
          const retired: End[] = [];
          let next = 0;
          for (const action of steps) {
            const i = action.side;
            const end = ends[i];
            if (action.do === 'move') {
              end.step();
              await new Promise((resolve) => setImmediate(resolve));
            } else if (action.do === 'hand over') {
              if (!end.session.canSuspend) continue;
              suspend(end, () => {
                retired.push(end);
                ends[i] = move(end, reading[i]);
                done++;
              });
            } else if (action.do === 'read') {
              reading[i] = action.on;
              if (action.on) end.session.startReading();
              else end.session.stopReading();
            } else if (end.user.written === waiting[i]) {
              const list = action.sizes.map((size) => Uint8Array.from({ length: size }, () => next++ & 0xff));
              for (const part of list) for (const byte of part) expected[1 - i].push(byte);
              const total = action.sizes.reduce((sum, size) => sum + size, 0);
              const result = list.length === 1 ? end.session.write(list[0]) : end.session.writev(list, total);
              assert.ok(result >= 0);
              if (result === WRITE_PENDING) waiting[i]++;
            }
          }
          reading.fill(true);
          for (const end of ends) end.session.startReading();
          for (let round = 0; round < 4; round++) await settle(...ends);
          ends.forEach((end, i) => {
            assert.equal(end.user.written, waiting[i], 'every pending write ended');
            assert.ok(Buffer.from(end.user.received).equals(Buffer.from(expected[i])), 'the bytes of the stream');
            assert.equal(end.session.isSuspended, false);
          });
          for (const end of ends) end.session.close();
          await settle(...ends);
          assert.deepEqual([ends[0].over, ends[1].over], [1, 1]);
          for (const end of retired) assert.equal(end.over, 1);
        },
      ),
      { numRuns: 200 },
    );
    assert.ok(done > 50, 'and hand-overs there were');
  });
});
