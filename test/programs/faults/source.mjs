// The one that dies: writes the stream of lib/pattern.mjs and logs, at every write callback, how many bytes have been
// reported as written (8 bytes at the start of the file `progress`; they survive any death).
//   { port } or { listen: true }, name, mode (of sink.mjs), chunk, total?: end of the stream
//   how: exit | throw | return | none     what it does to itself when `after` bytes have been written
//   now: true                             does it in the same turn as the writes, with everything pending
//   wait: true                            writes when it is told "go"
//   count: N                              on as many connections, named NAME-0 …; dies when all have written `after`
import { openSync, writeSync } from 'node:fs';
import net from 'node:net';
import { isMainThread, parentPort } from 'node:worker_threads';
import { pattern } from './lib/pattern.mjs';
import { obey, parameters, say } from './lib/talk.mjs';

const { name, mode = 'read', chunk = 65536, total = Infinity, how = 'none', after = Infinity } = parameters;
const { now = false, wait = false, count = 1 } = parameters;
const progress = parameters.progress === undefined ? null : openSync(parameters.progress, 'w');
const record = Buffer.alloc(8);
const alive = setInterval(() => {}, 1000);
const waiting = [];
let reported = 0;
let ready = 0;

const tell = (word, message) => {
  if (isMainThread) say(word, message);
  else parentPort.postMessage({ word, message });
};

const die = (socket) => {
  if (++ready === count) tell('dying', {});
  if (how === 'return') socket.end();
  else if (ready < count) return;
  else if (how === 'exit') process.exit(0);
  else if (how === 'throw') throw new Error('on purpose');
};

const onWritten = (bytes) => (error) => {
  if (error || progress === null) return;
  reported += bytes;
  record.writeBigUInt64LE(BigInt(reported));
  writeSync(progress, record, 0, 8, 0);
};

const run = (socket, connection) => {
  let written = 0;
  const more = () => {
    while (!socket.destroyed && written < Math.min(total, after)) {
      const length = Math.min(chunk, total - written, after - written);
      const go = socket.write(pattern(written, length), onWritten(length));
      written += length;
      if (written >= after) {
        die(socket);
        return;
      }
      if (!go && !now) return;
    }
    if (written >= total && how === 'none') socket.end();
  };
  socket.on('data', () => {});
  socket.on('error', () => {});
  socket.on('close', () => clearInterval(alive));
  socket.on('drain', more);
  socket.write(`${connection} ${mode}\n`);
  waiting.push(more);
  if (waiting.length < count) return;
  tell('connected', { name });
  if (!wait) for (const begin of waiting) begin();
};

if (how === 'return') clearInterval(alive);
if (wait) {
  obey({
    go() {
      for (const begin of waiting) begin();
    },
  });
}
if (parameters.listen) {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => run(socket, name));
  server.listen(0, '127.0.0.1', () => tell('ready', { port: server.address().port }));
} else {
  for (let i = 0; i < count; i++) {
    const socket = net.connect({ port: parameters.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('connect', () => run(socket, count === 1 ? name : `${name}-${i}`));
  }
}
