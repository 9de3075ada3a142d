// The same application as express-server.cjs on koa 3. The client: rest-client.mjs.
import { createHash } from 'node:crypto';
import Koa from 'koa';
import record from '../../programs/lib/record.cjs';

const app = new Koa();
const items = [];

const body = async (context) => {
  const chunks = await context.req.toArray();
  return Buffer.concat(chunks);
};
const routes = {
  'GET /items': (context) => {
    context.body = items;
  },
  'POST /items': async (context) => {
    items.push(JSON.parse(await body(context)));
    context.status = 201;
    context.set('location', `/items/${items.length - 1}`);
    context.body = { id: items.length - 1 };
  },
  'GET /download': (context) => {
    context.body = record.bytes('download', 6000000);
  },
  'PUT /upload': async (context) => {
    const hash = createHash('sha256');
    for await (const chunk of context.req) hash.update(chunk);
    context.body = { sha256: hash.digest('hex') };
  },
  'GET /who': (context) => {
    context.body = { ip: context.ip, protocol: context.protocol, port: context.socket.localPort };
  },
  'GET /broken': () => {
    throw new Error('broken on purpose');
  },
};
app.use(async (context, next) => {
  try {
    await next();
  } catch (error) {
    context.status = 500;
    context.body = { error: error.message };
  }
});
app.use(async (context) => {
  const route = routes[`${context.method} ${context.path}`];
  if (route !== undefined) {
    await route(context);
    return;
  }
  const item = context.path.startsWith('/items/') ? items[Number(context.path.slice(7))] : undefined;
  context.status = item === undefined ? 404 : 200;
  context.body = item ?? { error: 'no such item' };
});

const server = app.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
server.on('connection', (socket) => record.watchGroup('accepted', socket, { read: false }));
// As long as the test takes: the server is not to be the one who ends an idle connection.
server.keepAliveTimeout = 0;
record.onStop(() => {
  server.close();
  server.closeIdleConnections();
});
