// A listener's own affairs: counting, maxConnections, close() with connections open, listening again. Directed by
// lines on the first connection. The client: listener-client.mjs.
import net from 'node:net';
import freePort from './lib/free-port.cjs';
import record from './lib/record.cjs';

const events = [];
record.fact('server events', events);
let control;
const others = [];
const server = net.createServer((socket) => {
  events.push('connection');
  socket.on('error', (error) => events.push(record.describeError(error)));
  if (control !== undefined) {
    others.push(socket);
    socket.write('welcome');
    socket.resume();
    return;
  }
  control = socket;
  socket.setEncoding('latin1').on('data', (text) => {
    for (const line of text.trim().split('\n')) {
      commands[line.split(' ')[0]](line.split(' ')[1]);
    }
  });
});
record.onStop(() => server.close());
const answer = (value) => control.write(`${value}\n`);
const commands = {
  count: () => server.getConnections((error, count) => answer(error ?? count)),
  max: (limit) => {
    server.maxConnections = Number(limit);
    answer('set');
  },
  close: () => {
    server.close(() => events.push('close callback'));
    answer(`listening ${server.listening}`);
  },
  say: () => {
    for (const socket of others) {
      socket.write('still here');
    }
    answer('said');
  },
  end: () => {
    for (const socket of others) {
      socket.end();
    }
    control.end('last\n');
  },
};
server.on('drop', ({ localAddress, remoteAddress, localFamily, remoteFamily }) => {
  events.push(['drop', localAddress, localFamily, remoteAddress, remoteFamily].join(' '));
});
const port = await freePort();
server.listen(port, '127.0.0.1');
await record.until(server, 'listening');
const again = `\0sockets-direct-test-listener-${process.pid}`;
record.ready({ port, again });
await record.until(server, 'close');
events.push(`closed ${server.listening} ${server.address()}`);

// The same object and the same port, a second time.
control = undefined;
server.maxConnections = undefined;
server.listen(port, '127.0.0.1');
await record.until(server, 'listening');
events.push(`again ${server.address().port === port}`);
const teller = net.createServer((socket) => socket.destroy()).listen(again);
server.once('connection', () => teller.close());
const taken = net.createServer();
taken.listen(port, '127.0.0.1');
const [failure] = await Promise.all([record.until(taken, 'error'), record.until(server, 'connection')]);
events.push(record.describeError(failure));
