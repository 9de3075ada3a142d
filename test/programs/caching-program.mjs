// Changes the mapping of secured memory under a provider that caches, and tells what the provider heard.
import { stats, status } from '../../dist/index.js';
import { ProxyDriver } from '../../dist/proxy-driver/index.js';

const { driver } = ProxyDriver.load();
if (driver === null) throw new Error('no driver');
const before = stats().memory;
const memory = driver.allocations.allocate(1);
if (typeof memory === 'number') throw new Error(`not allocated: ${memory}`);
const bytes = new Uint8Array(memory);
const address = driver.addon.addressOf(bytes);
const secured = driver.secured.secure(bytes);
const during = stats().memory;
driver.allocations.release(memory);
const { told } = /** @type {{ told: unknown[][] }} */ (/** @type {unknown} */ (globalThis));
const end = performance.now() + 10_000;
while (told.length === 0 && typeof secured !== 'number' && performance.now() < end)
  await new Promise((resolve) => setImmediate(resolve));
const { on, providers } = status();
const { loads } = driver.status();
const bytesMapped = driver.addon.pageBytes;
process.stdout.write(JSON.stringify({ on, providers, loads, before, during, told, address, bytesMapped }));
