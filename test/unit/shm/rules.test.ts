// The letter of the SPI on the shm provider: codes for wrong use, clean-up, options, events, polling.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createShmProvider } from '../../../src/providers/shm/index.js';
import { RING_BYTES_MIN } from '../../../src/providers/shm/layout.js';
import {
  AF_INET,
  AF_INET6,
  CF_ACCEPT,
  createEvent,
  createNetworkEvents,
  createOverlapped,
  FD_ACCEPT,
  FD_ACCEPT_BIT,
  FD_CLOSE,
  FD_CONNECT,
  FD_READ,
  FD_WRITE,
  IPPROTO_TCP,
  IPPROTO_IPV6,
  makeSockaddr,
  OVERLAPPED_POLL,
  SIO_ADDRESS_LIST_CHANGE,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_QOS,
  SO_DEBUG,
  SO_KEEPALIVE,
  SO_MAX_MSG_SIZE,
  SO_SD_NATIVE_ADDRESS,
  SOCK_STREAM,
  SOL_SOCKET,
  SOMAXCONN,
  WSA_FLAG_OVERLAPPED,
  WSA_IO_INCOMPLETE,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  WSAEAFNOSUPPORT,
  WSAECONNREFUSED,
  WSAEFAULT,
  WSAEINVAL,
  WSAEISCONN,
  WSAENOPROTOOPT,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  WSAEPROTONOSUPPORT,
  WSAEPROTOTYPE,
  WSAEWOULDBLOCK,
  WSANOTINITIALISED,
  XP1_CONNECTIONLESS,
  XP1_IFS_HANDLES,
  XP1_QOS_SUPPORTED,
} from '../../../src/spi/index.js';
import { until } from '../../support/until.js';
import { driver, MiniSwitch } from './support/mini-switch.js';

const open: { close(): void }[] = [];
after(() => {
  for (const server of open) server.close();
  driver.unload();
});

const NAME = makeSockaddr(AF_INET, '127.0.0.1', 9);

/** The code of a call that failed; 0 if it did not. */
const codeOf = (sw: MiniSwitch, result: number | boolean): number =>
  result === 0 || result === true ? 0 : sw.errno.value;

async function connected(sw = new MiniSwitch()) {
  const accepted: number[] = [];
  const listening = await sw.listen((s) => accepted.push(s));
  open.push(listening.tcp);
  const { s, code } = await sw.connect(listening.port);
  assert.equal(code, 0);
  return { sw, s, peer: accepted[0], listener: listening.s, port: listening.port };
}

test('the last WSPCleanup ends what is pending with WSA_OPERATION_ABORTED, then every handle (SP-12, CLOSE-15)', async () => {
  const { sw, s, peer } = await connected();
  const into = Buffer.alloc(16);
  const overlapped = createOverlapped();
  const posted = [{ len: 16, buf: into }];
  sw.proc.lpWSPRecv(peer, posted, 1, { value: 0 }, { value: 0 }, overlapped, null, null, sw.errno);
  assert.equal(sw.errno.value, WSA_IO_PENDING);
  const handles = sw.closedHandles.length;
  assert.equal(sw.proc.lpWSPCleanup(sw.errno), 0);
  assert.deepEqual(
    sw.completed.map(({ error }) => error),
    [WSA_OPERATION_ABORTED],
  );
  assert.equal(sw.closedHandles.length - handles, 3, 'listener and both ends');
  assert.equal(codeOf(sw, sw.proc.lpWSPCloseSocket(s, sw.errno)), WSANOTINITIALISED);
});

describe('WSPSocket and WSPBind', () => {
  test('refuse what the switch never asks for (SOCK-9, SOCK-10, OBS-6)', () => {
    const sw = new MiniSwitch();
    const socket = (af: number, type: number, protocol: number, flags: number): number =>
      codeOf(sw, Math.min(0, sw.proc.lpWSPSocket(af, type, protocol, null, 0, flags, sw.errno)));
    assert.equal(socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP, WSA_FLAG_OVERLAPPED), 0);
    assert.equal(socket(1, SOCK_STREAM, IPPROTO_TCP, WSA_FLAG_OVERLAPPED), WSAEAFNOSUPPORT);
    assert.equal(socket(AF_INET, 2, IPPROTO_TCP, WSA_FLAG_OVERLAPPED), WSAEPROTOTYPE, 'datagrams');
    assert.equal(socket(AF_INET, 3, IPPROTO_TCP, WSA_FLAG_OVERLAPPED), WSAEPROTOTYPE, 'raw (SW-24)');
    assert.equal(socket(AF_INET, SOCK_STREAM, 17, WSA_FLAG_OVERLAPPED), WSAEPROTONOSUPPORT);
    for (const flags of [0, 3]) assert.equal(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP, flags), WSAEINVAL);
  });

  test('a name is of IP, long enough, with a port, and given once (SOCK-12, SOCK-14)', () => {
    const sw = new MiniSwitch();
    const s = sw.proc.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, sw.errno);
    const bind = (name: typeof NAME, length = 28): number => codeOf(sw, sw.proc.lpWSPBind(s, name, length, sw.errno));
    assert.equal(bind(makeSockaddr(1, '', 9)), WSAEFAULT);
    assert.equal(bind(NAME, 15), WSAEFAULT);
    assert.equal(bind(makeSockaddr(AF_INET6, '::1', 9), 27), WSAEFAULT);
    assert.equal(bind(makeSockaddr(AF_INET, '127.0.0.1', 0)), WSAEINVAL);
    assert.equal(bind(NAME), 0);
    assert.equal(bind(NAME), WSAEINVAL);
    assert.equal(codeOf(sw, sw.proc.lpWSPBind(99, NAME, 16, sw.errno)), WSAENOTSOCK);
  });
});

describe('WSPListen and WSPAccept', () => {
  test('have their codes (LIST-9, ACC-9, OBS-31)', async () => {
    const { sw, s, listener } = await connected();
    const listen = (on: number): number => codeOf(sw, sw.proc.lpWSPListen(on, 5, sw.errno));
    const fresh = sw.proc.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, sw.errno);
    assert.equal(listen(fresh), WSAEINVAL, 'not bound');
    assert.equal(listen(s), WSAEISCONN);
    assert.equal(listen(99), WSAENOTSOCK);
    const accept = (on: number, condition: unknown = () => CF_ACCEPT): number => {
      const result = sw.proc.lpWSPAccept(on, null, null, condition as () => number, null, sw.errno);
      return result >= 0 ? 0 : sw.errno.value;
    };
    assert.equal(accept(fresh), WSAEINVAL, 'no listen before');
    assert.equal(accept(listener, null), WSAEFAULT, 'no condition function');
    assert.equal(accept(listener), WSAEWOULDBLOCK, 'nothing waits');
    assert.equal(accept(99), WSAENOTSOCK);
    assert.equal(
      codeOf(sw, sw.proc.lpWSPListen(listener, SOMAXCONN, sw.errno)),
      0,
      'a reasonable maximum (LIST-8, OBS-30)',
    );
  });

  test('an address that is too short is told before the request is taken (ACC-9)', async () => {
    const sw = new MiniSwitch();
    const { tcp, s, port } = await sw.listen(
      () => undefined,
      () => assert.fail('not asked yet'),
    );
    open.push(tcp);
    // Nobody accepts by itself.
    sw.proc.lpWSPEventSelect(s, createEvent(), FD_ACCEPT, sw.errno);
    const connecting = sw.connect(port);
    const from = makeSockaddr(AF_INET, '', 0);
    const room = { value: 15 };
    const accept = () => sw.proc.lpWSPAccept(s, from, room, () => CF_ACCEPT, null, sw.errno);
    await until(() => accept() < 0 && sw.errno.value === WSAEFAULT, 'the request');
    room.value = 28;
    assert.ok(accept() >= 0);
    assert.equal(from.sin_addr, '127.0.0.1');
    assert.equal(room.value, 16);
    assert.equal((await connecting).code, 0);
  });

  test('the condition function is asked inside WSPAccept, before the peer hears anything (ACC-2, ACC-3, ACC-4, ACC-6)', async () => {
    const sw = new MiniSwitch();
    const asked: string[] = [];
    let inside = false;
    const { tcp, s, port } = await sw.listen(() => undefined);
    open.push(tcp);
    const event = createEvent();
    event.onSet = () => {
      sw.proc.lpWSPEnumNetworkEvents(s, null, createNetworkEvents(), sw.errno);
      assert.equal(event.signalled, true);
      inside = true;
      const condition = (...args: unknown[]): number => {
        asked.push(`${inside ? 'inside' : 'outside'} ${(args[0] as typeof NAME).sin_addr} ${typeof args[7]}`);
        assert.equal(event.signalled, false, 'reset, so that the next request can signal it (ACC-6)');
        return CF_ACCEPT;
      };
      const handles = sw.handlesMade;
      const accepted = sw.proc.lpWSPAccept(s, null, null, condition, { mine: true }, sw.errno);
      inside = false;
      assert.ok(accepted >= 0);
      assert.equal(sw.handlesMade, handles + 1, 'WPUCreateSocketHandle (ACC-4)');
    };
    sw.proc.lpWSPEventSelect(s, event, FD_ACCEPT, sw.errno);
    const { code } = await sw.connect(port);
    assert.equal(code, 0, 'CF_ACCEPT lets the peer’s connect succeed (ACC-5)');
    assert.deepEqual(asked, ['inside 127.0.0.1 object']);
  });

  test('ERR-7: any other answer than CF_ACCEPT refuses: WSAECONNREFUSED for CF_REJECT (ACC-7, ACC-8)', async () => {
    for (const [decision, code] of [
      [1, WSAECONNREFUSED],
      [2, WSAEINVAL],
      [7, WSAEINVAL],
    ]) {
      const sw = new MiniSwitch();
      const seen: number[] = [];
      const { tcp, s, port } = await sw.listen(
        () => assert.fail('not accepted'),
        () => decision,
      );
      open.push(tcp);
      const event = createEvent();
      event.onSet = () => {
        sw.proc.lpWSPEnumNetworkEvents(s, event, createNetworkEvents(), sw.errno);
        if (sw.proc.lpWSPAccept(s, null, null, () => decision, null, sw.errno) < 0) seen.push(sw.errno.value);
      };
      sw.proc.lpWSPEventSelect(s, event, FD_ACCEPT, sw.errno);
      assert.notEqual((await sw.connect(port)).code, 0);
      assert.deepEqual(seen, [code]);
    }
  });
});

describe('options', () => {
  test('have the published codes, in any state of the socket (OPT-4, OPT-5, OPT-11, OPT-12)', async () => {
    const { sw, s, listener } = await connected();
    const fresh = sw.proc.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, sw.errno);
    for (const on of [fresh, listener, s]) {
      const value = { value: -1 as number | string };
      const get = (level: number, optname: number, room = 4): number =>
        codeOf(sw, sw.proc.lpWSPGetSockOpt(on, level, optname, value, { value: room }, sw.errno));
      const set = (optname: number, to: unknown, length = 4): number =>
        codeOf(sw, sw.proc.lpWSPSetSockOpt(on, SOL_SOCKET, optname, to as number, length, sw.errno));
      assert.equal(get(SOL_SOCKET, SO_MAX_MSG_SIZE), 0);
      assert.ok(Number(value.value) > 0);
      assert.equal(get(SOL_SOCKET, SO_DEBUG), 0);
      assert.equal(value.value, 0);
      assert.equal(set(SO_DEBUG, 1), 0);
      assert.equal(get(SOL_SOCKET, SO_DEBUG), 0);
      assert.equal(value.value, 1);
      assert.equal(get(IPPROTO_IPV6, SO_DEBUG), WSAEINVAL);
      assert.equal(get(SOL_SOCKET, SO_DEBUG, 3), WSAEFAULT);
      assert.equal(get(SOL_SOCKET, SO_KEEPALIVE), WSAENOPROTOOPT);
      assert.equal(set(SO_KEEPALIVE, 1), WSAENOPROTOOPT);
      assert.equal(set(SO_DEBUG, 1, 3), WSAEFAULT);
      for (const bad of [-1, 0.5, Number.NaN, '1', undefined]) {
        assert.equal(set(SO_DEBUG, bad), WSAEINVAL);
        assert.equal(set(SO_SD_NATIVE_ADDRESS, bad), WSAEINVAL);
      }
    }
    assert.equal(
      codeOf(sw, sw.proc.lpWSPGetSockOpt(99, SOL_SOCKET, SO_DEBUG, { value: 0 }, { value: 4 }, sw.errno)),
      WSAENOTSOCK,
    );
  });

  test('a new connection has its listener’s (OBS-32)', async () => {
    const sw = new MiniSwitch();
    const accepted: number[] = [];
    const { tcp, s, port } = await sw.listen((on) => accepted.push(on));
    open.push(tcp);
    sw.proc.lpWSPSetSockOpt(s, SOL_SOCKET, SO_DEBUG, 1, 4, sw.errno);
    await sw.connect(port);
    const value = { value: 0 as number | string };
    sw.proc.lpWSPGetSockOpt(accepted[0], SOL_SOCKET, SO_DEBUG, value, { value: 4 }, sw.errno);
    assert.equal(value.value, 1);
  });
});

describe('control codes and quality of service', () => {
  test('answers its address list, whatever the socket; refuses what is not forwarded to it (SP-13, OPT-9, ADDR-10)', () => {
    const sw = new MiniSwitch();
    const output = { value: null as unknown };
    const ask = (code: number): number =>
      codeOf(sw, sw.proc.lpWSPIoctl(-1, code, null, output, { value: 0 }, null, null, null, sw.errno));
    assert.equal(ask(SIO_ADDRESS_LIST_QUERY), 0);
    const { iAddressCount, Address } = output.value as {
      iAddressCount: number;
      Address: { lpSockaddr: typeof NAME }[];
    };
    assert.equal(iAddressCount, Address.length);
    assert.ok(Address.some(({ lpSockaddr }) => lpSockaddr.sin_addr === '127.0.0.1' && lpSockaddr.sin_port === 0));
    assert.equal(ask(SIO_ADDRESS_LIST_CHANGE), WSAENOPROTOOPT);
    assert.equal(ask(SIO_GET_QOS), WSAENOPROTOOPT);
  });

  test('ERR-20: no QoS: the flag is not set, WSPGetQOSByName is there and says FALSE, WSAEOPNOTSUPP (SP-20, SP-21)', () => {
    const sw = new MiniSwitch();
    const { dwServiceFlags1 } = createShmProvider({
      driver,
      ringBytes: RING_BYTES_MIN,
      spillBytesMax: 0,
      allowedUids: new Set(),
    }).protocolInfo;
    assert.equal(dwServiceFlags1 & (XP1_QOS_SUPPORTED | XP1_CONNECTIONLESS | XP1_IFS_HANDLES), 0);
    const s = sw.socket(NAME);
    assert.equal(sw.proc.lpWSPGetQOSByName(s, { len: 0, buf: Buffer.alloc(0) }, {} as never, sw.errno), false);
    assert.equal(sw.errno.value, WSAEOPNOTSUPP);
  });
});

describe('WSPEventSelect and WSPEnumNetworkEvents', () => {
  test('take FD_ACCEPT and FD_CONNECT, together or alone, and nothing else (SYNC-1, SYNC-3, SYNC-4, OBS-34)', () => {
    const sw = new MiniSwitch();
    const s = sw.socket(NAME);
    const select = (on: number, mask: number): number =>
      codeOf(sw, sw.proc.lpWSPEventSelect(on, createEvent(), mask, sw.errno));
    for (const mask of [FD_ACCEPT, FD_CONNECT, FD_ACCEPT | FD_CONNECT, 0]) assert.equal(select(s, mask), 0);
    for (const mask of [FD_READ, FD_WRITE, FD_CLOSE, FD_CONNECT | FD_READ]) assert.equal(select(s, mask), WSAEINVAL);
    assert.equal(select(99, FD_ACCEPT), WSAENOTSOCK);
    assert.equal(codeOf(sw, sw.proc.lpWSPEnumNetworkEvents(99, null, createNetworkEvents(), sw.errno)), WSAENOTSOCK);
  });

  test('record, signal, report everything since the last call once, reset the event (SYNC-2, LIST-4, LIST-5)', async () => {
    const sw = new MiniSwitch();
    const { tcp, s, port } = await sw.listen(() => undefined);
    open.push(tcp);
    // Nobody waits for the event while two requests come.
    sw.proc.lpWSPEventSelect(s, null, 0, sw.errno);
    const waiting = [sw.connect(port), sw.connect(port)];
    const event = createEvent();
    let signals = 0;
    event.onSet = () => {
      signals++;
    };
    const record = createNetworkEvents();
    sw.proc.lpWSPEventSelect(s, event, FD_ACCEPT, sw.errno);
    await until(() => event.signalled, 'the event of what is recorded already, or comes');
    assert.ok(signals > 0);
    assert.equal(sw.proc.lpWSPEnumNetworkEvents(s, event, record, sw.errno), 0);
    assert.equal(record.lNetworkEvents, FD_ACCEPT);
    assert.equal(record.iErrorCode[FD_ACCEPT_BIT], 0, 'by event bit (SYNC-4)');
    assert.equal(event.signalled, false);
    let accepted = 0;
    await until(() => {
      if (sw.proc.lpWSPAccept(s, null, null, () => CF_ACCEPT, null, sw.errno) >= 0) accepted++;
      return accepted === 2;
    }, 'both');
    await Promise.all(waiting);
    sw.proc.lpWSPEnumNetworkEvents(s, event, record, sw.errno);
    sw.proc.lpWSPEnumNetworkEvents(s, event, record, sw.errno);
    assert.equal(record.lNetworkEvents, 0, 'each is reported once');
  });

  test('a close, whose ever, is no event (CLOSE-10)', async () => {
    const { sw, s, peer } = await connected();
    const record = createNetworkEvents();
    sw.proc.lpWSPEnumNetworkEvents(peer, null, record, sw.errno);
    const ends = sw.record(peer).ends;
    sw.proc.lpWSPCloseSocket(s, sw.errno);
    await until(() => ends.length === 1, 'the end');
    sw.proc.lpWSPEnumNetworkEvents(peer, null, record, sw.errno);
    assert.equal(record.lNetworkEvents, 0);
  });
});

describe('overlapped operations', () => {
  test('ERR-13: polled and not finished: FALSE and WSA_IO_INCOMPLETE; finished: TRUE, bytes, no notice (XFER-22, XFER-26)', async () => {
    const { sw, s, peer } = await connected();
    const into = Buffer.alloc(16);
    const overlapped = createOverlapped();
    overlapped.hEvent = OVERLAPPED_POLL;
    const posted = [{ len: 16, buf: into }];
    const result = sw.proc.lpWSPRecv(peer, posted, 1, { value: 0 }, { value: 0 }, overlapped, null, null, sw.errno);
    assert.deepEqual([result, sw.errno.value], [-1, WSA_IO_PENDING], 'ERR-12');
    const bytes = { value: -1 };
    const flags = { value: -1 };
    const poll = () => sw.proc.lpWSPGetOverlappedResult(peer, overlapped, bytes, false, flags, sw.errno);
    assert.equal(poll(), false);
    assert.equal(sw.errno.value, WSA_IO_INCOMPLETE);
    sw.send(s, Buffer.from('hello'));
    await until(poll, 'the message');
    assert.deepEqual([bytes.value, flags.value, into.toString('utf8', 0, 5)], [5, 0, 'hello']);
    assert.deepEqual(sw.completed, [], 'who polls is not told');
    assert.equal(sw.proc.lpWSPGetOverlappedResult(99, overlapped, bytes, false, flags, sw.errno), false);
    assert.equal(sw.errno.value, WSAENOTSOCK);
  });

  test('with the bit clear the end is told by WPUCompleteOverlappedRequest, with the switch’s handle (XFER-23, SOCK-8)', async () => {
    const { sw, s, peer } = await connected();
    const overlapped = createOverlapped();
    const posted = [{ len: 16, buf: Buffer.alloc(16) }];
    sw.proc.lpWSPRecv(peer, posted, 1, { value: 0 }, { value: 0 }, overlapped, null, null, sw.errno);
    sw.send(s, Buffer.from('x'));
    await until(() => sw.completed.length === 1, 'the notice');
    assert.equal(sw.completed[0].overlapped, overlapped);
    assert.equal(overlapped.InternalHigh, 1);
  });

  test('ERR-14, ERR-15: at the end of a connection what is pending ends: reset by the peer, aborted by our close', async () => {
    for (const ours of [false, true]) {
      const { sw, s, peer } = await connected();
      const overlapped = createOverlapped();
      const posted = [{ len: 16, buf: Buffer.alloc(16) }];
      sw.proc.lpWSPRecv(peer, posted, 1, { value: 0 }, { value: 0 }, overlapped, null, null, sw.errno);
      sw.proc.lpWSPCloseSocket(ours ? peer : s, sw.errno);
      await until(() => sw.completed.length === 1, 'the end');
      assert.equal(sw.completed[0].error === WSA_OPERATION_ABORTED, ours);
      assert.notEqual(sw.completed[0].error, 0);
    }
  });

  test('ERR-21: after WSPCloseSocket every use of the descriptor is WSAENOTSOCK (CLOSE-9)', async () => {
    const { sw, s } = await connected();
    assert.equal(sw.proc.lpWSPCloseSocket(s, sw.errno), 0, 'never WSAEWOULDBLOCK (CLOSE-2)');
    const overlapped = createOverlapped();
    const value = { value: 0 };
    const { proc, errno } = sw;
    const uses: [string, () => number | boolean][] = [
      ['WSPCloseSocket', () => proc.lpWSPCloseSocket(s, errno)],
      ['WSPBind', () => proc.lpWSPBind(s, NAME, 16, errno)],
      ['WSPListen', () => proc.lpWSPListen(s, 1, errno)],
      ['WSPConnect', () => proc.lpWSPConnect(s, NAME, 16, null, null, null, null, errno)],
      ['WSPAccept', () => proc.lpWSPAccept(s, null, null, () => CF_ACCEPT, null, errno)],
      ['WSPSend', () => proc.lpWSPSend(s, [], 0, value, 0, overlapped, null, null, errno)],
      ['WSPRecv', () => proc.lpWSPRecv(s, [], 0, value, value, overlapped, null, null, errno)],
      ['WSPGetOverlappedResult', () => proc.lpWSPGetOverlappedResult(s, overlapped, value, false, value, errno)],
      ['WSPEventSelect', () => proc.lpWSPEventSelect(s, null, 0, errno)],
      ['WSPEnumNetworkEvents', () => proc.lpWSPEnumNetworkEvents(s, null, createNetworkEvents(), errno)],
      ['WSPGetSockOpt', () => proc.lpWSPGetSockOpt(s, SOL_SOCKET, SO_DEBUG, value, { value: 4 }, errno)],
      ['WSPSetSockOpt', () => proc.lpWSPSetSockOpt(s, SOL_SOCKET, SO_DEBUG, 1, 4, errno)],
      ['WSPDuplicateSocket', () => proc.lpWSPDuplicateSocket(s, 1, {} as never, errno)],
    ];
    for (const [name, use] of uses) {
      errno.value = 0;
      assert.ok([-1, false].includes(use()), name);
      assert.equal(errno.value, WSAENOTSOCK, name);
    }
  });
});
