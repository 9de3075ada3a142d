import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { after, test } from 'node:test';
import {
  IOCTL_SD_ALLOCATE_MEMORY,
  IOCTL_SD_CHECK_MEMORY,
  IOCTL_SD_GET_ADDRESS_LIST,
  IOCTL_SD_IP_TO_NATIVE,
  IOCTL_SD_NATIVE_TO_IP,
  IOCTL_SD_PIN_MEMORY,
  IOCTL_SD_QUERY_STATUS,
  IOCTL_SD_READ_USER_MEMORY,
  IOCTL_SD_RELEASE_MEMORY,
  IOCTL_SD_SECURE_MEMORY,
  IOCTL_SD_UNPIN_MEMORY,
  IOCTL_SD_UNSECURE_MEMORY,
  IOCTL_SD_WRITE_USER_MEMORY,
  type DeviceControls,
  ProxyDriver,
} from '../../../src/proxy-driver/index.js';

const EFAULT = -14;
const EINVAL = -22;
const ENOTTY = -25;
const ENOENT = -2;
const ENOBUFS = -105;
const ESTALE = -116;

const loaded = ProxyDriver.load();
assert.ok(loaded.driver !== null, loaded.reason ?? '');
const driver = loaded.driver;
after(() => driver.unload());
const PAGE = driver.addon.pageBytes;

/** Asks, and expects this status. */
function ask<Code extends keyof DeviceControls>(
  code: Code,
  input: DeviceControls[Code]['input'],
  status = 0,
): DeviceControls[Code]['output'] {
  const output: { value: DeviceControls[Code]['output'] | null } = { value: null };
  assert.equal(driver.deviceControl(code, input, output), status);
  if (status !== 0) assert.equal(output.value, null);
  return output.value;
}

const canSecure = driver.secured.open() === 0;
const skip = canSecure ? false : (driver.secured.reason ?? 'refused');

test('it is initialised once and unloaded with the last load (PD-6, PD-8)', () => {
  const again = ProxyDriver.load();
  assert.equal(again.driver, driver);
  assert.equal(ask(IOCTL_SD_QUERY_STATUS, null).loads, 2);
  driver.unload();
  assert.ok(driver.getAddressList().length > 0, 'still loaded');
  assert.equal(ask(IOCTL_SD_QUERY_STATUS, null).loads, 1);
});

test('the last unload takes back whatever is left, and it can be loaded anew (PD-8)', async () => {
  // A copy of its own: the one above is used by the other tests.
  const copy = new ProxyDriver(driver.addon);
  const memory = copy.allocations.allocate(PAGE);
  assert.ok(typeof memory !== 'number');
  const pin = copy.pinMemory(new Uint8Array(memory));
  assert.ok(typeof pin !== 'number');
  copy.unload();
  assert.deepEqual([memory.byteLength, pin.byteLength, copy.status().memoryBytes], [0, 0, 0]);
  copy.unload(); // once too often
  assert.equal(copy.status().loads, 0);
  const { Worker } = await import('node:worker_threads');
  const worker = new Worker(new URL('./loading.js', import.meta.url));
  const [code] = (await once(worker, 'exit')) as [number];
  assert.equal(code, 0);
});

test('every code refuses what it cannot make sense of, and unknown codes are refused (PD-7, PD-9)', () => {
  const raw = driver.deviceControl.bind(driver) as (code: number, input: unknown, output: { value: unknown }) => number;
  const output = { value: 'untouched' as unknown };
  assert.equal(raw(0x122034, null, output), ENOTTY);
  assert.equal(output.value, null);
  const nonsense = [undefined, 'text', {}, -1, 1.5, new Uint8Array(0)];
  const codes = [
    IOCTL_SD_GET_ADDRESS_LIST,
    IOCTL_SD_ALLOCATE_MEMORY,
    IOCTL_SD_RELEASE_MEMORY,
    IOCTL_SD_SECURE_MEMORY,
    IOCTL_SD_UNSECURE_MEMORY,
    IOCTL_SD_CHECK_MEMORY,
    IOCTL_SD_PIN_MEMORY,
    IOCTL_SD_UNPIN_MEMORY,
    IOCTL_SD_READ_USER_MEMORY,
    IOCTL_SD_WRITE_USER_MEMORY,
    IOCTL_SD_IP_TO_NATIVE,
    IOCTL_SD_NATIVE_TO_IP,
  ];
  for (const code of codes)
    for (const [i, input] of nonsense.entries())
      assert.equal(raw(code, input, output), EINVAL, `0x${code.toString(16)}, input ${i}`);
});

test('memory is allocated in whole pages, released once, and bounded (PD-9, PD-11, PD-12)', () => {
  const memory = ask(IOCTL_SD_ALLOCATE_MEMORY, 10);
  assert.equal(memory.byteLength, PAGE);
  assert.deepEqual(new Set(new Uint8Array(memory)), new Set([0]));
  assert.equal(ask(IOCTL_SD_QUERY_STATUS, null).memoryBytes, PAGE);
  ask(IOCTL_SD_RELEASE_MEMORY, memory);
  ask(IOCTL_SD_RELEASE_MEMORY, memory, EINVAL);
  ask(IOCTL_SD_RELEASE_MEMORY, new ArrayBuffer(8), EINVAL);
  for (const bytes of [0, -1, 1.5, Number.NaN]) ask(IOCTL_SD_ALLOCATE_MEMORY, bytes, EINVAL);
  const limits = { memoryBytes: 4 * PAGE, cacheBytes: 0, cacheUserBuffers: false };
  driver.setLimits(limits);
  const all = Array.from({ length: 4 }, () => ask(IOCTL_SD_ALLOCATE_MEMORY, PAGE));
  for (let round = 0; round < 100; round++) ask(IOCTL_SD_ALLOCATE_MEMORY, 1, ENOBUFS);
  ask(IOCTL_SD_RELEASE_MEMORY, all[0]);
  ask(IOCTL_SD_ALLOCATE_MEMORY, 2 * PAGE, ENOBUFS);
  all[0] = ask(IOCTL_SD_ALLOCATE_MEMORY, PAGE);
  for (const one of all) ask(IOCTL_SD_RELEASE_MEMORY, one);
  driver.setLimits({ ...limits, memoryBytes: Number.MAX_SAFE_INTEGER });
  const output = { value: null };
  const tooMuch = driver.deviceControl(IOCTL_SD_ALLOCATE_MEMORY, 2 ** 45, output);
  assert.ok(tooMuch < 0, 'more than there is');
  driver.setLimits({ ...limits, memoryBytes: 1 << 28 });
  assert.equal(ask(IOCTL_SD_QUERY_STATUS, null).memoryBytes, 0);
});

test('memory is secured, checked and unsecured (PD-9, PD-13, PD-15)', { skip }, () => {
  const memory = ask(IOCTL_SD_ALLOCATE_MEMORY, 2 * PAGE);
  const range = ask(IOCTL_SD_SECURE_MEMORY, new Uint8Array(memory, 5, 10));
  assert.equal(ask(IOCTL_SD_QUERY_STATUS, null).secured, 'on');
  assert.equal(ask(IOCTL_SD_QUERY_STATUS, null).securedRanges, 1);
  ask(IOCTL_SD_CHECK_MEMORY, range);
  ask(IOCTL_SD_RELEASE_MEMORY, memory);
  ask(IOCTL_SD_CHECK_MEMORY, range, ESTALE);
  ask(IOCTL_SD_UNSECURE_MEMORY, range);
  ask(IOCTL_SD_UNSECURE_MEMORY, range, EINVAL);
});

test('memory is pinned and unpinned (SP-15, PD-9)', () => {
  const memory = ask(IOCTL_SD_ALLOCATE_MEMORY, PAGE);
  const bytes = new Uint8Array(memory);
  bytes[3] = 7;
  const pin = ask(IOCTL_SD_PIN_MEMORY, bytes);
  const { pinnedBytes, lockedBytes } = ask(IOCTL_SD_QUERY_STATUS, null);
  assert.equal(pinnedBytes, PAGE);
  const limit = /Max locked memory +(\S+)/.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? '';
  assert.equal(lockedBytes, limit === 'unlimited' || Number(limit) >= 2 * PAGE ? PAGE : 0);
  ask(IOCTL_SD_RELEASE_MEMORY, memory);
  assert.equal(new Uint8Array(pin)[3], 7);
  ask(IOCTL_SD_UNPIN_MEMORY, pin);
  ask(IOCTL_SD_UNPIN_MEMORY, pin, EINVAL);
  assert.equal(ask(IOCTL_SD_QUERY_STATUS, null).pinnedBytes, 0);
  ask(IOCTL_SD_PIN_MEMORY, new Uint8Array(9), EINVAL); // private memory
});

test('the memory of a program is touched so that a bad address is an error (PD-10, PD-16)', () => {
  const memory = ask(IOCTL_SD_ALLOCATE_MEMORY, PAGE);
  const bytes = new Uint8Array(memory).fill(5);
  const address = driver.addon.addressOf(bytes);
  const copy = new Uint8Array(2);
  ask(IOCTL_SD_READ_USER_MEMORY, { address, bytes: copy });
  assert.deepEqual([...copy], [5, 5]);
  ask(IOCTL_SD_WRITE_USER_MEMORY, { address, bytes: Uint8Array.of(1, 2) });
  assert.deepEqual([...bytes.subarray(0, 3)], [1, 2, 5]);
  ask(IOCTL_SD_RELEASE_MEMORY, memory);
  ask(IOCTL_SD_READ_USER_MEMORY, { address: 16, bytes: copy }, EFAULT);
  ask(IOCTL_SD_WRITE_USER_MEMORY, { address: 16, bytes: copy }, EFAULT);
  assert.deepEqual([...copy], [5, 5]);
});

test('addresses are translated both ways (ADDR-12 … ADDR-14)', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const remote = { address: '127.0.0.1', port, family: 4 } as const;
  const bound = new Int32Array(1);
  const local = driver.reservePort({ address: '127.0.0.1', port: 0, family: 4 }, bound);
  assert.ok(local >= 0);
  const from = { address: '127.0.0.1', port: bound[0], family: 4 } as const;
  const native = ask(IOCTL_SD_IP_TO_NATIVE, { remote, local: from });
  assert.equal(native.uid, process.getuid?.());
  assert.equal(native.cookie, driver.getNativeAddress(fd));
  assert.deepEqual(ask(IOCTL_SD_NATIVE_TO_IP, fd), remote);
  assert.deepEqual(ask(IOCTL_SD_NATIVE_TO_IP, local), from);
  const name = driver.companionName(native.cookie, 0);
  assert.deepEqual(driver.parseCompanionName(name), { cookie: native.cookie, n: 0 });
  server.close();
  await once(server, 'close');
  ask(IOCTL_SD_IP_TO_NATIVE, { remote, local: from }, ENOENT);
  driver.addon.close(local);
});

test('the list is of a provider’s own devices; nothing is heard of others (ADDR-4, ADDR-5)', () => {
  const all = ask(IOCTL_SD_GET_ADDRESS_LIST, null);
  assert.deepEqual(all.nics, driver.getNicAddresses());
  const lo = ask(IOCTL_SD_GET_ADDRESS_LIST, (ifname) => ifname === 'lo');
  assert.ok(lo.nics.length > 0 && lo.nics.every(({ ifname, ifindex }) => ifname === 'lo' && ifindex === 1));
  assert.ok(lo.sockaddrs.some(({ sin_addr }) => sin_addr === '127.0.0.1'));
  const none = ask(IOCTL_SD_GET_ADDRESS_LIST, (_ifname, ifindex) => ifindex === -1);
  assert.deepEqual(none, { sockaddrs: [], nics: [] });
});
