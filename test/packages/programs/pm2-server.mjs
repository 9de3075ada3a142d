// An express application as PM2 runs it in cluster mode. It writes its port into a file that has its process id as name. The
// client: cluster-client.mjs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import express from 'express';

const app = express();
app.get('/who', (_request, response) => response.json({ worker: Number(process.env.NODE_APP_INSTANCE) }));
app.put('/echo', (request, response) => request.pipe(response));
const server = app.listen(0, '127.0.0.1', () => {
  writeFileSync(join(process.env.PORTS, String(process.pid)), String(server.address().port));
  process.send('ready');
});
process.on('SIGINT', () => server.close(() => process.exit(0)));
