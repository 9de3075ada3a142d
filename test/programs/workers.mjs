// Connections between threads of one process: { server: 'main' | 'worker', client: 'main' | 'worker' }. Each end in a
// worker is a worker of its own. At the end the workers are terminated, one of them with a connection open.
import net from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import record from './lib/record.cjs';

const serve = (post) => {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1', () => post({ port: server.address().port }));
  return server;
};

const exchange = async (port, post) => {
  const results = [];
  for (const size of [1, 5000, 2000000]) {
    const socket = net.connect(port, '127.0.0.1');
    const data = record.bytes(size, size);
    const chunks = [];
    let received = 0;
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      received += chunk.length;
      if (received === size) {
        socket.end();
      }
    });
    socket.write(data);
    const hadError = await record.until(socket, 'close');
    results.push([size, hadError, record.sha256(Buffer.concat(chunks)) === record.sha256(data)]);
  }
  const open = net.connect(port, '127.0.0.1');
  open.write('x');
  await record.until(open, 'data');
  post({ results });
  return open;
};

if (isMainThread) {
  const { server: serverIn, client: clientIn } = record.parameters();
  const start = (role, data) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { role, ...data } });
    return { worker, message: record.until(worker, 'message') };
  };
  const mainServer = serverIn === 'main' ? {} : undefined;
  const serverWorker = mainServer === undefined ? start('server') : undefined;
  const { port } = await (serverWorker?.message ??
    new Promise((resolve) => {
      mainServer.server = serve(resolve);
    }));
  let open;
  let clientWorker;
  let outcome;
  if (clientIn === 'main') {
    open = await exchange(port, (message) => {
      outcome = message;
    });
  } else {
    clientWorker = start('client', { port });
    outcome = await clientWorker.message;
  }
  record.fact('results', outcome.results);
  const openEnds = open && record.until(open, 'close');
  open?.on('error', () => {});
  await clientWorker?.worker.terminate();
  await serverWorker?.worker.terminate();
  // The thread with the other end is gone: this must be noticed.
  await openEnds;
  record.fact('the open connection ended', open?.destroyed ?? 'in the worker');
  mainServer?.server.close();
} else if (workerData.role === 'server') {
  serve((message) => parentPort.postMessage(message));
} else {
  await exchange(workerData.port, (message) => parentPort.postMessage(message));
}
