// Secures memory in a worker and leaves it so. Not a test: secure.test.ts starts it.
import { strict as assert } from 'node:assert';
import { parentPort } from 'node:worker_threads';
import { SecuredMemory } from '../../../src/proxy-driver/index.js';
import { addonForTests, mapped } from './rings.js';

const addon = addonForTests();
const bytes = addon.pageBytes * 2;
const fd = addon.allocate(bytes);
const memory = new Uint8Array(mapped(addon, fd, bytes));
const secured = new SecuredMemory(addon);
for (let i = 0; i < 2; i++) assert.ok(typeof secured.secure(memory) !== 'number');
parentPort?.postMessage(secured.ranges);
setInterval(() => memory.fill(1), 1000);
