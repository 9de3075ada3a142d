// The provider over Node's real TCP handles and the real proxy driver: is the port really reserved, does TCP go on from
// it, and does the kernel know the socket by the number we say?
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, describe, test } from 'node:test';
import { TcpipProvider, type TcpHandle, type TcpMethods } from '../../../src/providers/tcpip/index.js';
import { ProxyDriver } from '../../../src/proxy-driver/index.js';
import {
  AF_INET,
  AF_INET6,
  createProcTable,
  createUpcallTable,
  createWspData,
  IPPROTO_TCP,
  makeSockaddr,
  type Out,
  SIO_ADDRESS_LIST_QUERY,
  SIO_ROUTING_INTERFACE_QUERY,
  SO_SD_NATIVE_ADDRESS,
  SOCK_STREAM,
  type SOCKADDR,
  type SOCKET_ADDRESS_LIST,
  sockaddrLength,
  SOL_SOCKET,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  WSAEADDRINUSE,
  WSAEADDRNOTAVAIL,
} from '../../../src/spi/index.js';

interface NodeHandle extends TcpHandle {
  close(): void;
}
interface Binding {
  TCP: { new (type: number): NodeHandle; prototype: TcpMethods };
  TCPConnectWrap: new () => { oncomplete: ((status: number) => void) | null };
  constants: { SOCKET: number };
}
type Reach = (name: string) => Binding;

// How the package itself reaches Node's handles (src/net/internals.ts); a warning is due only under a flag.
const { TCP, TCPConnectWrap, constants } = (process as unknown as { binding: Reach }).binding('tcp_wrap');

const loaded = ProxyDriver.load();
assert.equal(loaded.reason, null, 'the addon is built by npm ci');
const driver = loaded.driver;
const provider = new TcpipProvider(driver, TCP.prototype);
const procs = createProcTable();
const none = () => assert.fail();
const upcalls = createUpcallTable({
  lpWPUCreateSocketHandle: none,
  lpWPUCloseSocketHandle: none,
  lpWPUQuerySocketHandleContext: none,
  lpWPUCompleteOverlappedRequest: none,
});
assert.equal(provider.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), provider.protocolInfo, upcalls, procs), 0);

const errno = { value: 0 };
const handles: NodeHandle[] = [];
const servers: Server[] = [];
after(() => {
  for (const handle of handles) handle.close();
  for (const server of servers) server.close();
  procs.lpWSPCleanup(errno);
  driver.unload();
});

function adopt(family: number): { handle: NodeHandle; s: number } {
  const handle = new TCP(constants.SOCKET);
  handles.push(handle);
  return { handle, s: provider.adopt(handle, family) };
}

function bind(s: number, family: number, address: string, port = 0): number {
  const name = makeSockaddr(family, address, port);
  return procs.lpWSPBind(s, name, sockaddrLength(family), errno) === 0 ? 0 : errno.value;
}

function nameOf(s: number): SOCKADDR {
  const name = makeSockaddr(AF_INET, '', 0);
  const getSockName = procs.lpWSPGetSockName as unknown as (
    s: number,
    name: SOCKADDR,
    namelen: Out<number>,
    lpErrno: Out<number>,
  ) => number;
  assert.equal(getSockName(s, name, { value: 28 }, errno), 0);
  return name;
}

async function listen(host: string, port = 0): Promise<AddressInfo> {
  // The clients here never read: their end resets what the server has sent.
  const server = createServer((socket) => socket.on('error', () => undefined).end('hello')).listen(port, host);
  servers.push(server);
  await once(server, 'listening');
  return server.address() as AddressInfo;
}

function nativeAddress(s: number): number {
  const value: Out<number | string> = { value: 0 };
  assert.equal(procs.lpWSPGetSockOpt(s, SOL_SOCKET, SO_SD_NATIVE_ADDRESS, value, { value: 8 }, errno), 0);
  return Number(value.value);
}

for (const [family, address] of [
  [AF_INET, '127.0.0.1'],
  [AF_INET6, '::1'],
  [AF_INET6, '::ffff:127.0.0.1'],
] as const) {
  describe(address, () => {
    test('a bound port is really reserved: not even SO_REUSEADDR gets it (D12)', async () => {
      const { s, handle } = adopt(family);
      assert.equal(bind(s, family, address), 0);
      assert.ok(handle.fd >= 0);
      const { sin_port: port, sin_addr, sa_family } = nameOf(s);
      assert.ok(port > 0);
      assert.deepEqual([sa_family, sin_addr], [family, address]);
      // libuv sets SO_REUSEADDR on every socket it binds.
      await assert.rejects(listen(address === '::1' ? '::1' : '127.0.0.1', port), { code: 'EADDRINUSE' });
      const second = adopt(family);
      assert.equal(bind(second.s, family, address, port), WSAEADDRINUSE);
      assert.equal(second.handle.fd, -1);
    });

    test('TCP goes on from the reserved port: this is the fall back', async () => {
      const { port } = await listen(address === '::1' ? '::1' : '127.0.0.1');
      const { s, handle } = adopt(family);
      assert.equal(bind(s, family, address), 0);
      const request = new TCPConnectWrap();
      const status = await new Promise<number>((resolve, reject) => {
        request.oncomplete = resolve;
        const result = provider.connect(s, request, family, address, port);
        if (result !== 0) reject(new Error(`status ${result}`));
      });
      assert.equal(status, 0);
      assert.ok(handle.fd >= 0);
    });
  });
}

test('an address that is not ours cannot be bound', () => {
  const { s, handle } = adopt(AF_INET);
  assert.equal(bind(s, AF_INET, '192.0.2.77'), WSAEADDRNOTAVAIL);
  assert.equal(handle.fd, -1);
});

test('the native address is the one that the kernel names for the listener (D4)', () => {
  const listener = adopt(AF_INET);
  assert.equal(bind(listener.s, AF_INET, '127.0.0.1'), 0);
  assert.equal(procs.lpWSPListen(listener.s, 5, errno), 0);
  const client = adopt(AF_INET);
  assert.equal(bind(client.s, AF_INET, '127.0.0.1'), 0);
  const end = (s: number) => ({ family: 4 as const, address: '127.0.0.1', port: nameOf(s).sin_port });
  const found = driver.translate(end(listener.s), end(client.s));
  if (typeof found === 'number') assert.fail(`error ${found}`);
  assert.equal(Number(found.cookie), nativeAddress(listener.s));
});

test('the host’s addresses and routes', () => {
  const s = procs.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, errno);
  const output: Out<unknown> = { value: null };
  const ask = (code: number, input: unknown) =>
    procs.lpWSPIoctl(s, code, input, output, { value: 0 }, null, null, null, errno);
  assert.equal(ask(SIO_ADDRESS_LIST_QUERY, null), 0);
  const list = output.value as SOCKET_ADDRESS_LIST;
  assert.ok(list.Address.some(({ lpSockaddr }) => lpSockaddr.sin_addr === '127.0.0.1'));
  assert.equal(ask(SIO_ROUTING_INTERFACE_QUERY, makeSockaddr(AF_INET, '127.0.0.77', 80)), 0);
  assert.deepEqual(output.value, { sa_family: AF_INET, sin_port: 0, sin_addr: '127.0.0.1', sd_local: true });
  procs.lpWSPCloseSocket(s, errno);
});
