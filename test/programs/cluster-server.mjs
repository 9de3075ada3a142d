// A cluster of two workers that share one port: { schedule: 'none' | 'rr' }. Any client that expects an echo will do.
import cluster from 'node:cluster';
import net from 'node:net';
import record from './lib/record.cjs';

const { schedule = 'rr' } = record.parameters();
if (cluster.isPrimary) {
  cluster.schedulingPolicy = schedule === 'none' ? cluster.SCHED_NONE : cluster.SCHED_RR;
  const workers = [cluster.fork(), cluster.fork()];
  const ports = await Promise.all(workers.map(async (worker) => (await record.until(worker, 'message')).port));
  record.fact('one port', new Set(ports).size);
  record.onStop(async () => {
    const served = workers.map((worker) => {
      const count = record.until(worker, 'message');
      worker.send('stop');
      return count;
    });
    const counts = await Promise.all(served);
    record.fact(
      'served',
      counts.reduce((sum, { served: count }) => sum + count, 0),
    );
    if (schedule === 'rr') {
      record.fact('workers that served', counts.filter(({ served: count }) => count > 0).length);
    }
  });
  record.ready({ port: ports[0] });
} else {
  let served = 0;
  const server = net.createServer((socket) => {
    served++;
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
  process.once('message', () => {
    server.close();
    process.send({ served }, () => cluster.worker.disconnect());
  });
}
