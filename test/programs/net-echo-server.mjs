// Echo, the plainest server there is.
import net from 'node:net';
import record from './lib/record.cjs';

let accepted = 0;
const server = net.createServer((socket) => {
  // The client connects one after another, so the order of accepting is a name. The order of a server's own 'data'
  // and 'drain' is a matter of chance on TCP too, so only how it ends is kept.
  record.watch(`accepted ${accepted++}`, socket, { read: false });
  socket.pipe(socket);
});
server.on('close', () => record.fact('accepted', accepted));
server.listen({ port: 0, host: '127.0.0.1', ...record.parameters() }, () => {
  const { port, family, address } = server.address();
  record.fact('listening', { family, address, port });
  record.ready({ port });
});
record.onStop(() => server.close());
