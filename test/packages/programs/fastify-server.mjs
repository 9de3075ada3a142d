// The same application as express-server.cjs on fastify 5. The client: rest-client.mjs.
import { createHash } from 'node:crypto';
import fastify from 'fastify';
import record from '../../programs/lib/record.cjs';

const app = fastify({ forceCloseConnections: 'idle' });
const items = [];
app.addContentTypeParser('application/octet-stream', (_request, payload, done) => {
  const hash = createHash('sha256');
  payload.on('data', (chunk) => hash.update(chunk));
  payload.on('end', () => done(null, hash.digest('hex')));
});
app.setErrorHandler((error, _request, reply) => reply.status(500).send({ error: error.message }));
app.get('/items', () => items);
app.post('/items', (request, reply) => {
  items.push(request.body);
  reply.status(201).header('location', `/items/${items.length - 1}`);
  return { id: items.length - 1 };
});
app.get('/items/:id', (request, reply) => {
  const item = items[Number(request.params.id)];
  return item ?? reply.status(404).send({ error: 'no such item' });
});
app.get('/download', (_request, reply) => {
  reply.type('application/octet-stream').send(record.bytes('download', 6000000));
});
app.put('/upload', (request) => ({ sha256: request.body }));
app.get('/who', (request) => ({ ip: request.ip, protocol: request.protocol, port: request.socket.localPort }));
app.get('/broken', () => {
  throw new Error('broken on purpose');
});
app.server.on('connection', (socket) => record.watchGroup('accepted', socket, { read: false }));
await app.listen({ port: 0, host: '127.0.0.1' });
record.onStop(() => app.close());
record.ready({ port: app.server.address().port });
