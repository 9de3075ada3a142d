// A cluster of two workers that take two connections each and say who they are.
import cluster from 'node:cluster';
import net from 'node:net';
import record from './lib/record.cjs';

if (cluster.isPrimary) {
  const workers = [cluster.fork(), cluster.fork()];
  const ports = await Promise.all(workers.map(async (worker) => (await record.until(worker, 'message')).port));
  record.onStop(() => {
    for (const worker of workers) worker.process.kill('SIGKILL');
  });
  record.ready({ port: ports[0] });
} else {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.write(String(process.pid));
  });
  server.maxConnections = 2;
  server.on('drop', () => process.exit(1));
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
}
