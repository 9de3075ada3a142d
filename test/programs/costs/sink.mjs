// Answers the first chunk and swallows the rest.
import net from 'node:net';
import record from '../lib/record.cjs';

const server = net.createServer((socket) => {
  socket.once('data', (chunk) => socket.write(chunk));
  socket.resume();
});
server.listen(0, '127.0.0.1');
await record.until(server, 'listening');
record.ready({ port: server.address().port });
record.onStop(() => server.close());
