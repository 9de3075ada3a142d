// Says of each connection that it has come, and that it is over.
import net from 'node:net';
import record from './lib/record.cjs';

const server = net.createServer((socket) => {
  process.stdout.write('came {}\n');
  socket.resume().on('error', () => {});
  socket.on('close', () => process.stdout.write('went {}\n'));
});
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => server.close());
