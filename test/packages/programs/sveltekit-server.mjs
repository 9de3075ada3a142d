// A SvelteKit application, built for Node, in front of an API (express-server.cjs): pages are made of what the API answers.
import http from 'node:http';
import { pathToFileURL } from 'node:url';
import record from '../../programs/lib/record.cjs';

const { port, site } = record.parameters();
process.env.API = `http://127.0.0.1:${port}`;
process.env.PROTOCOL_HEADER = 'x-forwarded-proto';
process.env.BODY_SIZE_LIMIT = 'Infinity';
const { handler } = await import(pathToFileURL(`${site}/build/handler.js`).href);
const server = http.createServer(handler);
server.listen(0, '127.0.0.1', () => record.ready({ ssr: server.address().port }));
record.onStop(() => {
  server.close();
  server.closeIdleConnections();
});
