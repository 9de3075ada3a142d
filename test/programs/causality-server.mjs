// Counts what it must have heard of before it is asked over another connection. The client: causality-client.mjs.
import net from 'node:net';
import record from './lib/record.cjs';

/** While it is busy behind an end() the client answers. In milliseconds. */
const BUSY = 0.3;
const missed = { direct: 0, immediate: 0, timer: 0, reset: 0 };
let finished = false;
let failed = false;

const busy = () => {
  for (const begun = performance.now(); performance.now() - begun < BUSY; );
};

/** Ends the socket in one of the loop's phases. */
const ways = {
  direct: (end) => end(),
  immediate: (end) => setImmediate(end),
  timer: (end) => setTimeout(end, 0),
};

const questions = {
  finished: () => finished,
  reset: () => failed,
};

const server = net.createServer((socket) => {
  socket.setEncoding('latin1').on('data', (text) => {
    const [word, ...rest] = text.trim().split(' ');
    if (word in questions) {
      if (!questions[word]()) missed[rest[0]]++;
      socket.write('asked');
    } else if (word in ways) {
      finished = false;
      socket.on('finish', () => {
        finished = true;
      });
      ways[word](() => {
        socket.end();
        busy();
      });
    } else {
      failed = false;
      socket.write('hello');
    }
  });
  socket.on('error', () => {
    failed = true;
  });
});
server.on('close', () => record.fact('missed', missed));
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => server.close());
