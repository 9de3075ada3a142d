// HTTPS as usual. { tls: folder } names the key and certificate. The client: https-client.mjs.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import record from './lib/record.cjs';

const { tls: folder } = record.parameters();
const options = { key: readFileSync(`${folder}/key.pem`), cert: readFileSync(`${folder}/cert.pem`) };
let requests = 0;
const server = https.createServer(options, (request, response) => {
  requests++;
  response.sendDate = false;
  if (request.url === '/big') {
    response.end(record.bytes('big', 4 * 1048576));
    return;
  }
  const hash = createHash('sha256');
  request.on('data', (chunk) => hash.update(chunk));
  request.on('end', () => response.end(hash.digest('hex')));
});
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
// As long as the test takes: the server is not to be the one who ends an idle connection.
server.keepAliveTimeout = 0;
record.onStop(() => {
  record.fact('requests', requests);
  server.close();
  server.closeIdleConnections();
});
