// Many connections at once: all are opened in one turn, each sends 2000 bytes and gets them back, all stay open until
// the last one is through, and then all end.
import { createHash } from 'node:crypto';
import net from 'node:net';
import record from './lib/record.cjs';

const { port, count = 500 } = record.parameters();
const events = { connect: 0, end: 0, close: 0, error: 0 };

const open = async (index) => {
  const socket = net.connect({ port, host: '127.0.0.1' });
  for (const event of Object.keys(events)) {
    socket.on(event, () => events[event]++);
  }
  const message = record.bytes(index, 2000);
  const hash = createHash('sha256');
  let received = 0;
  socket.write(message);
  await new Promise((resolve) => {
    socket.on('close', resolve);
    socket.on('data', (chunk) => {
      hash.update(chunk);
      received += chunk.length;
      if (received === message.length) {
        resolve();
      }
    });
  });
  return { socket, good: hash.digest('hex') === record.sha256(message) };
};

const all = await Promise.all(Array.from({ length: count }, (_, index) => open(index)));
record.fact('good', all.filter(({ good }) => good).length);
record.fact('local ports', new Set(all.map(({ socket }) => socket.localPort)).size);
const question = net.connect({ port, host: '127.0.0.1' });
question.write('?');
record.fact('at once', String(await record.until(question, 'data')));
await record.until(question, 'close');
await Promise.all(
  all.map(({ socket }) => {
    socket.end();
    return record.until(socket, 'close');
  }),
);
record.fact('events', events);
