// The survivor: reads the stream of lib/pattern.mjs and tells how much came and how it ended. { listen: true } or { port }.
// The first line of a connection is "name mode":
//   read   reads at once                       pause  reads when told "resume name"
//   slow   64 KiB every few milliseconds       flood  reads, and writes the pattern as fast as it can
//   half   ends its own direction at once, and reads on
import net from 'node:net';
import { Checker, pattern } from './lib/pattern.mjs';
import { obey, parameters, say } from './lib/talk.mjs';

const CHUNK = 65536;
const paused = new Map();

const flood = (socket) => {
  let at = 0;
  const more = () => {
    while (!socket.destroyed && socket.writable) {
      const go = socket.write(pattern(at, CHUNK));
      at += CHUNK;
      if (!go) return;
    }
  };
  socket.on('drain', more);
  more();
};

const slow = (socket) => {
  socket.pause();
  const timer = setInterval(() => socket.read(CHUNK) ?? socket.read(), 2);
  socket.on('close', () => clearInterval(timer));
};

const begin = (socket, name, mode) => {
  if (mode === 'pause') {
    socket.pause();
    paused.set(name, socket);
  } else if (mode === 'slow') slow(socket);
  else if (mode === 'flood') flood(socket);
  else if (mode === 'half') socket.end();
  say('begun', { name });
};

const serve = (socket) => {
  const checker = new Checker();
  const events = [];
  let head = '';
  let name = null;
  const onData = (chunk) => {
    if (name !== null) {
      checker.add(chunk);
      return;
    }
    const newline = chunk.indexOf(10);
    head += chunk.subarray(0, newline < 0 ? chunk.length : newline).toString();
    if (newline < 0) return;
    let mode;
    [name, mode] = head.split(' ');
    checker.add(chunk.subarray(newline + 1));
    begin(socket, name, mode);
  };
  socket.on('data', onData);
  socket.on('end', () => {
    events.push('end');
    if (!socket.writableEnded) socket.end();
  });
  socket.on('error', (error) => events.push(error.code));
  socket.on('close', () => {
    say('gone', { name, bytes: checker.bytes, good: checker.good, events, at: Date.now() });
  });
};

if (parameters.listen) {
  let accepted = 0;
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    accepted++;
    serve(socket);
  });
  server.listen(0, '127.0.0.1', () => say('ready', { port: server.address().port }));
  process.once('SIGTERM', () => {
    say('accepted', { accepted });
    server.close();
  });
} else {
  const socket = net.connect({ port: parameters.port, host: '127.0.0.1', allowHalfOpen: true });
  serve(socket);
  const alive = setInterval(() => {}, 1000); // it looks at what is left of it after its connection is gone
  process.once('SIGTERM', () => clearInterval(alive));
}

obey({
  resume(name) {
    paused.get(name).resume();
    paused.delete(name);
  },
});
