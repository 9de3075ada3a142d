// What a worker of a cluster can say of its listener. The server program is the primary; each case has workers of its own.
import cluster from 'node:cluster';
import net from 'node:net';
import freePort from '../lib/free-port.cjs';
import record from '../lib/record.cjs';
import { runCases } from './lib/cases.mjs';

/**
 * What the workers of a case say to listen(), and of their server. Workers that say the same host, and port 0, share a port:
 * each case has a host of its own.
 */
const settings = {
  exclusive: [{ exclusive: true }, {}],
  reusePort: [{ reusePort: true }, {}],
  backlog: [{ host: '127.0.0.11', backlog: 3 }, {}],
  ipv6Only: [{ host: '::1', ipv6Only: true }, {}],
  dropMaxConnection: [{ host: '127.0.0.12' }, { maxConnections: 1, dropMaxConnection: true }],
};

if (cluster.isWorker) {
  const [options, properties] = settings[process.env.CASE];
  const server = net.createServer((socket) => {
    socket.on('error', () => {}).write('welcome');
    socket.resume();
  });
  Object.assign(server, properties);
  server.on('drop', () => process.send({ dropped: true }));
  server.listen({ port: Number(process.env.PORT), host: '127.0.0.1', ...options }, () => {
    process.send({ address: server.address() });
  });
  process.on('message', () => {
    server.close();
    cluster.worker.disconnect();
  });
} else {
  /** Starts `count` workers for a case, one after another; their addresses become notes. */
  const workers = (count) => async (end) => {
    const started = [];
    const port = end.name === 'reusePort' ? await freePort(end.host) : 0;
    for (let i = 0; i < count; i++) {
      const worker = cluster.fork({ CASE: end.name, PORT: port });
      const { address } = await record.until(worker, 'message');
      end.note(address.address, address.family, port === 0 || address.port === port);
      worker.on('message', ({ dropped }) => end.note('dropped', dropped));
      // What is exclusive has a port of its own, the rest has one together.
      end.note(i === 0 || (address.port === started[0][1]) !== (end.name === 'exclusive'));
      started.push([worker, address.port]);
    }
    const close = () => started.forEach(([worker]) => worker.send('stop'));
    return { listening: true, address: () => ({ port: started.at(-1)[1] }), close };
  };
  /** Where the workers of a case are. */
  const at = ({ name, host }) => settings[name][0].host ?? host;
  const talk = async (end) => {
    const socket = end.connect({ host: at(end) });
    await record.until(socket, 'data');
    socket.end();
    await record.until(socket, 'close');
  };
  const some = async (end) => {
    for (let i = 0; i < 3; i++) await talk(end);
  };

  await runCases({
    exclusive: { serve: workers(2), connect: some },
    reusePort: { serve: workers(2), connect: some },
    backlog: { serve: workers(2), connect: some },
    ipv6Only: { serve: workers(1), connect: talk },
    dropMaxConnection: {
      serve: workers(1),
      async connect(end) {
        const first = end.connect({ host: at(end) });
        await record.until(first, 'data');
        // Dropped, where Node knows the property; else it waits until the first has gone.
        const second = net
          .connect({ ...end.target, host: at(end) })
          .on('error', () => {})
          .resume();
        const gone = record.until(second, 'close');
        const which = Promise.race([record.until(second, 'end'), record.until(second, 'data')]);
        const known = Number(process.versions.node.split('.', 1)) >= 22;
        if (known) await which;
        first.end();
        await record.until(first, 'close');
        await which;
        end.note(second.bytesRead);
        second.end();
        await gone;
      },
    },
  });
}
