// The error table (reference 2.20), rows about data on an established connection: what a provider's answer to a send, its
// completion, or its word on the peer becomes for the program.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAENETDOWN,
  WSAENOBUFS,
  WSAENOTSOCK,
} from '../../../src/spi/index.js';
import { WRITE_DONE, WRITE_PENDING } from '../../../src/session/index.js';
import type { SanConnection } from '../../../src/switch/connection.js';
import { type Harness, OFFER_BYTES, Program, startHarness, turns, User, v4 } from './harness.js';

interface Established {
  readonly harness: Harness;
  readonly connection: SanConnection;
  readonly user: User;
  readonly socket: Harness['san']['last'];
}

/** A connection that the program has, with nothing left to send. */
async function established(): Promise<Established> {
  const harness = startHarness();
  const program = new Program().connect(harness.sw, v4('127.0.0.1', 8080));
  harness.san.endConnect(harness.san.last, 0, OFFER_BYTES);
  await turns();
  const { connection } = program;
  assert.ok(connection);
  harness.san.takeLog();
  harness.events.length = 0;
  return { harness, connection, user: new User(connection), socket: harness.san.last };
}

describe('ERR-12: a transfer that is started is WSA_IO_PENDING (XFER-21, BLOCK-2)', () => {
  test('the program’s write ends when the provider completes it, with success (XFER-23, XFER-25)', async () => {
    const { harness, connection, user } = await established();
    harness.san.sendResult = WSA_IO_PENDING;
    assert.equal(connection.session.write(Buffer.from('data')), WRITE_PENDING);
    await turns();
    assert.deepEqual(user.heard, []);
    harness.san.sendResult = 0;
    harness.san.completeSends(0);
    await turns();
    assert.deepEqual(user.heard, ['written 0']);
    assert.equal(connection.session.write(Buffer.from('more')), WRITE_DONE);
  });

  test('nor does a completion with an error pass for success', async () => {
    const { harness, connection, user } = await established();
    harness.san.sendResult = WSA_IO_PENDING;
    connection.session.write(Buffer.from('data'));
    harness.san.completeSends(WSAENETDOWN);
    await turns();
    assert.match(user.heard[0], /^written [1-9]/);
    assert.ok(!user.heard.includes('written 0'));
  });
});

describe('ERR-8: a send that fails after the connection is up is an error to the program (SOCK-17)', () => {
  for (const code of [WSAENETDOWN, WSAENOBUFS, WSAECONNABORTED, WSAECONNRESET, WSAENOTSOCK]) {
    test(`WSPSend: ${code}`, async () => {
      const { harness, connection, user, socket } = await established();
      harness.san.sendResult = code;
      assert.equal(connection.session.write(Buffer.from('data')), WRITE_PENDING);
      await turns();
      assert.deepEqual(user.heard, [`written ${code}`]);
      assert.equal(harness.events.filter((event) => event.startsWith('tcp')).length, 0, 'never TCP');
      socket.receiver?.onDisconnect(code);
      connection.session.close();
      await turns();
      assert.equal(socket.closed, true);
    });
  }
});

describe('ERR-14: the peer is gone (CLOSE-3)', () => {
  for (const code of [WSAECONNRESET, WSAECONNABORTED]) {
    test(`the provider says ${code}: the program’s pending write and its reading end with a reset`, async () => {
      const { harness, connection, user, socket } = await established();
      harness.san.sendResult = WSA_IO_PENDING;
      connection.session.write(Buffer.from('never read'));
      socket.receiver?.onDisconnect(code);
      await turns();
      assert.ok(
        user.heard.some((line) => /^written [1-9]/.test(line)),
        user.heard.join(),
      );
      assert.ok(!user.heard.includes('end'), 'what was lost is not a regular end');
    });
  }

  test('the socket is kept until the switch closes it, and closed once (CLOSE-7)', async () => {
    const { harness, connection, socket } = await established();
    socket.receiver?.onDisconnect(WSAECONNRESET);
    await turns();
    connection.session.close();
    await turns();
    assert.deepEqual(
      harness.san.takeLog().filter((call) => call === 'WSPCloseSocket'),
      ['WSPCloseSocket'],
    );
    assert.equal(socket.closed, true);
  });
});

describe('ERR-15: the program closes with operations pending (BLOCK-4, BLOCK-6, CLOSE-4)', () => {
  test('they end with WSA_OPERATION_ABORTED inside WSPCloseSocket, the write with an error, and nothing after it', async () => {
    const { harness, connection, user, socket } = await established();
    harness.san.sendResult = WSA_IO_PENDING;
    connection.session.write(Buffer.from('data'));
    assert.equal(harness.san.pended.length, 1);
    const { overlapped } = harness.san.pended[0];
    connection.session.reset();
    await turns();
    assert.equal(overlapped.OffsetHigh, WSA_OPERATION_ABORTED);
    assert.equal(socket.closed, true);
    assert.ok(!user.heard.includes('written 0'), 'what was cancelled was not written');
    const calls = harness.san.takeLog();
    assert.equal(calls.at(-1), 'WSPCloseSocket', 'only WSPCloseSocket is called after a cancelled operation');
  });
});

describe('ERR-21: nothing is asked of a socket that is closed (CLOSE-9)', () => {
  test('neither by a late write nor by a shutdown', async () => {
    const { harness, connection } = await established();
    connection.session.reset();
    await turns();
    harness.san.takeLog();
    const before = harness.san.last.sent.length;
    assert.ok(connection.session.write(Buffer.from('late')) < 0);
    connection.session.shutdown();
    connection.session.close();
    await turns();
    assert.equal(harness.san.last.sent.length, before);
    assert.deepEqual(harness.san.takeLog(), []);
  });

  test('a late completion for it finds nobody (OBS-22)', async () => {
    const { harness, connection, user } = await established();
    harness.san.sendResult = WSA_IO_PENDING;
    connection.session.write(Buffer.from('data'));
    const [{ socket, overlapped }] = harness.san.pended;
    connection.session.reset();
    await turns();
    const heard = [...user.heard];
    const errno = { value: 0 };
    const result = harness.san.given?.upcalls.lpWPUCompleteOverlappedRequest(socket.handle, overlapped, 0, 4, errno);
    await turns();
    assert.deepEqual([result, errno.value], [-1, WSAENOTSOCK]);
    assert.deepEqual(user.heard, heard);
  });
});
