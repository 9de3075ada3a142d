// AsyncLocalStorage on the server's side: the store in which listen() was called is what handlers see; a handler's own
// store stays with what it starts. The client: context-client.mjs.
import { AsyncLocalStorage, executionAsyncId } from 'node:async_hooks';
import net from 'node:net';
import record from './lib/record.cjs';

const storage = new AsyncLocalStorage();
let connections = 0;
const server = net.createServer((socket) => {
  const label = `accepted ${connections++}`;
  const seen = [`connection ${storage.getStore()}`];
  record.fact(label, seen);
  // More data may come before an immediate runs, on TCP too: a list of their own.
  const later = [];
  record.fact(`${label} later`, later);
  socket.on('data', (data) => {
    seen.push(`data ${storage.getStore()} ${executionAsyncId() > 0}`);
    storage.run(`${label} answer`, () => {
      socket.write(data, () => {
        seen.push(`written ${storage.getStore()}`);
        setImmediate(() => later.push(storage.getStore()));
      });
    });
  });
  socket.on('end', () => seen.push(`end ${storage.getStore()}`));
  socket.on('close', () => seen.push(`close ${storage.getStore()}`));
});
storage.run('listener', () => server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port })));
record.onStop(() => server.close());
