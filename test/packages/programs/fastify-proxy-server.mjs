// A proxy on @fastify/http-proxy, which uses undici towards what is behind it.
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';
import record from '../../programs/lib/record.cjs';

const app = fastify({ forceCloseConnections: 'idle', bodyLimit: 16 << 20 });
await app.register(proxy, {
  upstream: `http://127.0.0.1:${record.parameters().port}`,
  undici: { connections: 16, pipelining: 1 },
});
await app.listen({ port: 0, host: '127.0.0.1' });
record.onStop(() => app.close());
record.ready({ port: app.server.address().port });
