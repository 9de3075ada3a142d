// Sends bursts to a process that is stopped: says how many doorbells that took.
import net from 'node:net';
import { stats } from '../../../dist/index.js';
import record from '../lib/record.cjs';

const { port, bursts, messages } = record.parameters();
const socket = net.connect(port, '127.0.0.1');
await record.until(socket, 'connect');
socket.write('ready?');
await record.until(socket, 'data');
const told = record.until(process, 'SIGUSR2');
record.ready({});
await told;
const before = stats().loop.bellsSent;
const message = Buffer.alloc(64);
for (let burst = 0; burst < bursts; burst++) {
  for (let n = 0; n < messages; n++) socket.write(message);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
const bells = stats().loop.bellsSent - before;
process.stdout.write(`rung ${JSON.stringify({ bells })}\n`);
socket.end();
socket.resume();
