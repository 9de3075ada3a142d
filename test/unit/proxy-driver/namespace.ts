// Changes addresses in a network namespace of its own and checks what is noticed. Not a test: addresses.test.ts starts it.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { ProxyDriver } from '../../../src/proxy-driver/index.js';
import { until } from '../../support/until.js';

const { driver } = ProxyDriver.load();
assert.ok(driver);
/** Of iproute2; addresses.test.ts made sure that it is there. */
const IP = 'ip';
const ip = (...parts: string[]): Buffer => execFileSync(IP, parts);
const has = (address: string): boolean => driver.getAddressList().some(({ sin_addr }) => sin_addr === address);

async function main(driver: ProxyDriver): Promise<void> {
  let changes = 0;
  driver.watchAddressList(() => changes++);
  // A provider whose one NIC is another device (ADDR-5).
  let ours = 0;
  const own = (ifname: string): boolean => ifname === 'san0';
  driver.watchAddressList(() => ours++, own);
  assert.equal(has('127.0.0.1'), false);
  ip('link', 'set', 'lo', 'up');
  await until(() => has('127.0.0.1') && has('::1'), 'loopback');
  ip('address', 'add', '10.77.0.1/24', 'dev', 'lo');
  ip('address', 'add', 'fd77::1/64', 'dev', 'lo', 'nodad');
  await until(() => has('10.77.0.1') && has('fd77::1'), 'both new ones');
  assert.deepEqual(driver.getRoute('10.77.0.1'), { local: true, source: '10.77.0.1' });
  ip('address', 'del', '10.77.0.1/24', 'dev', 'lo');
  await until(() => !has('10.77.0.1'), 'one gone');
  assert.ok(has('fd77::1'));
  assert.ok(changes >= 3);
  assert.deepEqual([ours, driver.getAddressList(own)], [0, []]);

  // Its NIC comes, and goes with all its addresses, of which the kernel tells one by one (ADDR-1 … ADDR-6).
  ip('link', 'add', 'san0', 'type', 'bridge');
  ip('link', 'set', 'san0', 'up');
  ip('address', 'add', '10.99.0.1/24', 'dev', 'san0');
  await until(() => driver.getAddressList(own).some(({ sin_addr }) => sin_addr === '10.99.0.1'), 'an own one');
  await until(() => ours > 0, 'word of it');
  const nic = driver.getNicAddresses(own).find(({ address }) => address === '10.99.0.1');
  assert.deepEqual({ ...nic, ifindex: 0 }, { family: 4, address: '10.99.0.1', prefix: 24, ifindex: 0, ifname: 'san0' });
  assert.equal(driver.getNicAddresses((_ifname, ifindex) => ifindex === nic?.ifindex)[0]?.ifname, 'san0');
  ip('link', 'del', 'san0');
  await until(() => driver.getAddressList(own).length === 0, 'none left');
  assert.ok(has('127.0.0.1'));

  // More notices than a socket buffer holds, while nobody reads: the list is read anew and right in the end.
  const batch: string[] = [];
  for (let i = 0; i < 4000; i++) batch.push(`address add 10.${78 + (i >> 8)}.${i & 255}.1/24 dev lo`);
  for (let i = 0; i < 3999; i++) batch.push(`address del 10.${78 + (i >> 8)}.${i & 255}.1/24 dev lo`);
  batch.push('address del fd77::1/64 dev lo');
  execFileSync(IP, ['-batch', '-'], { input: batch.join('\n') });
  const last = `10.${78 + (3999 >> 8)}.${3999 & 255}.1`;
  await until(() => has(last) && driver.getNicAddresses().length === 3, 'three left');
  assert.ok(has('127.0.0.1') && has('::1'));
  process.stdout.write('ok\n');
}

void main(driver);
