/** Making, binding and naming sockets; the two-handle rule (SOCK-5…14). */
import {
  AF_INET6,
  AF_UNSPEC,
  createNetworkEvents,
  createOverlapped,
  IPPROTO_TCP,
  makeSockaddr,
  MEM_READ,
  NULL_HANDLE,
  SO_DEBUG,
  SOCK_STREAM,
  type SOCKET,
  SOL_SOCKET,
  WSA_FLAG_OVERLAPPED,
  WSAEADDRNOTAVAIL,
  WSAEAFNOSUPPORT,
  WSAEFAULT,
  WSAEINPROGRESS,
  WSAEINVAL,
  WSAENOBUFS,
  WSAENOTSOCK,
  WSAEPROTONOSUPPORT,
  WSAEPROTOTYPE,
  WSAESOCKTNOSUPPORT,
} from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { topic } from '../case.js';
import type { Host } from '../host.js';
import { deregister, deregisterRdma, rdma, register, registerRdma } from '../memory.js';

const SOCK_DGRAM = 2;
const IPPROTO_UDP = 17;
/** A descriptor that no provider has given out. */
const UNKNOWN = 0x7ffffff0;

/** Every function that works on a socket, called with `s`; the codes, by name. */
function everyFunction(bench: Bench, host: Host, s: SOCKET): [string, number][] {
  const name = makeSockaddr(bench.family, bench.family === AF_INET6 ? '::1' : '127.0.0.1', 9);
  const buffers = [{ len: 1, buf: new Uint8Array(1) }];
  const accepted = (): number =>
    host.procs.lpWSPAccept(s, null, null, () => 0, null, host.errno) < 0 ? host.errno.value : 0;
  const duplicated = (): number => {
    const { protocolInfo } = host.module;
    return host.procs.lpWSPDuplicateSocket(s, 1, { ...protocolInfo }, host.errno) === 0 ? 0 : host.errno.value;
  };
  const result = (): number => {
    const done = host.procs.lpWSPGetOverlappedResult(
      s,
      createOverlapped(),
      { value: 0 },
      false,
      { value: 0 },
      host.errno,
    );
    return done ? 0 : host.errno.value;
  };
  const events = (): number =>
    host.procs.lpWSPEnumNetworkEvents(s, null, createNetworkEvents(), host.errno) === 0 ? 0 : host.errno.value;
  return [
    ['WSPAccept', accepted()],
    ['WSPBind', host.bind(s, name)],
    ['WSPConnect', host.connect(s, name, null, null)],
    ['WSPDuplicateSocket', duplicated()],
    ['WSPEnumNetworkEvents', events()],
    ['WSPEventSelect', host.eventSelect(s, null, 0)],
    ['WSPGetOverlappedResult', result()],
    ['WSPGetSockOpt', host.getOption(s, SOL_SOCKET, SO_DEBUG).code],
    ['WSPListen', host.listen(s, 1)],
    ['WSPRecv', host.receive(s, buffers, host.operation())],
    ['WSPSend', host.send(s, buffers, host.operation())],
    ['WSPSetSockOpt', host.setOption(s, SOL_SOCKET, SO_DEBUG, 1)],
    ['WSPCloseSocket', host.close(s)],
  ];
}

/** The memory extensions, called with `s`. */
function everyExtension(bench: Bench, host: Host, s: SOCKET): [string, number][] {
  const buf = new Uint8Array(8);
  const calls: [string, number][] = [
    ['WSPRegisterMemory', register(host, s, buf, MEM_READ).code],
    ['WSPDeregisterMemory', deregister(host, s, 1)],
    ['WSPRegisterRdmaMemory', registerRdma(host, s, buf, MEM_READ, 0).code],
    ['WSPDeregisterRdmaMemory', deregisterRdma(host, s, new Uint8Array(24))],
    [
      'WSPRdmaWrite',
      rdma(host, 'WSPRdmaWrite', s, [{ len: 8, buf, handle: NULL_HANDLE }], new Uint8Array(24), host.operation()),
    ],
  ];
  if (bench.manifest.rdmaRead) {
    const buffers = [{ len: 8, buf, handle: NULL_HANDLE }];
    calls.push(['WSPRdmaRead', rdma(host, 'WSPRdmaRead', s, buffers, new Uint8Array(24), host.operation())]);
  }
  return calls;
}

export const SOCKETS = topic('sockets', [
  {
    name: 'WSPSocket asks for the switch’s handle once, and answers a descriptor of its own (SOCK-6, SOCK-8)',
    run(bench) {
      const { ledger } = bench.client;
      const s = bench.socket(bench.client);
      bench.equal(ledger.byHandle.size, 1, 'handles that were asked for');
      bench.check(!ledger.byHandle.has(s), 'the descriptor is the switch’s handle');
    },
  },
  {
    name: 'WSPSocket takes IP families, a stream and TCP (SOCK-9)',
    base: true,
    run(bench) {
      for (const family of bench.manifest.addressFamilies) {
        const { code, value } = bench.client.socket(family);
        bench.code(code, 0, `family ${family}`);
        bench.code(bench.client.close(value), 0, 'WSPCloseSocket');
      }
    },
  },
  {
    name: 'WSPSocket refuses other families, types and protocols (SOCK-10)',
    base: true,
    run(bench) {
      const { client, family } = bench;
      bench.code(client.socket(AF_UNSPEC).code, WSAEAFNOSUPPORT, 'no family');
      bench.code(client.socket(family, SOCK_DGRAM).code, [WSAEPROTOTYPE, WSAESOCKTNOSUPPORT], 'datagrams');
      bench.code(client.socket(family, SOCK_STREAM, IPPROTO_UDP).code, [WSAEPROTONOSUPPORT, WSAEPROTOTYPE], 'UDP');
    },
  },
  {
    name: 'test vector: the codes for wrong arguments of WSPSocket (OBS-6)',
    base: true,
    run(bench) {
      const { client, family } = bench;
      bench.code(client.socket(1).code, WSAEAFNOSUPPORT, 'family 1');
      bench.code(client.socket(family, SOCK_DGRAM).code, WSAEPROTOTYPE, 'datagrams');
      bench.code(client.socket(family, SOCK_STREAM, IPPROTO_UDP).code, WSAEPROTONOSUPPORT, 'UDP');
      for (const flags of [0, WSA_FLAG_OVERLAPPED | 0x80]) {
        bench.code(client.socket(family, SOCK_STREAM, IPPROTO_TCP, flags).code, WSAEINVAL, `flags ${flags}`);
      }
    },
  },
  {
    name: 'WSPSocket passes on that there is no handle, and leaves nothing behind (SOCK-6, SOCK-10)',
    run(bench) {
      const { client } = bench;
      client.ledger.refuseHandles = WSAENOBUFS;
      bench.code(client.socket(bench.family).code, WSAENOBUFS, 'WSPSocket without a handle');
      client.ledger.refuseHandles = 0;
      bench.code(client.close(bench.socket(client)), 0, 'WSPCloseSocket afterwards');
    },
  },
  {
    name: 'descriptors of open sockets are all different, and free only after WSPCloseSocket (SOCK-7, DUP-33)',
    run(bench) {
      const open = Array.from({ length: 20 }, () => bench.socket(bench.client));
      bench.equal(new Set(open).size, open.length, 'different descriptors');
      for (const s of open.filter((_, index) => index % 2 === 0))
        bench.code(bench.client.close(s), 0, 'WSPCloseSocket');
      for (let more = 0; more < 20; more++) bench.socket(bench.client); // the ledger knows which are open
    },
  },
  {
    name: 'WSPBind takes a real address and port, once (SOCK-12, SOCK-14)',
    async run(bench) {
      const { s, name } = await bench.bound(bench.client, 'connect');
      bench.code(bench.client.bind(s, name), WSAEINVAL, 'a second WSPBind');
    },
  },
  {
    name: 'WSPBind takes the wildcard of a listener (SOCK-13)',
    async run(bench) {
      const { name } = await bench.reserve('listen');
      const s = bench.socket(bench.server);
      const wildcard = bench.family === AF_INET6 ? '::' : '0.0.0.0';
      bench.code(
        bench.server.bind(s, makeSockaddr(bench.family, wildcard, name.sin_port)),
        0,
        'WSPBind to the wildcard',
      );
    },
  },
  {
    name: 'WSPBind of an address that is nobody’s here fails with WSAEADDRNOTAVAIL (SOCK-14)',
    run(bench) {
      const s = bench.socket(bench.client);
      // Addresses for documentation only (RFC 5737, RFC 3849).
      const foreign = bench.family === AF_INET6 ? '2001:db8::1' : '192.0.2.77';
      bench.code(bench.client.bind(s, makeSockaddr(bench.family, foreign, 4711)), WSAEADDRNOTAVAIL, 'WSPBind');
    },
  },
  {
    name: 'WSPBind of a malformed name fails with WSAEFAULT (SOCK-14)',
    async run(bench) {
      const { name } = await bench.reserve('connect');
      const s = bench.socket(bench.client);
      bench.code(bench.client.bind(s, name, 4), WSAEFAULT, 'a name of 4 bytes');
      bench.code(bench.client.bind(s, { ...name, sa_family: 77 }, 16), WSAEFAULT, 'a name of family 77');
    },
  },
  {
    name: 'every function refuses a descriptor that never was open with WSAENOTSOCK (SOCK-8, CLOSE-9)',
    run(bench) {
      for (const s of [UNKNOWN, -1]) {
        for (const [name, code] of everyFunction(bench, bench.client, s))
          bench.code(code, WSAENOTSOCK, `${name} on ${s}`);
      }
    },
  },
  {
    name: 'no function ever answers WSAEINPROGRESS, in whatever state the socket is (SP-22)',
    async run(bench) {
      const { client } = bench;
      const { s: bound } = await bench.bound(client, 'connect');
      const { client: connected, listener } = await bench.connected();
      const never = (host: Host, s: SOCKET, state: string): void => {
        for (const [name, code] of everyFunction(bench, host, s)) {
          bench.check(code !== WSAEINPROGRESS, `${name} of a socket that is ${state} answered WSAEINPROGRESS`);
        }
      };
      never(client, bench.socket(client), 'fresh');
      never(client, bound, 'bound');
      never(listener.host, listener.s, 'listening');
      never(connected.host, connected.s, 'connected');
      const fresh = bench.socket(client);
      const code = client.bind(fresh, makeSockaddr(77, '', 0), 2);
      bench.check(code !== 0 && code !== WSAEINPROGRESS, `WSPBind of nonsense answered ${code}`);
    },
  },
  {
    name: 'every function refuses the descriptor of a closed socket with WSAENOTSOCK (CLOSE-9, ERR-21)',
    async run(bench) {
      const { client } = await bench.connected();
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket');
      for (const [name, code] of everyFunction(bench, client.host, client.s)) bench.code(code, WSAENOTSOCK, name);
    },
  },
  {
    name: 'test vector: late calls of the memory extensions on a closed socket fail with WSAENOTSOCK (OBS-22)',
    async run(bench) {
      const { client } = await bench.connected();
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket');
      for (const [name, code] of everyExtension(bench, client.host, client.s)) bench.code(code, WSAENOTSOCK, name);
      for (const [name, code] of everyExtension(bench, client.host, UNKNOWN)) bench.code(code, WSAENOTSOCK, name);
    },
  },
]);
