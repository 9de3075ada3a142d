// Many connections at once, the server's side: echo, and the count on request. The client: many-client.mjs.
import net from 'node:net';
import record from './lib/record.cjs';

let accepted = 0;
let ended = 0;
let received = 0;
const server = net.createServer((socket) => {
  accepted++;
  socket.on('data', (chunk) => {
    received += chunk.length;
    if (chunk.length === 1 && chunk[0] === 63) {
      server.getConnections((error, count) => {
        record.fact('at once', error ?? count);
        socket.end(String(count));
      });
      return;
    }
    socket.write(chunk);
  });
  socket.on('error', (error) => record.fact(`error ${accepted}`, record.describeError(error)));
  socket.on('close', () => ended++);
});
server.on('close', () => record.fact('counts', { accepted, ended, received }));
server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () => record.ready({ port: server.address().port }));
record.onStop(() => server.close());
