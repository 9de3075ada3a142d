// express in a cluster of three workers. The client: cluster-client.mjs.
import cluster from 'node:cluster';
import { once } from 'node:events';
import express from 'express';
import record from '../../programs/lib/record.cjs';

if (cluster.isPrimary) {
  const workers = [1, 2, 3].map(() => cluster.fork());
  const [first] = await Promise.all(workers.map((worker) => once(worker, 'listening')));
  record.ready({ port: first[0].port });
  record.onStop(() => {
    for (const worker of workers) worker.send('stop');
  });
} else {
  const app = express();
  app.get('/who', (_request, response) => response.json({ worker: cluster.worker.id }));
  app.put('/echo', (request, response) => request.pipe(response));
  const server = app.listen(0, '127.0.0.1');
  process.on('message', (message) => {
    if (message !== 'stop') return;
    server.closeIdleConnections();
    cluster.worker.disconnect();
  });
}
