// Starting and cleaning up the shm provider, to the letter of the SPI (SP-1, SP-5…8, SP-11, SP-12).
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createShmProvider } from '../../../src/providers/shm/index.js';
import { RING_BYTES_MAX, RING_BYTES_MIN } from '../../../src/providers/shm/layout.js';
import {
  AF_INET,
  createProcTable,
  createUpcallTable,
  createWspData,
  finishOverlapped,
  IPPROTO_TCP,
  MAKEWORD,
  makeSockaddr,
  missingProcs,
  PROC_TABLE_SLOTS,
  SOCK_STREAM,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  WSAEFAULT,
  WSANOTINITIALISED,
  WSAVERNOTSUPPORTED,
  WSPDESCRIPTION_LEN,
} from '../../../src/spi/index.js';
import { driver, TCPIP } from './support/mini-switch.js';

after(() => driver.unload());

const NAME = makeSockaddr(AF_INET, '127.0.0.1', 9);

describe('WSPStartupEx', () => {
  const provider = createShmProvider({
    driver,
    ringBytes: RING_BYTES_MIN,
    spillBytesMax: 1 << 20,
    allowedUids: new Set(),
  });
  const closed: number[] = [];
  let handles = 0;
  const upcalls = createUpcallTable({
    lpWPUCreateSocketHandle: () => handles++,
    lpWPUCloseSocketHandle: (s) => (closed.push(s), 0),
    lpWPUQuerySocketHandleContext: () => 0,
    lpWPUCompleteOverlappedRequest: (_s, overlapped, error, bytes) => (finishOverlapped(overlapped, error, bytes), 0),
  });
  const info = TCPIP;

  test('wants version 2.2: the low byte is the major one (SP-5, OBS-3)', () => {
    const start = (version: number) =>
      provider.WSPStartupEx(version, createWspData(), info, upcalls, createProcTable());
    for (const version of [MAKEWORD(1, 1), MAKEWORD(2, 0), MAKEWORD(2, 1), MAKEWORD(0, 2)]) {
      assert.equal(start(version), WSAVERNOTSUPPORTED, version.toString(16));
    }
    const table = createProcTable();
    const data = createWspData();
    for (const version of [WINSOCK_VERSION_2_2, MAKEWORD(3, 0)]) {
      assert.equal(provider.WSPStartupEx(version, data, info, upcalls, table), 0);
      table.lpWSPCleanup({ value: 0 });
    }
  });

  test('refuses a bad structure with WSAEFAULT, not with an exception (SP-5)', () => {
    const nothing = null as never;
    const data = createWspData();
    const table = createProcTable();
    assert.equal(provider.WSPStartupEx(WINSOCK_VERSION_2_2, nothing, info, upcalls, table), WSAEFAULT);
    assert.equal(provider.WSPStartupEx(WINSOCK_VERSION_2_2, data, info, nothing, table), WSAEFAULT);
    assert.equal(provider.WSPStartupEx(WINSOCK_VERSION_2_2, data, info, upcalls, nothing), WSAEFAULT);
  });

  test('fills WSPDATA, the seventeen functions and none of the thirteen (SP-1, SP-6, SP-7, SP-8)', () => {
    const data = createWspData();
    const table = createProcTable();
    assert.equal(provider.WSPStartupEx(WINSOCK_VERSION_2_2, data, info, upcalls, table), 0);
    assert.equal(data.wVersion, WINSOCK_VERSION_2_2);
    assert.ok(data.szDescription.length > 0 && data.szDescription.length <= WSPDESCRIPTION_LEN);
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    assert.ok(!/[\u0000-\u001f\u007f]/.test(data.szDescription));
    assert.deepEqual(missingProcs(table), []);
    assert.equal(PROC_TABLE_SLOTS.filter((name) => table[name] === null).length, 13);
    table.lpWSPCleanup({ value: 0 });
  });

  test('counts: only the last WSPCleanup cleans up, and the provider can be started again (SP-11)', () => {
    const table = createProcTable();
    const errno = { value: 0 };
    const socket = () => table.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, errno);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 3; i++) {
        assert.equal(provider.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), info, upcalls, table), 0);
      }
      const s = socket();
      assert.ok(s >= 0);
      closed.length = 0;
      for (let i = 0; i < 2; i++) {
        assert.equal(table.lpWSPCleanup(errno), 0);
        assert.equal(table.lpWSPBind(s, NAME, 3, errno), -1);
        assert.equal(errno.value, WSAEFAULT, 'the socket is there');
      }
      assert.deepEqual(closed, []);
      assert.equal(table.lpWSPCleanup(errno), 0);
      assert.equal(closed.length, 1, 'its socket ends with the last up-call');
      assert.equal(socket(), -1);
      assert.equal(errno.value, WSANOTINITIALISED);
    }
  });

  test('rings too small for a message, too large, or of an odd size are refused at once', () => {
    for (const ringBytes of [RING_BYTES_MIN / 2, RING_BYTES_MIN + 1, 2 * RING_BYTES_MAX]) {
      const options = { driver, ringBytes, spillBytesMax: 1 << 20, allowedUids: new Set<number>() };
      assert.throws(() => createShmProvider(options), RangeError);
    }
  });

  test('ERR-22: without a start everything is WSANOTINITIALISED, never WSAEINVAL (SP-12)', () => {
    const fresh = createShmProvider({
      driver,
      ringBytes: RING_BYTES_MIN,
      spillBytesMax: 1 << 20,
      allowedUids: new Set(),
    });
    const table = createProcTable();
    const errno = { value: 0 };
    assert.equal(fresh.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), info, upcalls, table), 0);
    assert.equal(table.lpWSPCleanup(errno), 0);
    assert.equal(table.lpWSPCleanup(errno), -1);
    assert.equal(errno.value, WSANOTINITIALISED);
    assert.equal(table.lpWSPBind(0, NAME, 16, errno), -1);
    assert.equal(errno.value, WSANOTINITIALISED);
  });
});
