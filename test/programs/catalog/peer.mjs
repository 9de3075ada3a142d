// A program that knows nothing of the switch: it echoes on a port of all addresses, and on stdin it is told to connect to
// somebody, to say something on all connections it has made, and to connect no more.
import net from 'node:net';
import { obey, parameters, say } from '../faults/lib/talk.mjs';

const made = [];
const server = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
});
server.listen({ port: 0, host: '0.0.0.0', ...parameters.listen }, () => say('ready', { port: server.address().port }));

obey({
  connect(port) {
    const socket = net.connect({ port: Number(port), host: '127.0.0.1' });
    made.push(socket);
    socket.on('error', (error) => say('failed', { code: error.code }));
    socket.on('connect', () => say('connected', { count: made.length }));
    socket.on('data', (data) => say('heard', { from: made.indexOf(socket), text: String(data) }));
    socket.on('close', (hadError) => say('closed', { from: made.indexOf(socket), hadError }));
  },
  tell(text) {
    for (const socket of made) socket.write(text);
  },
  end() {
    for (const socket of made) socket.end();
  },
  // Nothing that is told on stdin may hold the process any more: it is to end by itself.
  close() {
    server.close();
    process.stdin.destroy();
  },
});
