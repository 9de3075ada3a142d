import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type NodeName,
  type SharedHandle,
  TCPIP_PROVIDER_ID,
  TcpipProvider,
} from '../../../src/providers/tcpip/index.js';
import {
  AF_INET,
  AF_INET6,
  createEvent,
  createNetworkEvents,
  createProcTable,
  createUpcallTable,
  createWspData,
  FD_ADDRESS_LIST_CHANGE,
  FD_CONNECT,
  INVALID_SOCKET,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  makeSockaddr,
  missingProcs,
  type Out,
  SIO_ADDRESS_LIST_CHANGE,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SIO_ROUTING_INTERFACE_QUERY,
  SO_ACCEPTCONN,
  SO_DEBUG,
  SO_MAX_MSG_SIZE,
  SO_SD_NATIVE_ADDRESS,
  SO_TYPE,
  SOCK_STREAM,
  type SOCKADDR,
  SOCKADDR_IN_SIZE,
  SOCKET_ERROR,
  SOL_SOCKET,
  TCP_NODELAY,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  WSAEACCES,
  WSAEADDRINUSE,
  WSAEAFNOSUPPORT,
  WSAECONNREFUSED,
  WSAEFAULT,
  WSAEINVAL,
  WSAEMFILE,
  WSAENETUNREACH,
  WSAENOPROTOOPT,
  WSAENOTCONN,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  WSAEPROTONOSUPPORT,
  WSAEPROTOTYPE,
  WSAEWOULDBLOCK,
  WSAID_RDMAREAD,
  WSANOTINITIALISED,
  WSAVERNOTSUPPORTED,
  type WSPPROC_TABLE,
} from '../../../src/spi/index.js';
import { FakeDriver, FakeHandle, fakeMethods } from './fakes.js';

const errno = { value: 0 };
const upcalls = createUpcallTable({
  lpWPUCreateSocketHandle: () => assert.fail('TCP/IP has handles of its own (XP1_IFS_HANDLES)'),
  lpWPUCloseSocketHandle: () => assert.fail(),
  lpWPUQuerySocketHandleContext: () => assert.fail(),
  lpWPUCompleteOverlappedRequest: () => assert.fail(),
});

type GetSockName = (s: number, name: SOCKADDR, namelen: Out<number>, lpErrno: Out<number>) => number;

function start() {
  const driver = new FakeDriver();
  const provider = new TcpipProvider(driver, fakeMethods);
  const procs = createProcTable();
  const code = provider.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), provider.protocolInfo, upcalls, procs);
  assert.equal(code, 0);
  const getSockName = procs.lpWSPGetSockName as unknown as GetSockName;
  const socket = (af = AF_INET, type = SOCK_STREAM, protocol = IPPROTO_TCP, flags = WSA_FLAG_OVERLAPPED) =>
    procs.lpWSPSocket(af, type, protocol, null, 0, flags, errno);
  return { driver, provider, procs, getSockName, socket };
}

/** A call that must fail, and its code. */
function fails(result: number, code: number): void {
  assert.equal(result, SOCKET_ERROR);
  assert.equal(errno.value, code);
}

const name = (address = '127.0.0.1', port = 0) =>
  makeSockaddr(address.includes(':') ? AF_INET6 : AF_INET, address, port);

describe('start-up', () => {
  test('fills the table and WSPGetSockName; says who it is', () => {
    const { procs, provider } = start();
    assert.deepEqual(missingProcs(procs), []);
    assert.equal(typeof procs.lpWSPGetSockName, 'function');
    assert.equal(provider.protocolInfo.ProviderId, TCPIP_PROVIDER_ID);
  });

  test('needs version 2.2', () => {
    const provider = new TcpipProvider(new FakeDriver(), fakeMethods);
    for (const [version, code] of [
      [0x0101, WSAVERNOTSUPPORTED],
      [0x0102, WSAVERNOTSUPPORTED],
      [0x0301, WSAVERNOTSUPPORTED],
      [0x0202, 0],
      [0x0003, 0],
    ] as const) {
      const result = provider.WSPStartupEx(version, createWspData(), provider.protocolInfo, upcalls, createProcTable());
      assert.equal(result, code, version.toString(16));
    }
  });

  test('each start is paired with a cleanup; the last one ends it (SP-11)', () => {
    const { driver, provider, procs, socket } = start();
    provider.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), provider.protocolInfo, upcalls, createProcTable());
    assert.equal(driver.watchers, 1);
    assert.equal(procs.lpWSPCleanup(errno), 0);
    assert.notEqual(socket(), INVALID_SOCKET);
    assert.equal(procs.lpWSPCleanup(errno), 0);
    assert.equal(driver.watchers, 0);
    fails(procs.lpWSPCleanup(errno), WSANOTINITIALISED);
    assert.equal(socket(), INVALID_SOCKET);
    assert.equal(errno.value, WSANOTINITIALISED);
    fails(procs.lpWSPListen(1, 5, errno), WSANOTINITIALISED);
  });
});

describe('sockets', () => {
  test('WSPSocket checks what it is asked for (OBS-6)', () => {
    const { socket } = start();
    for (const [result, code] of [
      [() => socket(1), WSAEAFNOSUPPORT],
      [() => socket(AF_INET, 2), WSAEPROTOTYPE],
      [() => socket(AF_INET, SOCK_STREAM, 17), WSAEPROTONOSUPPORT],
      [() => socket(AF_INET, SOCK_STREAM, IPPROTO_TCP, 0), WSAEINVAL],
    ] as const) {
      assert.equal(result(), INVALID_SOCKET);
      assert.equal(errno.value, code);
    }
  });

  test('a descriptor that is closed, or never was one, is no socket', () => {
    const { procs, socket, getSockName } = start();
    const s = socket();
    assert.equal(procs.lpWSPCloseSocket(s, errno), 0);
    const value = { value: 0 };
    const calls = [
      () => procs.lpWSPCloseSocket(s, errno),
      () => procs.lpWSPBind(s, name(), SOCKADDR_IN_SIZE, errno),
      () => procs.lpWSPListen(s, 5, errno),
      () => procs.lpWSPConnect(s, name(), SOCKADDR_IN_SIZE, null, null, null, null, errno),
      () => procs.lpWSPGetSockOpt(s, SOL_SOCKET, SO_DEBUG, value, { value: 4 }, errno),
      () => procs.lpWSPSetSockOpt(s, SOL_SOCKET, SO_DEBUG, 1, 4, errno),
      () => procs.lpWSPIoctl(s, SIO_ADDRESS_LIST_QUERY, null, value, value, null, null, null, errno),
      () => procs.lpWSPEventSelect(s, null, 0, errno),
      () => procs.lpWSPEnumNetworkEvents(s, null, createNetworkEvents(), errno),
      () => getSockName(s, name(), value, errno),
    ];
    for (const call of calls) {
      errno.value = 0;
      fails(call(), WSAENOTSOCK);
    }
  });

  test('data, accepting and duplicates are not its business', () => {
    const { procs, socket } = start();
    const table = procs as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const slot of ['lpWSPAccept', 'lpWSPSend', 'lpWSPRecv', 'lpWSPDuplicateSocket'] as const) {
      errno.value = 0;
      fails(table[slot]?.(socket(), errno) as number, WSAEOPNOTSUPP);
    }
    assert.equal(table['lpWSPGetOverlappedResult']?.(socket(), errno), false);
    assert.equal(table['lpWSPGetQOSByName']?.(socket(), null, null, errno), false);
  });
});

describe('a program’s handle', () => {
  const adopted = (family = AF_INET) => {
    const parts = start();
    const handle = new FakeHandle();
    const s = parts.provider.adopt(handle, family);
    return { ...parts, handle, s };
  };

  test('is bound for real: a reserved descriptor goes into it (D12)', () => {
    const { driver, procs, handle, s, getSockName } = adopted();
    assert.equal(procs.lpWSPBind(s, name('127.0.0.1'), SOCKADDR_IN_SIZE, errno), 0);
    assert.deepEqual(driver.reserved, [{ family: 4, address: '127.0.0.1', port: 0 }]);
    assert.equal(handle.fd, 20);
    const found = name('0.0.0.0');
    assert.equal(getSockName(s, found, { value: 0 }, errno), 0);
    assert.deepEqual([found.sa_family, found.sin_addr, found.sin_port], [AF_INET, '127.0.0.1', 50020]);
    assert.deepEqual(driver.closed, []);
  });

  test('of IPv6 in its own family', () => {
    const { driver, procs, s } = adopted(AF_INET6);
    assert.equal(procs.lpWSPBind(s, name('::1'), 28, errno), 0);
    assert.deepEqual(driver.reserved, [{ family: 6, address: '::1', port: 0 }]);
  });

  test('keeps nothing of a bind that failed', () => {
    const { driver, procs, handle, s } = adopted();
    driver.reserveResult = -98;
    fails(procs.lpWSPBind(s, name(), SOCKADDR_IN_SIZE, errno), WSAEADDRINUSE);
    driver.reserveResult = 0;
    handle.openStatus = -24;
    fails(procs.lpWSPBind(s, name(), SOCKADDR_IN_SIZE, errno), WSAEMFILE);
    assert.deepEqual(driver.closed, [20]);
    assert.equal(handle.fd, -1);
  });

  test('that has a socket is not bound again; nor is none at all', () => {
    const { procs, handle, s, socket } = adopted();
    handle.fd = 5;
    fails(procs.lpWSPBind(s, name(), SOCKADDR_IN_SIZE, errno), WSAEINVAL);
    fails(procs.lpWSPBind(socket(), name(), SOCKADDR_IN_SIZE, errno), WSAEINVAL);
    fails(procs.lpWSPBind(s, name(), 4, errno), WSAEFAULT);
    fails(procs.lpWSPBind(s, makeSockaddr(1, '', 0), 28, errno), WSAEFAULT);
  });

  test('connects with the program’s request and address, and libuv’s very status', () => {
    const { provider, handle, s } = adopted(AF_INET6);
    const request = {};
    assert.equal(provider.connect(s, request, AF_INET6, 'fe80::1%eth0', 80), 0);
    assert.deepEqual(handle.calls, [['connect6', request, 'fe80::1%eth0', 80]]);
    handle.connectStatus = -101;
    assert.equal(provider.connect(s, request, AF_INET, '192.0.2.1', 80), -101);
    assert.equal(provider.lastStatus(s), -101);
    provider.forget(s);
    assert.equal(provider.lastStatus(s), 0);
    assert.throws(() => provider.connect(s, request, AF_INET, '192.0.2.1', 80), TypeError);
  });

  test('WSPConnect: under way, or the code; connect data it has none', () => {
    const { procs, provider, handle, s } = adopted();
    const connect = (data: { len: number; buf: Uint8Array } | null = null) =>
      procs.lpWSPConnect(s, name('127.0.0.1', 80), SOCKADDR_IN_SIZE, data, null, null, null, errno);
    fails(connect(), WSAEINVAL); // nobody would be told
    provider.connect(s, {}, AF_INET, '127.0.0.1', 80);
    handle.connectStatus = -111;
    provider.connect(s, {}, AF_INET, '127.0.0.1', 80);
    assert.equal(provider.lastStatus(s), -111);
    fails(connect({ len: 1, buf: Uint8Array.of(1) }), WSAEINVAL);
    assert.equal(handle.calls.length, 2);
    assert.notEqual(WSAECONNREFUSED, 0);
  });

  test('listens', () => {
    const { procs, handle, s, socket } = adopted();
    const listening = { value: 0 };
    procs.lpWSPGetSockOpt(s, SOL_SOCKET, SO_ACCEPTCONN, listening, { value: 4 }, errno);
    assert.equal(listening.value, 0);
    assert.equal(procs.lpWSPListen(s, 5, errno), 0);
    assert.deepEqual(handle.calls, [['listen', 5]]);
    procs.lpWSPGetSockOpt(s, SOL_SOCKET, SO_ACCEPTCONN, listening, { value: 4 }, errno);
    assert.equal(listening.value, 1);
    handle.listenStatus = -98;
    fails(procs.lpWSPListen(s, 5, errno), WSAEADDRINUSE);
    fails(procs.lpWSPListen(socket(), 5, errno), WSAEINVAL);
  });

  test('without a socket has no name', () => {
    const { s, getSockName, socket } = adopted();
    fails(getSockName(s, name(), { value: 0 }, errno), WSAENOTSOCK); // EBADF
    fails(getSockName(socket(), name(), { value: 0 }, errno), WSAEINVAL);
  });
});

describe('options', () => {
  const get = (procs: WSPPROC_TABLE, s: number, level: number, optname: number, room = 4) => {
    const value: Out<number | string> = { value: -1 };
    errno.value = 0;
    const result = procs.lpWSPGetSockOpt(s, level, optname, value, { value: room }, errno);
    return result === 0 ? value.value : `error ${errno.value}`;
  };

  test('are stored, by level and name (SOCK-15, TC-9)', () => {
    const { procs, socket } = start();
    const s = socket();
    assert.equal(get(procs, s, SOL_SOCKET, SO_DEBUG), 0);
    assert.equal(procs.lpWSPSetSockOpt(s, SOL_SOCKET, SO_DEBUG, 1, 4, errno), 0);
    assert.equal(get(procs, s, SOL_SOCKET, SO_DEBUG), 1);
    assert.equal(get(procs, s, IPPROTO_TCP, TCP_NODELAY), 0, 'the same number on another level');
    assert.equal(get(procs, socket(), SOL_SOCKET, SO_DEBUG), 0, 'another socket');
    assert.equal(get(procs, s, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
  });

  test('have errors (OPT-11, OPT-12)', () => {
    const { procs, socket } = start();
    const s = socket();
    assert.equal(get(procs, s, 41, IPV6_V6ONLY), `error ${WSAEINVAL}`);
    assert.equal(get(procs, s, SOL_SOCKET, SO_MAX_MSG_SIZE), `error ${WSAENOPROTOOPT}`);
    assert.equal(get(procs, s, IPPROTO_TCP, 999), `error ${WSAENOPROTOOPT}`);
    assert.equal(get(procs, s, SOL_SOCKET, SO_DEBUG, 3), `error ${WSAEFAULT}`);
    fails(procs.lpWSPSetSockOpt(s, 41, IPV6_V6ONLY, 1, 4, errno), WSAEINVAL);
    fails(procs.lpWSPSetSockOpt(s, SOL_SOCKET, SO_TYPE, 1, 4, errno), WSAENOPROTOOPT);
    fails(procs.lpWSPSetSockOpt(s, SOL_SOCKET, SO_DEBUG, 1, 2, errno), WSAEFAULT);
    fails(procs.lpWSPSetSockOpt(s, SOL_SOCKET, SO_DEBUG, 0.5, 4, errno), WSAEINVAL);
  });

  test('the native address is the kernel’s cookie (D4)', () => {
    const { driver, procs, provider, socket } = start();
    const handle = new FakeHandle();
    const s = provider.adopt(handle, AF_INET);
    assert.equal(get(procs, s, SOL_SOCKET, SO_SD_NATIVE_ADDRESS, 8), `error ${WSAENOTCONN}`);
    handle.fd = 9;
    assert.equal(get(procs, s, SOL_SOCKET, SO_SD_NATIVE_ADDRESS, 8), 1009);
    assert.equal(get(procs, s, SOL_SOCKET, SO_SD_NATIVE_ADDRESS, 4), `error ${WSAEFAULT}`);
    assert.equal(get(procs, socket(), SOL_SOCKET, SO_SD_NATIVE_ADDRESS, 8), `error ${WSAENOTCONN}`);
    driver.cookie = -92;
    assert.equal(get(procs, s, SOL_SOCKET, SO_SD_NATIVE_ADDRESS, 8), `error ${WSAENOPROTOOPT}`);
    driver.cookie = 1n << 60n;
    assert.equal(get(procs, s, SOL_SOCKET, SO_SD_NATIVE_ADDRESS, 8), `error ${WSAENOPROTOOPT}`);
  });

  test('a listening handle whose socket is another process’s has the address of the one that the kernel names (D4)', () => {
    const { driver, procs, provider } = start();
    const shared = (address: string, port: number, result = 0) => ({
      getsockname(out: NodeName) {
        Object.assign(out, { address, port, family: address.includes(':') ? 'IPv6' : 'IPv4' });
        return result;
      },
    });
    const addressOf = (handle: SharedHandle) =>
      get(procs, provider.adopt(handle, AF_INET), SOL_SOCKET, SO_SD_NATIVE_ADDRESS, 8);
    assert.equal(addressOf(shared('127.0.0.1', 80)), 77);
    assert.equal(addressOf(shared('::', 81)), 77);
    assert.deepEqual(driver.translated, [
      [
        { family: 4, address: '127.0.0.1', port: 80 },
        { family: 4, address: '0.0.0.0', port: 0 },
      ],
      [
        { family: 6, address: '::', port: 81 },
        { family: 6, address: '::', port: 0 },
      ],
    ]);
    // Only the listener's own user is a companion that connectors believe (D5).
    driver.listener = { cookie: 77n, uid: process.geteuid!() + 1 };
    assert.equal(addressOf(shared('127.0.0.1', 80)), `error ${WSAEACCES}`);
    driver.listener = -2;
    assert.match(String(addressOf(shared('127.0.0.1', 80))), /^error/);
    assert.equal(driver.translated.length, 4);
    for (const odd of [shared('here', 80), shared('127.0.0.1', 80, -9), { getsockname: () => 0 }] as SharedHandle[]) {
      assert.match(String(addressOf(odd)), /^error/);
    }
    assert.equal(driver.translated.length, 4, 'the kernel is asked only about addresses');
    // It is nobody's to bind or to connect.
    const s = provider.adopt(shared('127.0.0.1', 80), AF_INET);
    fails(procs.lpWSPBind(s, name(), SOCKADDR_IN_SIZE, errno), WSAEINVAL);
    fails(procs.lpWSPListen(s, 5, errno), WSAEINVAL);
  });
});

describe('control codes', () => {
  const ask = (parts: ReturnType<typeof start>, code: number, input: unknown = null) => {
    const output: Out<unknown> = { value: null };
    const result = parts.procs.lpWSPIoctl(parts.socket(), code, input, output, { value: 0 }, null, null, null, errno);
    return { result, value: output.value };
  };

  test('the address list is the proxy driver’s, as of now (TC-10)', () => {
    const parts = start();
    parts.driver.addresses.push(name('10.0.0.5'));
    const { value } = ask(parts, SIO_ADDRESS_LIST_QUERY);
    assert.deepEqual(value, {
      iAddressCount: 1,
      Address: [{ lpSockaddr: name('10.0.0.5'), iSockaddrLength: SOCKADDR_IN_SIZE }],
    });
  });

  test('the interface to a destination: source, and whether it is this host (D4)', () => {
    const parts = start();
    const { value } = ask(parts, SIO_ROUTING_INTERFACE_QUERY, name('127.0.0.9', 80));
    assert.deepEqual(value, { sa_family: AF_INET, sin_port: 0, sin_addr: '127.0.0.1', sd_local: true });
    parts.driver.route = { local: false, source: '192.0.2.9' };
    const away = ask(parts, SIO_ROUTING_INTERFACE_QUERY, name('192.0.2.1')).value as { sd_local: boolean };
    assert.equal(away.sd_local, false);
    parts.driver.route = -101;
    fails(ask(parts, SIO_ROUTING_INTERFACE_QUERY, name('192.0.2.1')).result, WSAENETUNREACH);
    parts.driver.route = { local: true, source: '' };
    fails(ask(parts, SIO_ROUTING_INTERFACE_QUERY, name('192.0.2.1')).result, WSAENETUNREACH);
    fails(ask(parts, SIO_ROUTING_INTERFACE_QUERY, null).result, WSAEFAULT);
    fails(ask(parts, SIO_ROUTING_INTERFACE_QUERY, makeSockaddr(1, 'x', 0)).result, WSAEAFNOSUPPORT);
  });

  test('extensions it has none; other codes it does not know', () => {
    const parts = start();
    fails(ask(parts, SIO_GET_EXTENSION_FUNCTION_POINTER, WSAID_RDMAREAD).result, WSAEOPNOTSUPP);
    fails(ask(parts, SIO_GET_EXTENSION_FUNCTION_POINTER, 'nonsense').result, WSAEINVAL);
    fails(ask(parts, 0x12345678).result, WSAENOPROTOOPT);
  });
});

describe('address changes (TC-11, ADDR-11)', () => {
  test('are signalled once per time they are asked for', () => {
    const { driver, procs, socket } = start();
    const s = socket();
    const event = createEvent();
    let signals = 0;
    event.onSet = () => signals++;
    const arm = () =>
      procs.lpWSPIoctl(s, SIO_ADDRESS_LIST_CHANGE, null, { value: null }, { value: 0 }, null, null, null, errno);
    assert.equal(procs.lpWSPEventSelect(s, event, FD_ADDRESS_LIST_CHANGE, errno), 0);
    driver.change();
    assert.equal(signals, 0);
    fails(arm(), WSAEWOULDBLOCK);
    driver.change();
    driver.change();
    assert.equal(signals, 1);
    const events = createNetworkEvents();
    assert.equal(procs.lpWSPEnumNetworkEvents(s, event, events, errno), 0);
    assert.equal(events.lNetworkEvents, FD_ADDRESS_LIST_CHANGE);
    assert.equal(event.signalled, false);
    arm();
    driver.change();
    assert.equal(signals, 2);
  });

  test('that came before the event was named are signalled at once; other events are Node’s (TC-8)', () => {
    const { driver, procs, socket } = start();
    const s = socket();
    const event = createEvent();
    procs.lpWSPIoctl(s, SIO_ADDRESS_LIST_CHANGE, null, { value: null }, { value: 0 }, null, null, null, errno);
    driver.change();
    fails(procs.lpWSPEventSelect(s, event, FD_CONNECT, errno), WSAEINVAL);
    assert.equal(procs.lpWSPEventSelect(s, event, FD_ADDRESS_LIST_CHANGE, errno), 0);
    assert.equal(event.signalled, true);
  });
});
