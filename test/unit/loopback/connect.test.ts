import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLoopbackProvider, LOOPBACK_PROVIDER_ID } from '../../../src/providers/loopback/index.js';
import * as installable from '../../../src/providers/loopback/index.js';
import {
  AF_INET,
  CF_ACCEPT,
  CF_DEFER,
  CF_REJECT,
  createProcTable,
  createWspData,
  guidText,
  makeSockaddr,
  missingProcs,
  SIO_ADDRESS_LIST_QUERY,
  SOCK_STREAM,
  WINSOCK_VERSION_2_2,
  WSAEADDRINUSE,
  WSAEADDRNOTAVAIL,
  WSAEAFNOSUPPORT,
  WSAEALREADY,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEINVAL,
  WSAEISCONN,
  WSAEMFILE,
  WSAENOTCONN,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  WSAEWOULDBLOCK,
  WSANOTINITIALISED,
  WSATRY_AGAIN,
  XP1_CONNECT_DATA,
  type SOCKET_ADDRESS_LIST,
} from '../../../src/spi/index.js';
import { connected, Host, makeWorld, text } from './host.js';

const LIMIT = 10_000;

function hosts(options = {}): { world: ReturnType<typeof makeWorld>; a: Host; b: Host } {
  const world = makeWorld();
  return { world, a: new Host(world, '10.0.0.1', options), b: new Host(world, '10.0.0.2', options) };
}

describe('the loopback provider as a module', () => {
  it('fills seventeen slots, counts starts and cleanups, and can be installed by its path (SP-1, SP-7, SP-11, SP-18)', () => {
    const { WSPStartupEx, protocolInfo } = installable;
    assert.equal(protocolInfo.ProviderId, LOOPBACK_PROVIDER_ID);
    assert.equal(guidText(protocolInfo.ProviderId), LOOPBACK_PROVIDER_ID);
    const provider = createLoopbackProvider();
    const { a } = hosts();
    const table = createProcTable();
    const upcalls = {} as never;
    assert.equal(typeof WSPStartupEx, 'function');
    const start = () =>
      provider.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), provider.protocolInfo, upcalls, table);
    assert.equal(start(), 0);
    assert.equal(start(), 0);
    assert.deepEqual(missingProcs(table), []);
    const errno = { value: 0 };
    assert.equal(table.lpWSPCleanup(errno), 0);
    assert.equal(table.lpWSPCloseSocket(1, errno), -1);
    assert.equal(errno.value, WSAENOTSOCK, 'one start is left');
    assert.equal(table.lpWSPCleanup(errno), 0);
    assert.equal(table.lpWSPCleanup(errno), -1);
    assert.equal(errno.value, WSANOTINITIALISED);
    const listed = { value: null as unknown };
    a.proc.lpWSPIoctl(-1, SIO_ADDRESS_LIST_QUERY, null, listed, { value: 0 }, null, null, null, a.errno);
    const { Address } = listed.value as SOCKET_ADDRESS_LIST;
    assert.deepEqual(
      Address.map(({ lpSockaddr }) => lpSockaddr.sin_addr),
      ['10.0.0.1'],
    );
  });

  it('says whether it carries connect data', () => {
    const flags = (connectData: boolean) => createLoopbackProvider({ connectData }).protocolInfo.dwServiceFlags1;
    assert.equal(flags(true) & XP1_CONNECT_DATA, XP1_CONNECT_DATA);
    assert.equal(flags(false) & XP1_CONNECT_DATA, 0);
  });

  it('checks the arguments of WSPSocket and WSPBind (OBS-6, SOCK-14)', () => {
    const { a } = hosts();
    assert.equal(a.proc.lpWSPSocket(99, SOCK_STREAM, 6, null, 0, 1, a.errno), -1);
    assert.equal(a.errno.value, WSAEAFNOSUPPORT);
    const s = a.socket();
    assert.equal(a.proc.lpWSPBind(s, makeSockaddr(AF_INET, '10.0.0.1', 5), 16, a.errno), -1);
    assert.equal(a.errno.value, WSAEINVAL);
    const other = a.proc.lpWSPSocket(AF_INET, SOCK_STREAM, 6, null, 0, 1, a.errno);
    assert.equal(a.proc.lpWSPBind(other, makeSockaddr(AF_INET, '10.9.9.9', 5), 16, a.errno), -1);
    assert.equal(a.errno.value, WSAEADDRNOTAVAIL);
    assert.equal(a.proc.lpWSPDuplicateSocket(s, 1, a.provider.protocolInfo, a.errno), -1);
    assert.equal(a.errno.value, WSAENOTCONN, 'OBS-41');
    const pair = connected(makeWorld());
    assert.equal(pair.a.proc.lpWSPDuplicateSocket(pair.sa, 1, pair.a.provider.protocolInfo, pair.a.errno), -1);
    assert.equal(pair.a.errno.value, WSAEOPNOTSUPP);
  });
});

describe('connecting and accepting', () => {
  it('carries connect data both ways, and names both ends (CONN-5 … CONN-7, ACC-2, OBS-32)', () => {
    const { world, a, b } = hosts();
    const { s, signals } = b.listen(80);
    const callee = { len: 256, buf: new Uint8Array(256) };
    const caller = Buffer.from('offer');
    const connecting = a.connect(b, 80, { len: 5, buf: caller }, callee);
    caller.fill(0);
    assert.equal(connecting.result(), -1);
    world.clock.run(LIMIT);
    assert.equal(signals(), 1);
    let seen = '';
    const accepted = b.accept(s, (from, data, _q, _g, to, reply) => {
      seen = `${from.sin_addr} ${to.sin_addr}:${to.sin_port} ${text(data!.buf.subarray(0, data!.len))}`;
      reply!.buf.set(Buffer.from('answer'));
      reply!.len = 6;
      return CF_ACCEPT;
    });
    assert.ok(accepted >= 0);
    assert.equal(seen, '10.0.0.1 10.0.0.2:80 offer');
    assert.equal(connecting.result(), -1, 'the answer has yet to travel');
    world.clock.run(LIMIT);
    assert.equal(connecting.result(), 0);
    assert.equal(text(callee.buf.subarray(0, callee.len)), 'answer');
    assert.equal(b.accept(s), -1);
    assert.equal(b.errno.value, WSAEWOULDBLOCK, 'OBS-31');
  });

  it('refuses connect data if it does not carry them, and gives the condition function none (OBS-27)', () => {
    const { world, a, b } = hosts({ connectData: false });
    const { s } = b.listen(80);
    const wrong = a.connect(b, 80, { len: 1, buf: new Uint8Array(1) });
    assert.equal(wrong.result(), WSAEINVAL);
    const connecting = a.connect(b, 80);
    world.clock.run(LIMIT);
    const data: unknown[] = [];
    b.accept(s, (_from, callerData, _q, _g, _to, calleeData) => {
      data.push(callerData, calleeData);
      return CF_ACCEPT;
    });
    world.clock.run(LIMIT);
    assert.equal(connecting.result(), 0);
    assert.deepEqual(data, [null, null]);
  });

  it('rejects, defers, and takes any other answer for a rejection (ACC-7, ACC-8, OBS-33)', () => {
    const { world, a, b } = hosts();
    const { s } = b.listen(80);
    const first = a.connect(b, 80);
    const second = a.connect(b, 80);
    world.clock.run(LIMIT);
    assert.equal(
      b.accept(s, () => CF_DEFER),
      -1,
    );
    assert.equal(b.errno.value, WSATRY_AGAIN);
    assert.equal(
      b.accept(s, () => CF_REJECT),
      -1,
    );
    assert.equal(b.errno.value, WSAECONNREFUSED);
    assert.equal(
      b.accept(s, () => 17),
      -1,
    );
    world.clock.run(LIMIT);
    assert.deepEqual([first.result(), second.result()], [WSAECONNREFUSED, WSAECONNREFUSED]);
  });

  it('a full backlog refuses without an event; a smaller one turns the newest away (LIST-7, OBS-30)', () => {
    const { world, a, b } = hosts();
    const { s, signals } = b.listen(80, 2);
    const connects = [1, 2, 3].map(() => a.connect(b, 80));
    world.clock.run(LIMIT);
    assert.equal(signals(), 2);
    assert.deepEqual(
      connects.map(({ result }) => result()),
      [-1, -1, WSAECONNREFUSED],
    );
    assert.equal(b.proc.lpWSPListen(s, 1, b.errno), 0);
    world.clock.run(LIMIT);
    assert.equal(connects[1]?.result(), WSAECONNREFUSED);
    b.close(s);
    world.clock.run(LIMIT);
    assert.equal(connects[0]?.result(), WSAECONNREFUSED);
  });

  it('the event is signalled again while requests wait (ACC-6, OBS-31)', () => {
    const { world, a, b } = hosts();
    const { s, signals } = b.listen(80);
    a.connect(b, 80);
    a.connect(b, 80);
    world.clock.run(LIMIT);
    const before = signals();
    b.accept(s);
    assert.equal(signals(), before + 1);
    b.accept(s);
    assert.equal(signals(), before + 1);
  });

  it('nobody listens: sure only where nothing else reaches there (CONN-13, CONN-14); state errors (OBS-28)', () => {
    const plain = hosts();
    const unsure = plain.a.connect(plain.b, 81);
    plain.world.clock.run(LIMIT);
    assert.equal(unsure.result(), WSAEADDRNOTAVAIL);
    const { world, a, b } = hosts({ authoritative: true });
    const sure = a.connect(b, 81);
    const name = makeSockaddr(AF_INET, '10.0.0.2', 81);
    assert.equal(a.proc.lpWSPConnect(sure.s, name, 16, null, null, null, null, a.errno), -1);
    assert.equal(a.errno.value, WSAEALREADY);
    world.clock.run(LIMIT);
    assert.equal(sure.result(), WSAECONNRESET);
    const elsewhere = makeSockaddr(AF_INET, '192.0.2.1', 81);
    assert.equal(a.proc.lpWSPConnect(a.socket(), elsewhere, 16, null, null, null, null, a.errno), -1);
    assert.equal(a.errno.value, WSAEADDRNOTAVAIL);
    const pair = connected(makeWorld());
    assert.equal(pair.a.proc.lpWSPConnect(pair.sa, name, 16, null, null, null, null, pair.a.errno), -1);
    assert.equal(pair.a.errno.value, WSAEISCONN);
    const twin = pair.a.socket(40000);
    const same = makeSockaddr(AF_INET, '10.0.0.2', 80);
    assert.equal(pair.a.proc.lpWSPConnect(twin, same, 16, null, null, null, null, pair.a.errno), -1);
    assert.equal(pair.a.errno.value, WSAEADDRINUSE);
  });

  it('a connect that is given up is found so by WSPAccept, or loses its accepted end (CONN-15)', () => {
    const { world, a, b } = hosts();
    const { s } = b.listen(80);
    const early = a.connect(b, 80);
    world.clock.run(LIMIT);
    a.close(early.s);
    assert.equal(b.accept(s), -1);
    assert.equal(b.errno.value, WSAECONNRESET);
    const late = a.connect(b, 80);
    world.clock.run(LIMIT);
    const accepted = b.accept(s);
    const { buf } = b.memory(accepted, 4);
    b.recv(accepted, buf);
    a.close(late.s);
    world.clock.run(LIMIT);
    assert.deepEqual(
      b.completions.map(({ error }) => error),
      [WSAECONNRESET],
    );
  });

  it('without a handle the request stays in the queue (ACC-9)', () => {
    const { world, a, b } = hosts();
    const { s } = b.listen(80);
    a.connect(b, 80);
    world.clock.run(LIMIT);
    b.refuseHandles = true;
    assert.equal(b.accept(s), -1);
    assert.equal(b.errno.value, WSAEMFILE);
    b.refuseHandles = false;
    assert.ok(b.accept(s) >= 0);
  });

  it('faults: refused, and never answered', () => {
    const { world, a, b } = hosts();
    b.listen(80);
    world.network.faults = { ...world.network.faults, connectRefused: 1_000_000 };
    const refused = a.connect(b, 80);
    world.clock.run(LIMIT);
    assert.equal(refused.result(), WSAECONNREFUSED);
    world.network.faults = { ...world.network.faults, connectRefused: 0, connectLost: 1_000_000 };
    const lost = a.connect(b, 80);
    world.clock.run(LIMIT);
    assert.equal(lost.result(), -1);
  });
});
