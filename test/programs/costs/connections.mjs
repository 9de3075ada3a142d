// Connections one after the other, a byte each way on each, both ends in this process.
import net from 'node:net';
import record from '../lib/record.cjs';

const { connections } = record.parameters();
const server = net.createServer((socket) => socket.on('data', (chunk) => socket.end(chunk)));
server.listen(0, '127.0.0.1');
await record.until(server, 'listening');
for (let n = 0; n < connections; n++) {
  const client = net.connect(server.address().port, '127.0.0.1');
  client.end('x');
  client.resume();
  await record.until(client, 'close');
}
server.close();
