// One exchange with an echo server, or an echo server itself ({ listen: true }): as a child process or a thread of another
// program. What it has to say goes to whoever started it, by the way that there is.
import { createHash } from 'node:crypto';
import net from 'node:net';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

const { port, host, listen = false } = isMainThread ? JSON.parse(process.argv[2]) : workerData;

const say = (message) => {
  if (parentPort !== null) parentPort.postMessage(message);
  else if (process.send !== undefined) process.send(message);
  else process.stdout.write(`${JSON.stringify(message)}\n`);
};

if (listen) {
  const server = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
  server.listen(0, host, () => say({ port: server.address().port }));
  (parentPort ?? process).once('message', () => {
    server.close();
    if (parentPort === null) process.disconnect();
  });
} else {
  const message = Buffer.alloc(60_000, 'who is there? ');
  const hash = createHash('sha256');
  const events = [];
  const socket = net.connect({ port, host });
  for (const event of ['connect', 'end', 'finish', 'error', 'close']) {
    socket.on(event, (error) => events.push(error?.code ?? event));
  }
  socket.on('data', (chunk) => hash.update(chunk));
  socket.on('close', () => {
    const whole = hash.digest('hex') === createHash('sha256').update(message).digest('hex');
    say({ events, whole, bytes: [socket.bytesRead, socket.bytesWritten] });
    if (process.connected) process.disconnect();
  });
  socket.end(message);
}
