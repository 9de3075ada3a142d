// The same application as express-server.cjs on hono 4, served by @hono/node-server. The client: rest-client.mjs.
import { createHash } from 'node:crypto';
import { serve } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono } from 'hono';
import record from '../../programs/lib/record.cjs';

const app = new Hono();
const items = [];
app.get('/items', (context) => context.json(items));
app.post('/items', async (context) => {
  items.push(await context.req.json());
  context.header('location', `/items/${items.length - 1}`);
  return context.json({ id: items.length - 1 }, 201);
});
app.get('/items/:id', (context) => {
  const item = items[Number(context.req.param('id'))];
  return item === undefined ? context.json({ error: 'no such item' }, 404) : context.json(item);
});
app.get('/download', (context) =>
  context.body(record.bytes('download', 6000000), 200, { 'content-type': 'application/octet-stream' }),
);
app.put('/upload', async (context) => {
  const hash = createHash('sha256');
  for await (const chunk of context.req.raw.body) hash.update(chunk);
  return context.json({ sha256: hash.digest('hex') });
});
app.get('/who', (context) => {
  const { address } = getConnInfo(context).remote;
  return context.json({ ip: address, port: context.env.incoming.socket.localPort });
});
app.get('/broken', () => {
  throw new Error('broken on purpose');
});
app.onError((error, context) => context.json({ error: error.message }, 500));

const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => record.ready({ port }));
server.on('connection', (socket) => record.watchGroup('accepted', socket, { read: false }));
// As long as the test takes: the server is not to be the one who ends an idle connection.
server.keepAliveTimeout = 0;
record.onStop(() => {
  server.close();
  server.closeIdleConnections();
});
