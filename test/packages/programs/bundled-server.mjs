// What is bundled: a server on express and one on net, which come to Node's modules in several ways. The client:
// bundled-client.mjs.
import { createServer } from 'node:net';
import * as http from 'http';
import express from 'express';
import record from '../../programs/lib/record.cjs';

// (No await at the top: CommonJS has none.)
const main = async () => {
  const app = express();
  app.use(express.json());
  app.post('/double', (request, response) => response.json({ double: request.body.value * 2 }));
  app.get('/big', (_request, response) => response.send(record.bytes('bundled', 300_000)));
  const site = http.createServer(app).listen(0, '127.0.0.1');
  await record.until(site, 'listening');

  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await record.until(echo, 'listening');
  record.onStop(() => {
    echo.close();
    site.close();
    site.closeAllConnections();
  });
  record.ready({ port: site.address().port, echoPort: echo.address().port });
};
main();
