// A thread with a listener that lets its peer write into its memory. Not a test: access.test.ts starts it.
import assert from 'node:assert/strict';
import { parentPort } from 'node:worker_threads';
import { MEM_WRITE } from '../../../../src/spi/index.js';
import { MiniSwitch } from './mini-switch.js';
import { Rdma } from './rdma.js';

const sw = new MiniSwitch();
let s = -1;
assert.ok(parentPort);
const parent = parentPort;
void sw
  .listen((accepted) => {
    s = accepted;
    sw.record(s);
  })
  .then(({ port }) => parent.postMessage([port]));
parent.on('message', () => {
  const descriptor = new Rdma(sw).exposed(s, Buffer.alloc(1 << 20), MEM_WRITE);
  parent.postMessage([descriptor.readUInt32LE(8)]);
});
