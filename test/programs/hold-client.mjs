// Opens connections to an echo server, exchanges some bytes on each and keeps them open: { count, unref }. Says "ready"
// when all are there. On SIGTERM it ends them; with `unref` nothing holds the process and it ends by itself.
import net from 'node:net';
import record from './lib/record.cjs';

const { port, host = '127.0.0.1', count = 1, unref = false } = record.parameters();
const sockets = [];
let ended = 0;
await Promise.all(
  Array.from({ length: count }, async () => {
    const socket = net.connect({ port, host });
    sockets.push(socket);
    socket.on('close', () => ended++);
    socket.write('12345');
    await record.until(socket, 'data');
  }),
);
record.onStop(() => {
  for (const socket of sockets) {
    socket.end();
  }
});
if (unref) {
  for (const socket of sockets) {
    socket.unref();
  }
}
record.fact('ended', () => ended);
record.ready({ localPorts: sockets.map(({ localPort }) => localPort) });
