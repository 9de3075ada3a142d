import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ADDON_ABI, loadAddon, ProxyDriver } from '../../../src/proxy-driver/index.js';

const folder = mkdtempSync(join(tmpdir(), 'sockets-direct-'));
after(() => rmSync(folder, { recursive: true }));

test('the addon loads, and again', () => {
  const { addon, reason } = loadAddon();
  assert.equal(reason, null);
  assert.equal(addon?.abi, ADDON_ABI);
  assert.equal(loadAddon().addon, addon);
});

test('whatever is wrong is a reason, never an exception', () => {
  const broken = join(folder, 'broken.node');
  writeFileSync(broken, 'not a shared object');
  for (const path of [folder, join(folder, 'absent'), join(folder, 'absent.node'), broken]) {
    const { addon, reason } = loadAddon(path);
    assert.equal(addon, null);
    assert.ok(reason.length > 0);
    assert.ok(!reason.includes('\n'));
    assert.deepEqual(ProxyDriver.load(path), { driver: null, reason });
  }
});
