'use strict';
// An express 5 application, as CommonJS. The client: rest-client.mjs.
const { createHash } = require('node:crypto');
const express = require('express');
const record = require('../../programs/lib/record.cjs');

const app = express();
const items = [];
app.use(express.json());
app.get('/items', (_request, response) => {
  response.json(items);
});
app.post('/items', (request, response) => {
  items.push(request.body);
  response
    .status(201)
    .location(`/items/${items.length - 1}`)
    .json({ id: items.length - 1 });
});
app.get('/items/:id', (request, response) => {
  const item = items[Number(request.params.id)];
  if (item === undefined) {
    response.status(404).json({ error: 'no such item' });
  } else {
    response.json(item);
  }
});
app.get('/download', (_request, response) => {
  response.type('application/octet-stream').send(record.bytes('download', 6000000));
});
app.put('/upload', (request, response) => {
  const hash = createHash('sha256');
  request.on('data', (chunk) => hash.update(chunk));
  request.on('end', () => response.json({ sha256: hash.digest('hex') }));
});
app.get('/who', (request, response) => {
  response.json({ ip: request.ip, protocol: request.protocol, port: request.socket.localPort });
});
app.get('/broken', () => {
  throw new Error('broken on purpose');
});
app.use((error, _request, response, _next) => {
  response.status(500).json({ error: error.message });
});

const server = app.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
// Connections of a pool end when they time out: that is a matter of when.
if (record.parameters().pooled !== true) {
  server.on('connection', (socket) => record.watchGroup('accepted', socket, { read: false }));
}
// As long as the test takes: the server is not to be the one who ends an idle connection.
server.keepAliveTimeout = 0;
record.onStop(() => {
  server.close();
  server.closeIdleConnections();
});
