// One connection for each of `ways`, one after another: answers what ends with a question mark, and ends when it is told
// 'bye' or hears its own answer. { host, port, ways }
import { createHash } from 'node:crypto';
import net from 'node:net';
import record from './lib/record.cjs';

const { host = '127.0.0.1', port, ways } = record.parameters();
for (const way of ways) {
  const socket = net.connect({ host, port });
  let text = '';
  let answers = 0;
  socket.setEncoding('latin1');
  socket.on('data', (part) => {
    text += part;
    if (text.endsWith('?')) socket.write(`answer ${++answers}`);
    if (text.endsWith(`answer ${answers}`)) socket.end();
  });
  record.watch(way, socket, { read: false, bytes: false, names: false, skip: ['connectionAttempt'] });
  await record.until(socket, 'close');
  const short = text.length < 1000;
  record.fact(`${way}: text`, short ? text : [text.length, createHash('sha256').update(text).digest('hex')]);
}
