// An ordinary server: a small express API on one port, an echo on another. It knows nothing of sockets-direct.
import { createHash } from 'node:crypto';
import net from 'node:net';
import express from 'express';

const DOWNLOAD_BYTES = 20_000_000;

/** The same bytes in every run: a repeated hash chain. */
const makeDownload = () => {
  const block = Buffer.alloc(1024 * 32);
  let link = createHash('sha256').update('sockets-direct').digest();
  for (let offset = 0; offset < block.length; offset += link.length) {
    link.copy(block, offset);
    link = createHash('sha256').update(link).digest();
  }
  return Buffer.alloc(DOWNLOAD_BYTES, block);
};

const download = makeDownload();
const items = Array.from({ length: 20 }, (_, id) => ({ id, name: `item ${id}`, price: id * 1.5, tags: ['a', 'b'] }));

const app = express();
app.disable('etag');
app.disable('x-powered-by');
app.get('/items', (_request, response) => {
  response.json(items);
});
app.get('/download', (_request, response) => {
  response.type('application/octet-stream').setHeader('content-length', download.length);
  response.end(download);
});

const api = app.listen(0, '127.0.0.1');
const echo = net.createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
echo.listen(0, '127.0.0.1');
await Promise.all([api, echo].map((server) => new Promise((resolve) => server.once('listening', resolve))));

const portOf = (/** @type {net.Server} */ server) => /** @type {net.AddressInfo} */ (server.address()).port;
const sha256 = createHash('sha256').update(download).digest('hex');
process.once('SIGTERM', () => {
  api.close();
  api.closeAllConnections();
  echo.close();
});
console.log(JSON.stringify({ pid: process.pid, api: portOf(api), echo: portOf(echo), items: items.length, sha256 }));
