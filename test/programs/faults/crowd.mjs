// Many connections at once: { port, count, chunk, total }. Each writes `total` bytes of the pattern in chunks, never more
// than the socket wants, and reads what comes. Says "state {written, drained}" when told "report".
import net from 'node:net';
import { pattern } from './lib/pattern.mjs';
import { delay, obey, parameters, say, until } from './lib/talk.mjs';

const { port, count = 1, chunk = 64, total, mode = 'read' } = parameters;
let written = 0;
let reported = 0;
let finished = 0;

const run = (socket, name) => {
  let at = 0;
  const more = () => {
    while (at < total) {
      const length = Math.min(chunk, total - at);
      at += length;
      written += length;
      const go = socket.write(pattern(at - length, length), (error) => {
        if (!error) reported += length;
      });
      if (!go) return;
    }
    socket.off('drain', more);
    socket.end();
  };
  socket.on('drain', more);
  socket.on('error', (error) => say('failed', { name, code: error.code }));
  socket.on('close', (hadError) => {
    finished++;
    if (finished === count) say('finished', { written, reported, hadError });
  });
  socket.resume();
  socket.write(`${name} ${mode}\n`);
  return more;
};

const begin = [];
for (let i = 0; i < count; i++) {
  const socket = net.connect({ port, host: '127.0.0.1' });
  await until(socket, 'connect');
  begin.push(run(socket, `crowd-${i}`));
}
say('ready', { connected: begin.length });

obey({
  begin: () => begin.forEach((more) => more()),
  report: () => say('state', { written, reported, memory: process.memoryUsage().rss }),
});
await delay(0);
