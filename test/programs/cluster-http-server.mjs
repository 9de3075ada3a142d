// An HTTP server under `cluster` whose workers die and are replaced all the time:
// { workers, schedule: 'rr' | 'none', harm: ['kill', 'stop', 'disconnect', 'close'], every: milliseconds, 0 = never }.
// GET /bytes/<seed>/<length> answers with that many bytes of that seed; POST /hash with the hash of what was sent. The
// header x-worker tells who answers. When twice as many were harmed as there are it says so, "harmed {}", and SIGUSR2 ends it.
import cluster from 'node:cluster';
import http from 'node:http';
import record from './lib/record.cjs';

const { workers = 4, schedule = 'rr', harm = ['kill'], every = 250 } = record.parameters();

if (cluster.isPrimary) {
  cluster.schedulingPolicy = schedule === 'none' ? cluster.SCHED_NONE : cluster.SCHED_RR;
  let stopping = false;
  let harmed = 0;
  const listening = new Set();
  const firstPort = new Promise((resolve) => {
    cluster.on('listening', (worker, { port }) => {
      listening.add(worker);
      if (listening.size === workers) resolve(port);
    });
  });
  cluster.on('exit', (worker) => {
    listening.delete(worker);
    if (!stopping) cluster.fork();
  });
  for (let i = 0; i < workers; i++) cluster.fork();
  const port = await firstPort;

  const harmOne = () => {
    // Whoever has served longest; never the last one.
    const [victim] = listening;
    if (victim === undefined || listening.size < 2) return;
    listening.delete(victim);
    const how = harm[harmed++ % harm.length];
    if (harmed === 2 * workers) process.stdout.write('harmed {}\n');
    if (how === 'kill') victim.process.kill('SIGKILL');
    else if (how === 'disconnect') victim.disconnect();
    else if (how === 'close') victim.send('close');
    else if (how === 'stop') {
      victim.process.kill('SIGSTOP');
      setTimeout(() => victim.process.kill('SIGKILL'), every * 2);
    }
  };
  const timer = every === 0 ? undefined : setInterval(harmOne, every);
  process.once('SIGUSR2', () => clearInterval(timer));
  record.onStop(() => {
    stopping = true;
    clearInterval(timer);
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL');
  });
  record.ready({ port, pids: Object.values(cluster.workers).map(({ process: { pid } }) => pid) });
} else {
  process.removeAllListeners('exit'); // the record is the primary's
  const answer = (request, response) => {
    const [, what, seed, length] = request.url.split('/');
    response.setHeader('x-worker', process.pid);
    if (what === 'bytes') {
      response.end(record.bytes(seed, Number(length)));
      return;
    }
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => response.end(record.sha256(Buffer.concat(chunks))));
  };
  const server = http.createServer(answer).listen(0, '127.0.0.1');
  // The server alone goes, and comes back: the process and its connection with the primary stay.
  process.on('message', () => {
    server.close(() => server.listen(0, '127.0.0.1'));
    server.closeIdleConnections();
  });
}
