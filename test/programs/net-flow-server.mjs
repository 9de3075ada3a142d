// Back-pressure, pausing, timeouts and the ways to read, the server's side. The client's: net-flow-client.mjs.
import { pipeline } from 'node:stream';
import record from './lib/record.cjs';
import { serveCases } from './lib/ports.mjs';

let reconnects = 0;
let release;
let held;
const CHUNK = 65536;
const sendBlocks = (socket, seed, count) => {
  for (let i = 0; i < count; i++) {
    socket.write(record.bytes(`${seed} ${i}`, CHUNK));
  }
  socket.end();
};

await serveCases({
  // Not read for a while: the client must be held back, and nothing may be lost.
  backPressure: [
    { pauseOnConnect: true },
    (socket) => {
      record.watch('backPressure', socket, { read: false });
      release = () => {
        let received = 0;
        socket.on('data', (chunk) => {
          received += chunk.length;
        });
        socket.on('end', () => record.fact('backPressure', received));
        socket.resume();
      };
    },
  ],
  // The client connects here when it saw that it is held back.
  release: [
    {},
    (socket) => {
      release();
      socket.end();
    },
  ],
  // The same the other way: the server writes, the client is not ready.
  heldServer: [
    {},
    (socket) => {
      record.watch('heldServer', socket);
      const block = record.bytes('held', CHUNK);
      let flushed = 0;
      for (let i = 0; i < 512; i++) {
        socket.write(block, () => {
          flushed++;
        });
      }
      socket.end();
      held = record.settled(() => flushed);
    },
  ],
  // Tells the client when the server is held back.
  heldServerIsHeld: [
    {},
    async (socket) => {
      record.fact('heldServer is held', (await held) < 512);
      socket.end();
    },
  ],
  pauseResume: [
    {},
    (socket) => {
      record.watch('pauseResume', socket);
      sendBlocks(socket, 'pause', 24);
    },
  ],
  readable: [
    {},
    (socket) => {
      record.watch('readable', socket);
      sendBlocks(socket, 'readable', 8);
    },
  ],
  iterator: [
    {},
    (socket) => {
      record.watch('iterator', socket);
      sendBlocks(socket, 'iterator', 8);
    },
  ],
  onread: [
    {},
    (socket) => {
      record.watch('onread', socket);
      sendBlocks(socket, 'onread', 4);
    },
  ],
  text: [
    {},
    (socket) => {
      record.watch('text', socket);
      // A character of three bytes, cut in two by the writes.
      const data = Buffer.from('\u20ac'.repeat(1000));
      socket.write(data.subarray(0, 1000));
      setTimeout(() => socket.end(data.subarray(1000)), 20);
    },
  ],
  pipeline: [
    { allowHalfOpen: true },
    (socket) => {
      record.watch('pipeline', socket, { read: false });
      pipeline(socket, socket, (error) => record.fact('pipeline', error ? record.describeError(error) : 'done'));
    },
  ],
  idle: [
    {},
    (socket) => {
      record.watch('idle', socket);
    },
  ],
  idleServer: [
    {},
    (socket) => {
      record.watch('idleServer', socket);
      socket.setTimeout(60, () => socket.setTimeout(0).end('too slow'));
    },
  ],
  activity: [
    {},
    (socket) => {
      record.watch('activity', socket, { bytes: false });
      const timer = setInterval(() => socket.write('beat'), 30);
      socket.on('end', () => clearInterval(timer));
    },
  ],
  earlyWrite: [
    {},
    (socket) => {
      record.watch('earlyWrite', socket);
    },
  ],
  aborted: [
    {},
    (socket) => {
      record.watch('aborted', socket);
      socket.write('hello');
    },
  ],
  state: [
    { noDelay: true, keepAlive: true },
    (socket) => {
      record.watch('state', socket);
      socket.end('hello');
    },
  ],
  reconnect: [
    {},
    (socket) => {
      const label = `reconnect ${(reconnects += 1)}`;
      record.watch(label, socket);
      socket.end(`this is ${label}`);
    },
  ],
});
