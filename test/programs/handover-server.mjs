// Accepts connections and hands every one to a child process, which answers. Any client that expects an echo will do.
import { fork } from 'node:child_process';
import net from 'node:net';
import record from './lib/record.cjs';

if (process.send === undefined) {
  const child = fork(new URL(import.meta.url));
  let handed = 0;
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    handed++;
    child.send('take it', socket);
  });
  server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
  record.onStop(() => {
    record.fact('handed', handed);
    server.close();
    child.disconnect();
  });
} else {
  process.on('message', (_message, socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
    socket.resume();
  });
}
