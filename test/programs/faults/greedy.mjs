// A program that has used up its descriptors: keeps all but so many of them taken. It serves an echo, and dials.
//   "free N" leaves N descriptors free; "dial NAME BYTES PORT" as dialer.mjs
import { closeSync, openSync } from 'node:fs';
import net from 'node:net';
import { Checker, pattern } from './lib/pattern.mjs';
import { obey, say } from './lib/talk.mjs';

const taken = [];
const take = () => {
  for (;;) {
    try {
      taken.push(openSync('/dev/null', 'r'));
    } catch (error) {
      if (error.code !== 'EMFILE') throw error;
      return;
    }
  }
};

let accepted = 0;
const server = net.createServer((socket) => {
  accepted++;
  socket.on('error', () => {});
  socket.pipe(socket);
});
server.listen(0, '127.0.0.1', () => say('ready', { port: server.address().port }));

const dial = (name, size, port) => {
  const wanted = Number(size);
  const checker = new Checker();
  const events = [];
  const socket = net.connect(Number(port), '127.0.0.1');
  socket.on('connect', () => events.push('connect'));
  socket.on('end', () => events.push('end'));
  socket.on('error', (error) => events.push(error.code));
  socket.on('data', (chunk) => {
    checker.add(chunk);
    if (checker.bytes >= wanted) socket.end();
  });
  socket.on('close', () => say('dialed', { name, ok: checker.good && checker.bytes === wanted, events }));
  socket.write(pattern(0, wanted));
};

obey({
  free(count) {
    take();
    for (let i = 0; i < Number(count); i++) closeSync(taken.pop());
    say('free', { count: Number(count) });
  },
  dial,
  quit() {
    server.close();
    process.stdin.destroy();
  },
  report: () => say('report', { accepted }),
});
