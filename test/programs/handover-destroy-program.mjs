// Sends accepted connections to a child process that closes each as soon as it has it: { how: 'destroy' | 'reset' | 'end' }, and
// has nothing more to do then. What the other ends hear of it.
import { fork } from 'node:child_process';
import net from 'node:net';
import record from './lib/record.cjs';

if (process.send === undefined) {
  const { how } = record.parameters();
  const child = fork(new URL(import.meta.url), [JSON.stringify({ how })]);
  const server = net.createServer({ pauseOnConnect: true }, (socket) => child.send('close it', socket));
  server.listen(0, '127.0.0.1');
  await record.until(server, 'listening');
  const events = [];
  const socket = net.connect(server.address().port, '127.0.0.1');
  socket.on('error', ({ code }) => events.push(code)).on('end', () => events.push('end'));
  socket.resume();
  const exit = record.until(child, 'exit');
  await record.until(socket, 'close');
  record.fact('heard', events);
  record.fact('the child ended with', await exit);
  server.close();
} else {
  const { how } = record.parameters();
  process.once('message', (_message, socket) => {
    if (how === 'reset') socket.resetAndDestroy();
    else if (how === 'end') socket.end();
    else socket.destroy();
    // Not in here: Node 20 writes to the channel behind the first message.
    setImmediate(() => process.disconnect());
  });
}
