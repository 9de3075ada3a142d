// A WebSocket server (package ws) that echoes, with and without compression. The client: ws-client.mjs.
import { WebSocketServer } from 'ws';
import record from '../../programs/lib/record.cjs';

const server = new WebSocketServer({
  port: 0,
  host: '127.0.0.1',
  perMessageDeflate: { threshold: 100 },
  maxPayload: 16 << 20,
});
let connections = 0;
server.on('connection', (socket, request) => {
  const label = `accepted ${connections++}`;
  record.watch(label, request.socket, { read: false, names: true, bytes: false, skip: ['finish'] });
  socket.on('message', (data, binary) => socket.send(data, { binary }));
  socket.on('ping', () => record.note(label, 'ping'));
  socket.on('close', (code, reason) => record.note(label, `closing ${code} ${reason}`));
});
server.on('listening', () => record.ready({ port: server.address().port }));
record.onStop(() => server.close());
