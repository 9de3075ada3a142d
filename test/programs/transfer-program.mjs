// Gives accepted connections to a worker thread by `postMessage` (Node 24): { plainWorker: boolean, a worker without the switch }.
// The worker answers what it is sent, in capitals, and says what it is told of the socket.
import net from 'node:net';
import { isMainThread, MessageChannel, parentPort, Worker } from 'node:worker_threads';
import record from './lib/record.cjs';

const namesOf = ({ localAddress, localPort, remoteAddress, remotePort }) =>
  [localAddress, localPort, remoteAddress, remotePort].join(' ');

const converse = async (port, size) => {
  const socket = net.connect(port, '127.0.0.1');
  const chunks = [];
  let failed = null;
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', ({ code }) => (failed = code));
  await record.until(socket, 'connect');
  const { localPort } = socket;
  socket.end('a'.repeat(size));
  await record.until(socket, 'close');
  return [localPort, failed, record.sha256(Buffer.concat(chunks))];
};

/** Node's refusals leave the socket as it is, and so does a message that cannot be cloned. */
const refused = (socket) => {
  const { port1, port2 } = new MessageChannel();
  const seen = [];
  try {
    port1.postMessage({ socket, uncloneable: () => {} }, [socket]);
  } catch (error) {
    seen.push(error.name, socket.destroyed);
  }
  port1.close();
  port2.close();
  return seen;
};

const main = async () => {
  const { plainWorker } = record.parameters();
  const alone = { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' } };
  const worker = new Worker(new URL(import.meta.url), plainWorker ? alone : {});
  await record.until(worker, 'message');
  const told = [];
  const left = [];
  record.fact('left behind', () => left);
  worker.on('message', (names) => told.push(names));

  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    if (server.kept === undefined) {
      server.kept = socket;
      record.fact('a message that cannot be cloned', refused(socket));
      socket.on('data', (chunk) => socket.write(String(chunk).toUpperCase())).on('end', () => socket.end());
      socket.resume();
      return;
    }
    worker.postMessage({ socket }, [socket]);
    left.push(socket.destroyed, socket.writable);
  });
  server.listen(0, '127.0.0.1');
  await record.until(server, 'listening');
  const { port } = server.address();
  record.fact('kept', (await converse(port, 1000)).slice(1));
  for (const size of [1, 5000, 3_000_000]) {
    const [localPort, failed, digest] = await converse(port, size);
    while (told.length === 0) await record.delay(5);
    record.fact(`of ${size} bytes`, [failed, digest, told.shift() === `127.0.0.1 ${port} 127.0.0.1 ${localPort}`]);
  }
  server.close();
  worker.postMessage(null);
};

if (!isMainThread) {
  parentPort.on('message', (message) => {
    if (message === null) return parentPort.close();
    const { socket } = message;
    parentPort.postMessage(namesOf(socket));
    socket.on('data', (chunk) => socket.write(String(chunk).toUpperCase()));
  });
  parentPort.postMessage('ready');
} else if (Number(process.versions.node.split('.')[0]) < 24) record.fact('unsupported', true);
else await main();
