// Ends while memory is secured. Not a test: secure.test.ts starts it.
import { strict as assert } from 'node:assert';
import { SecuredMemory } from '../../../src/proxy-driver/index.js';
import { addonForTests, mapped } from './rings.js';

const addon = addonForTests();
const bytes = addon.pageBytes * 4;
const fd = addon.allocate(bytes);
const memory = mapped(addon, fd, bytes);
assert.ok(typeof new SecuredMemory(addon).secure(new Uint8Array(memory)) !== 'number');
process.stdout.write('secured\n');
