// Loads, unloads and loads the driver in an isolate of its own. Not a test: driver.test.ts starts it.
import { strict as assert } from 'node:assert';
import { ProxyDriver } from '../../../src/proxy-driver/index.js';

for (let round = 0; round < 2; round++) {
  const { driver, reason } = ProxyDriver.load();
  assert.ok(driver !== null, reason ?? '');
  assert.ok(driver.getAddressList().length > 0);
  assert.ok(typeof driver.allocations.allocate(1) !== 'number');
  assert.ok([0, -1, -38].includes(driver.secured.open()));
  driver.unload();
  assert.deepEqual([driver.getAddressList(), driver.status().memoryBytes], [[], 0]);
}
