// An MQTT broker, aedes, on a plain net server. The client: mqtt-client.mjs.
import { createServer } from 'node:net';
import { Aedes } from 'aedes';
import record from '../../programs/lib/record.cjs';

const broker = await Aedes.createBroker();
const server = createServer(broker.handle);
server.on('connection', (socket) => record.watchGroup('accepted', socket, { read: false }));
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => {
  record.fact('clients left', broker.connectedClients);
  broker.close(() => server.close());
});
