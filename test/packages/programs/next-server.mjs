// A Next.js application that is built, in front of an API (express-server.cjs), on a server of the program's own, as Next's
// documentation has it. The client: next-client.mjs.
import http from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import record from '../../programs/lib/record.cjs';

const { port, site } = record.parameters();
process.env.NODE_ENV = 'production';
process.env.NEXT_TELEMETRY_DISABLED = '1';
process.env.API = `http://127.0.0.1:${port}`;
const next = createRequire(join(site, 'package.json'))('next');
const app = next({ dev: false, dir: site, quiet: true });
await app.prepare();
const server = http.createServer(app.getRequestHandler());
server.listen(0, '127.0.0.1', () => record.ready({ ssr: server.address().port }));
record.onStop(async () => {
  server.close();
  server.closeIdleConnections();
  await app.close();
});
