import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { test } from 'node:test';
import { type Endpoint, ProxyDriver } from '../../../src/proxy-driver/index.js';
import { addonForTests } from './rings.js';

const addon = addonForTests();
const driver = new ProxyDriver(addon);
const ENOENT = -2;
const EINVAL = -22;
const EADDRINUSE = -98;

async function listening(host: string, ipv6Only = false): Promise<{ server: Server; port: number; cookie: bigint }> {
  const server = createServer();
  server.listen({ host, port: 0, ipv6Only });
  await once(server, 'listening');
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const cookie = driver.getNativeAddress(fd);
  assert.ok(typeof cookie === 'bigint');
  return { server, port: (server.address() as AddressInfo).port, cookie };
}

function reserved(family: 4 | 6, address: string): { fd: number; local: Endpoint } {
  const fd = driver.reservePort({ family, address, port: 0 });
  assert.ok(fd >= 0, `reserve: ${fd}`);
  const local = driver.getEndpoint(fd);
  assert.ok(typeof local === 'object');
  return { fd, local };
}

const cases: [string, string, boolean, 4 | 6, string][] = [
  ['IPv4', '127.0.0.1', false, 4, '127.0.0.1'],
  ['IPv4 wildcard', '0.0.0.0', false, 4, '127.0.0.1'],
  ['IPv6', '::1', false, 6, '::1'],
  ['IPv6 wildcard', '::', true, 6, '::1'],
  ['dual stack, reached by IPv6', '::', false, 6, '::1'],
  ['dual stack, reached by IPv4', '::', false, 4, '127.0.0.1'],
];

for (const [title, host, ipv6Only, family, address] of cases) {
  test(`translation finds the listener that TCP would reach: ${title} (ADDR-12)`, async () => {
    const { server, port, cookie } = await listening(host, ipv6Only);
    const { fd, local } = reserved(family, address);
    const found = driver.translate({ family, address, port }, local);
    assert.deepEqual(found, { cookie, uid: process.getuid?.() });
    server.close();
    await once(server, 'close');
    assert.equal(driver.translate({ family, address, port }, local), ENOENT);
    addon.close(fd);
  });
}

test('what is asked wrongly is an error, or throws', () => {
  const four: Endpoint = { family: 4, address: '127.0.0.1', port: 1 };
  assert.equal(driver.translate(four, { family: 4, address: 'localhost', port: 1 }), EINVAL);
  assert.equal(driver.translate({ ...four, address: '::1' }, four), EINVAL);
  assert.throws(() => driver.translate({ ...four, port: 65536 }, four), TypeError);
  assert.throws(() => driver.translate({ ...four, family: 5 as 4 }, four), RangeError);
  assert.throws(() => addon.diag(4, '127.0.0.1', 1, '127.0.0.1', 1, new BigUint64Array(3)), TypeError);
  assert.throws(() => addon.diag(4, '127.0.0.1', 1, '127.0.0.1', 1, new BigInt64Array(4) as never), TypeError);
});

test('routes say what is local', () => {
  assert.deepEqual(driver.getRoute('127.0.0.1'), { local: true, source: '127.0.0.1' });
  assert.deepEqual(driver.getRoute('::1'), { local: true, source: '::1' });
  const far = driver.getRoute('203.0.113.1');
  assert.ok(typeof far === 'number' || !far.local);
  assert.equal(driver.getRoute('localhost'), EINVAL);
});

test('a reserved port is really reserved (D12)', async () => {
  const { fd, local } = reserved(4, '127.0.0.1');
  assert.notEqual(local.port, 0);
  assert.equal(driver.reservePort(local), EADDRINUSE);
  const server = createServer();
  server.listen(local.port, '127.0.0.1');
  const [error] = (await once(server, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'EADDRINUSE');
  addon.close(fd);
  server.listen(local.port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
});

test('names of companions go both ways', () => {
  const name = driver.companionName(18446744073709551615n, 3);
  assert.equal(name, 'sockets-direct/1/18446744073709551615.3');
  assert.deepEqual(driver.parseCompanionName(name), { cookie: 18446744073709551615n, n: 3 });
  for (const other of ['', 'sockets-direct/2/1.0', 'sockets-direct/1/1', 'sockets-direct/1/-1.0', `${name}x`])
    assert.equal(driver.parseCompanionName(other), null);
});
