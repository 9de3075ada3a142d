// Ten thousand pipelined requests in one write, to an HTTP server that must pause to get rid of its answers.
import http from 'node:http';
import net from 'node:net';
import record from './lib/record.cjs';

const COUNT = 10_000;
const body = 'x'.repeat(200);
let served = 0;
const problems = [];
const server = http.createServer((_request, response) => {
  served++;
  response.end(body);
});
server.on('clientError', (error, socket) => {
  problems.push(error.code);
  socket.destroy();
});
server.listen(0, '127.0.0.1');
await record.until(server, 'listening');
const socket = net.connect(server.address().port, '127.0.0.1');
socket.on('connect', () => {
  socket.write('GET / HTTP/1.1\r\nHost: example.com\r\n\r\n'.repeat(COUNT));
});
socket.resume();
server.prependListener('request', (_request, response) => {
  if (served === COUNT - 1) response.on('close', () => socket.end());
});
await record.until(socket, 'close');
server.close();
record.fact('served', served);
record.fact('problems', problems);
