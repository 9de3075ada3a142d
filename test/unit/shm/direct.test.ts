// The shm provider under the switch and loaded directly: two sets of entry points, by what WSPStartupEx is given (SP-3).
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { protocolProblem } from '../../../src/catalog/document.js';
import { createShmProvider } from '../../../src/providers/shm/index.js';
import { RING_BYTES_MIN } from '../../../src/providers/shm/layout.js';
import { AF_SD_SHM, protocolInfo, WSPStartupEx } from '../../../src/providers/shm/module.js';
import {
  AF_INET,
  createProcTable,
  createUpcallTable,
  createWspData,
  IPPROTO_TCP,
  makeSockaddr,
  SIO_ADDRESS_LIST_QUERY,
  SIO_SD_LISTENER_HINT,
  SOCK_STREAM,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  type WSAPROTOCOL_INFOW,
  WSAEAFNOSUPPORT,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOPROTOOPT,
  WSAENOTCONN,
  WSAENOTSOCK,
  WSAEPROCLIM,
  WSAEPROTONOSUPPORT,
} from '../../../src/spi/index.js';
import { driver, TCPIP } from './support/mini-switch.js';

after(() => driver.unload());

const errno = { value: 0 };
let handles = 0;
const upcalls = createUpcallTable({
  lpWPUCreateSocketHandle: () => handles++,
  lpWPUCloseSocketHandle: () => 0,
  lpWPUQuerySocketHandleContext: () => 0,
  lpWPUCompleteOverlappedRequest: () => 0,
});

/** Starts a fresh provider with this protocol information. */
function started(info: WSAPROTOCOL_INFOW) {
  const options = { driver, ringBytes: RING_BYTES_MIN, spillBytesMax: 1 << 20, allowedUids: new Set<number>() };
  const provider = createShmProvider(options);
  const table = createProcTable();
  assert.equal(provider.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), info, upcalls, table), 0);
  const socket = (af: number): number =>
    table.lpWSPSocket(af, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, errno);
  return { provider, table, socket };
}

describe('the entry points (SP-3, SP-4)', () => {
  test('under the switch: IP families only, thirteen null slots (SW-23, SP-8)', () => {
    const { table, socket } = started(TCPIP);
    assert.ok(socket(AF_INET) >= 0);
    assert.equal(socket(AF_SD_SHM), -1);
    assert.equal(errno.value, WSAEAFNOSUPPORT);
    assert.deepEqual([table.lpWSPGetSockName, table.lpWSPGetPeerName], [null, null]);
    table.lpWSPCleanup(errno);
  });

  test('for a program: the native family only, and names', () => {
    const { table, socket } = started(protocolInfo);
    const s = socket(AF_SD_SHM);
    assert.ok(s >= 0);
    assert.equal(socket(AF_INET), -1);
    assert.equal(errno.value, WSAEAFNOSUPPORT);
    for (const name of [table.lpWSPGetSockName, table.lpWSPGetPeerName]) assert.equal(typeof name, 'function');
    const code = (result: number): number => (result < 0 ? errno.value : 0);
    for (const control of [SIO_ADDRESS_LIST_QUERY, SIO_SD_LISTENER_HINT]) {
      const output = { value: null as unknown };
      const result = table.lpWSPIoctl(s, control, null, output, { value: 0 }, null, null, null, errno);
      assert.equal(code(result), WSAENOPROTOOPT);
    }
    table.lpWSPCleanup(errno);
  });

  test('not both at once: one table of up-calls serves one caller', () => {
    const { provider, table } = started(TCPIP);
    const start = (info: WSAPROTOCOL_INFOW): number =>
      provider.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), info, upcalls, createProcTable());
    assert.equal(start(protocolInfo), WSAEPROCLIM);
    assert.equal(start(TCPIP), 0);
    table.lpWSPCleanup(errno);
    table.lpWSPCleanup(errno);
    assert.equal(start(protocolInfo), 0, 'once it is cleaned up, anybody may start it');
  });
});

describe('native addresses', () => {
  test('are numbers in decimal; anything else is WSAEFAULT', () => {
    const { table, socket } = started(protocolInfo);
    const name = (sin_addr: string, sin_port = 0, sa_family = AF_SD_SHM) => ({ sa_family, sin_addr, sin_port });
    const bind = (to: ReturnType<typeof name>, length = 8): number => {
      const s = socket(AF_SD_SHM);
      return table.lpWSPBind(s, to, length, errno) === 0 ? 0 : errno.value;
    };
    for (const text of ['1', '4711', String(Number.MAX_SAFE_INTEGER), '']) assert.equal(bind(name(text)), 0, text);
    for (const text of ['0', '01', '-1', '1.5', '127.0.0.1', '9007199254740992', 'x']) {
      assert.equal(bind(name(text)), WSAEFAULT, text);
    }
    assert.equal(bind(name('1', 80)), WSAEFAULT);
    assert.equal(bind(name('1'), 7), WSAEFAULT);
    assert.equal(bind(makeSockaddr(AF_INET, '127.0.0.1', 80), 16), WSAEFAULT);
    const s = socket(AF_SD_SHM);
    const connect = (to: ReturnType<typeof name>): number =>
      table.lpWSPConnect(s, to, 8, null, null, null, null, errno) === 0 ? 0 : errno.value;
    assert.equal(connect(name('1')), WSAEINVAL, 'not bound');
    table.lpWSPBind(s, name(''), 8, errno);
    assert.equal(connect(name('')), WSAEFAULT);
    const procs = table as unknown as Record<string, (...args: unknown[]) => number>;
    const got = name('?');
    assert.equal(procs['lpWSPGetPeerName'](s, got, { value: 8 }, errno), -1);
    assert.equal(errno.value, WSAENOTCONN);
    assert.equal(procs['lpWSPGetSockName'](s, got, { value: 7 }, errno), -1);
    assert.equal(errno.value, WSAEFAULT);
    assert.equal(procs['lpWSPGetSockName'](socket(AF_SD_SHM), got, { value: 8 }, errno), -1);
    assert.equal(errno.value, WSAEINVAL);
    assert.equal(procs['lpWSPGetSockName'](999, got, { value: 8 }, errno), -1);
    assert.equal(errno.value, WSAENOTSOCK);
    table.lpWSPCleanup(errno);
  });
});

describe('sockets-direct/shm', () => {
  test('is for programs: the switch’s protocol information is refused, and so is installing it (SP-16, SP-17)', () => {
    const table = createProcTable();
    assert.equal(WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), TCPIP, upcalls, table), WSAEPROTONOSUPPORT);
    assert.match(protocolProblem(protocolInfo) ?? '', /not hidden/);
  });
});
