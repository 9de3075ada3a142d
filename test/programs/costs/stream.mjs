// Messages of one size in one direction, both ends in this process: says what so many more of them cost.
import net from 'node:net';
import record from '../lib/record.cjs';

const { size, messages, burst = 100, resources = false } = record.parameters();
const message = Buffer.alloc(size, 0x61);
const BEFORE = 4; // rounds until all code has run often and every buffer is there

// What is counted is another's affair: `counting.cjs`, or a tracer, from outside.
const { costs = {}, countResources } = globalThis;
const server = net.createServer();
server.listen(0, '127.0.0.1');
await record.until(server, 'listening');
const client = net.connect(server.address().port, '127.0.0.1');
const accepted = await record.until(server, 'connection');
if (client.connecting) await record.until(client, 'connect');

let received = 0;
let done = () => {};
let expected = 0;
accepted.on('data', (chunk) => {
  received += chunk.length;
  if (received === expected) done();
});

/** `messages` of them, `burst` in each turn of the event loop. */
const round = () =>
  new Promise((resolve) => {
    expected = received + messages * size;
    done = resolve;
    let left = messages;
    const send = () => {
      for (let n = 0; n < burst && left > 0; n++) {
        left--;
        if (!client.write(message)) {
          if (left > 0) client.once('drain', send);
          return;
        }
      }
      if (left > 0) setImmediate(send);
    };
    send();
  });

for (let n = 0; n < BEFORE; n++) await round();
if (resources) countResources();
const settle = () => new Promise((resolve) => setTimeout(resolve, 50));
globalThis.gc?.();
await settle();
const from = { ...costs, heap: process.memoryUsage().heapUsed, external: process.memoryUsage().arrayBuffers };
await round();
const to = { ...costs, heap: process.memoryUsage().heapUsed, external: process.memoryUsage().arrayBuffers };
await settle();
record.fact('copied', (to.copied - from.copied) / messages);
record.fact('resources', (to.resources - from.resources) / messages);
record.fact('heap', (to.heap - from.heap) / messages);
record.fact('external', (to.external - from.external) / messages);
// Seen only after the fact: entries are handed out later.
record.fact('collections', costs.collections - from.collections);
client.end();
accepted.end();
server.close();
await record.until(server, 'close');
