// A Redis of Node, for ioredis-client.mjs and redis-client.mjs.
import record from '../../programs/lib/record.cjs';
import { RespServer } from './lib/resp-store.mjs';

const { server, clients } = new RespServer();
server.on('connection', (socket) => record.watchGroup('accepted', socket, { read: false }));
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => {
  record.fact('clients left', clients.size);
  server.close();
});
