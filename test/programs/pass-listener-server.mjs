// A listening socket that two processes have: { how: 'server' | 'handle' | 'fd', plain: whether the child runs without
// what this process was started with }. Each connection is told who serves it. SIGUSR2: the sender closes its server.
import { fork } from 'node:child_process';
import net from 'node:net';
import record from './lib/record.cjs';

const answer = (socket) => {
  socket.on('error', () => {});
  socket.end(String(process.pid));
};

if (process.send === undefined) {
  const { how = 'server', plain = false } = record.parameters();
  const server = net.createServer(answer);
  server.listen(0, '127.0.0.1');
  await record.until(server, 'listening');
  const { port } = server.address();
  const child = fork(new URL(import.meta.url), [how], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...(how === 'fd' ? [server._handle.fd] : [])],
    ...(plain ? { execArgv: [] } : {}),
  });
  if (how === 'server') child.send('server', server);
  else if (how === 'handle') child.send('handle', server._handle);
  await record.until(child, 'message');
  process.once('SIGUSR2', () => {
    server.close();
    process.stdout.write('closed {}\n');
  });
  record.onStop(() => {
    server.close();
    child.send('stop');
  });
  record.ready({ port, sender: process.pid, receiver: child.pid });
} else {
  const how = process.argv[2];
  const server = how === 'fd' ? net.createServer(answer).listen({ fd: 4 }) : await received(how);
  if (!server.listening) await record.until(server, 'listening');
  process.send('serving');
  process.on('message', () => {
    server.close();
    process.disconnect();
  });
  process.removeAllListeners('exit'); // the record is the sender's
}

async function received(how) {
  const passed = await new Promise((resolve) => process.once('message', (_message, handle) => resolve(handle)));
  if (how === 'handle') return net.createServer(answer).listen(passed);
  passed.on('connection', answer);
  return passed;
}
