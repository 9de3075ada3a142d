// A server that tells the names of both ends of its connections, as a program sees them.
import net from 'node:net';
import { say } from './lib/talk.mjs';

const server = net.createServer((socket) => {
  socket.on('error', () => {});
  say('from', { remote: socket.remoteAddress, local: socket.localAddress, port: socket.localPort });
});
server.listen(0, '127.0.0.1', () => say('ready', { port: server.address().port }));
process.once('SIGTERM', () => server.close());
