// A tRPC server: queries and mutations over HTTP, the same and subscriptions over WebSocket. The client: trpc-client.mjs.
import { initTRPC, TRPCError } from '@trpc/server';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import http from 'node:http';
import { WebSocketServer } from 'ws';
import record from '../../programs/lib/record.cjs';

const t = initTRPC.create();
const text = (input) => {
  if (typeof input !== 'string') throw new TypeError('a text, please');
  return input;
};
const router = t.router({
  greet: t.procedure.input(text).query(({ input }) => `hello ${input}`),
  big: t.procedure.query(() => record.bytes('big', 3000000).toString('base64')),
  digest: t.procedure.input(text).mutation(({ input }) => record.sha256(Buffer.from(input, 'base64'))),
  fail: t.procedure.query(() => {
    throw new TRPCError({ code: 'CONFLICT', message: 'on purpose' });
  }),
  count: t.procedure.input(Number).subscription(async function* ({ input }) {
    for (let i = 0; i < input; i++) yield { i, text: 'x'.repeat(i) };
  }),
});

const server = http.createServer(createHTTPHandler({ router, maxBodySize: 16 << 20 }));
const wss = new WebSocketServer({ server });
applyWSSHandler({ wss, router });
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
// As long as the test takes: the server is not to be the one who ends an idle connection.
server.keepAliveTimeout = 0;
record.onStop(() => {
  wss.close();
  server.close();
  server.closeIdleConnections();
});
