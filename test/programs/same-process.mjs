// Both ends in one process: a raw exchange, an HTTP request and a half-close; a listener that is closed as soon as its
// first client is connected, by when it has accepted it.
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
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

const order = [];
const single = net.createServer((socket) => {
  order.push('accepted');
  socket.end('served');
});
single.listen(0, '127.0.0.1');
await record.until(single, 'listening');
const only = net.connect(single.address().port, '127.0.0.1', () => {
  order.push('connected');
  single.close(() => order.push('listener closed'));
});
only.on('data', (chunk) => order.push(String(chunk)));
only.on('error', (error) => order.push(error.code));
await Promise.all([record.until(only, 'close'), record.until(single, 'close')]);
record.fact('a listener that is closed at once', order.slice(0, 3));

// The listener's program hears of the connection first, and ends the client before that hears of its connect.
for (const [name, end] of Object.entries({
  destroy: (client) => client.destroy(),
  abort: (_client, controller) => controller.abort(),
  end: (client) => client.end('good bye'),
})) {
  const story = [];
  const controller = new AbortController();
  const listener = net.createServer((socket) => {
    end(client, controller);
    socket.on('data', (chunk) => story.push(String(chunk)));
    for (const event of ['end', 'error', 'close']) socket.on(event, (error) => story.push(`${event} ${error ?? ''}`));
  });
  listener.listen(0, '127.0.0.1');
  await record.until(listener, 'listening');
  const client = net.connect({ port: listener.address().port, host: '127.0.0.1', signal: controller.signal });
  client.on('connect', () => story.push('connected'));
  client.on('error', (error) => story.push(`client ${error.name}`));
  await record.until(listener, 'connection');
  listener.close();
  await record.until(listener, 'close');
  record.fact(`${name} before connected`, story);
}

// Or puts TLS on it then: still one connection, which carries the handshake.
const hello = [];
const raw = net.createServer((socket) => {
  hello.push('connection');
  tls.connect({ socket: handedOver, rejectUnauthorized: false }).on('error', () => undefined);
  socket.once('data', (chunk) => {
    hello.push(`record of type ${chunk[0]}`);
    socket.on('error', () => undefined).destroy();
    raw.close();
  });
});
raw.listen(0, '127.0.0.1');
await record.until(raw, 'listening');
const handedOver = net.connect(raw.address().port, '127.0.0.1').on('error', () => undefined);
await record.until(raw, 'close');
record.fact('TLS before connected', hello);

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
