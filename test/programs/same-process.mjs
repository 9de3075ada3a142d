// Both ends in one process: a raw exchange, an HTTP request and a half-close.
import http from 'node:http';
import net from 'node:net';
import record from './lib/record.cjs';

const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  record.watch(`accepted ${accepted++}`, socket, { read: false });
  socket.pipe(socket);
});
let accepted = 0;
server.listen(0, '127.0.0.1');
await record.until(server, 'listening');

for (const size of [1, 1000, 65536, 3000000]) {
  const socket = net.connect(server.address().port, '127.0.0.1');
  record.watch(`connection ${size}`, socket, { skip: ['data', 'finish'] });
  const data = record.bytes(size, size);
  socket.end(data);
  await record.until(socket, 'close');
  record.fact(`sent ${size}`, record.sha256(data));
}
server.close();
await record.until(server, 'close');

const site = http.createServer((request, response) => request.pipe(response));
site.listen(0, '127.0.0.1');
await record.until(site, 'listening');
const body = record.bytes('body', 500000);
const agent = new http.Agent({ keepAlive: true });
for (let i = 0; i < 5; i++) {
  const response = await new Promise((resolve) => {
    http.request({ port: site.address().port, host: '127.0.0.1', method: 'POST', agent }, resolve).end(body);
  });
  record.fact(`echo ${i}`, record.sha256(Buffer.concat(await response.toArray())) === record.sha256(body));
}
agent.destroy();
site.close();
