// An echo server that can be made busy: "busy PATH" on stdin, until that file is there. Tells how many connections its program has seen.
import { existsSync } from 'node:fs';
import net from 'node:net';
import { obey, parameters, say } from './lib/talk.mjs';

let accepted = 0;
let open = 0;
const server = net.createServer((socket) => {
  accepted++;
  open++;
  socket.on('error', () => {});
  socket.on('close', () => open--);
  socket.pipe(socket);
});
server.listen({ port: 0, host: '127.0.0.1', ...parameters.listen }, () =>
  say('ready', { port: server.address().port }),
);
process.once('SIGTERM', () => {
  say('accepted', { accepted });
  server.close();
});

// The most CPU time between two turns of the event loop, in ms: a program that is kept busy is found out by this.
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
let last = cpu();
let longest = 0;
setInterval(() => {
  const now = cpu();
  longest = Math.max(longest, now - last);
  last = now;
}, 10).unref();

obey({
  busy(path) {
    say('busy');
    // Said before the loop is blocked: stdout is a pipe, which Node writes to synchronously.
    while (!existsSync(path));
    last = cpu();
  },
  report() {
    globalThis.gc?.();
    say('report', { accepted, open, longest, heap: process.memoryUsage().heapUsed });
    longest = 0;
  },
});
