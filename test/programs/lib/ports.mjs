// A server program with several cases listens on one port for each: a case is chosen by the port, so that no byte of
// a connection is spent on naming it.
import net from 'node:net';
import record from './record.cjs';

/** cases: { name: [options, onConnection] }. Prints "ready {ports: {name: port}}" and closes all on SIGTERM. */
export const serveCases = async (cases) => {
  const ports = {};
  const servers = [];
  for (const [name, [options, onConnection]] of Object.entries(cases)) {
    const server = net.createServer(options, onConnection);
    server.listen(0, '127.0.0.1');
    await record.until(server, 'listening');
    ports[name] = server.address().port;
    servers.push(server);
  }
  record.onStop(() => {
    for (const server of servers) {
      server.close();
    }
  });
  record.ready({ ports });
};
