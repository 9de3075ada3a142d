import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AddressList, ProxyDriver } from '../../../src/proxy-driver/index.js';
import { until } from '../../support/until.js';
import { addonForTests } from './rings.js';

const addon = addonForTests();
/** Of util-linux; the test is skipped where it, or what it asks of the kernel, is missing. */
const UNSHARE = 'unshare';
const inNamespace = ['--net', '--map-root-user'];

test('all current addresses are there when registration returns (ADDR-2)', () => {
  const { driver, reason } = ProxyDriver.load();
  assert.equal(reason, null);
  assert.ok(driver);
  const known = driver.getNicAddresses().map(({ ifname, address }) => `${ifname} ${address}`);
  const expected = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).map(({ address }) => `${name} ${address}`),
  );
  for (const entry of expected) assert.ok(known.includes(entry), entry);
  const sockaddrs = driver.getAddressList();
  assert.ok(sockaddrs.some((entry) => entry.sa_family === 2 && entry.sin_addr === '127.0.0.1' && entry.sin_port === 0));
  for (const { sa_family, sin_addr, sin6_scope_id } of sockaddrs) {
    assert.ok(sa_family === 2 || sa_family === 23);
    assert.equal(sin6_scope_id !== undefined, sin_addr.startsWith('fe8'));
  }
  driver.unload();
  assert.deepEqual(driver.getAddressList(), []);
});

test('one watcher an isolate; it can be ended and begun again', () => {
  const calls: string[] = [];
  const watch = () =>
    addon.watchAddresses(
      () => calls.push('address'),
      () => calls.push('replayed'),
    );
  assert.equal(watch(), 0);
  assert.equal(watch(), -16);
  assert.equal(calls.at(-1), 'replayed');
  assert.equal(calls.filter((call) => call === 'replayed').length, 1);
  addon.unwatchAddresses();
  addon.unwatchAddresses();
  assert.equal(watch(), 0);
  addon.unwatchAddresses();
});

test('a watcher may end itself out of its own callback', () => {
  let calls = 0;
  const result = addon.watchAddresses(
    () => {
      calls++;
      addon.unwatchAddresses();
    },
    () => assert.fail('ended'),
  );
  assert.equal(result, 0);
  assert.equal(calls, 1);
});

test('the list merges duplicates, and tells of changes once', async () => {
  type Watch = Parameters<typeof addon.watchAddresses>;
  const captured: { notice?: Watch[0]; ended: number } = { ended: 0 };
  const list = new AddressList({
    ...addon,
    watchAddresses(onChange, onReplayed) {
      captured.notice = onChange;
      onChange(true, 4, '10.0.0.1', 24, 2, 'eth0');
      onReplayed();
      return 0;
    },
    unwatchAddresses: () => captured.ended++,
  });
  assert.equal(list.open(), 0);
  assert.equal(list.open(), 0);
  let changes = 0;
  const end = list.watch(() => changes++);
  captured.notice?.(true, 4, '10.0.0.1', 32, 3, 'eth1');
  captured.notice?.(true, 6, 'fe80::1', 64, 2, 'eth0');
  captured.notice?.(true, 6, 'fe80::1', 64, 3, 'eth1');
  assert.equal(list.entries().length, 4);
  assert.deepEqual(list.sockaddrs(), [
    { sa_family: 2, sin_port: 0, sin_addr: '10.0.0.1' },
    { sa_family: 23, sin_port: 0, sin_addr: 'fe80::1', sin6_scope_id: 2 },
    { sa_family: 23, sin_port: 0, sin_addr: 'fe80::1', sin6_scope_id: 3 },
  ]);
  captured.notice?.(false, 4, '10.0.0.1', 24, 2, 'eth0');
  assert.equal(list.sockaddrs()[0]?.sin_addr, '10.0.0.1'); // still on eth1
  await until(() => changes > 0, 'a notice');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(changes, 1);
  end();
  captured.notice?.(false, 4, '10.0.0.1', 32, 3, 'eth1');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(changes, 1);
  assert.equal(list.sockaddrs().length, 2);
  list.close();
  assert.equal(captured.ended, 1);
});

test('addresses that come and go are noticed, those of other devices are not (ADDR-1 … ADDR-6)', (t) => {
  const fixture = fileURLToPath(new URL('./namespace.js', import.meta.url));
  const probe = spawnSync(UNSHARE, [...inNamespace, 'ip', 'link', 'set', 'lo', 'up'], {
    encoding: 'utf8',
  });
  if (probe.status !== 0) {
    t.skip(`no network namespace with ip: ${probe.error?.message ?? probe.stderr.trim()}`);
    return;
  }
  const { stdout, stderr, status } = spawnSync(UNSHARE, [...inNamespace, process.execPath, fixture], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(stderr, '');
  assert.equal(status, 0);
  assert.equal(stdout, 'ok\n');
});
