// The two static file servers that people start: http-server, and serve-handler (what `serve` is made of).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import httpServer from 'http-server';
import handler from 'serve-handler';
import record from '../../programs/lib/record.cjs';

const folder = mkdtempSync(join(tmpdir(), 'sockets-direct-files-'));
writeFileSync(join(folder, 'large.bin'), record.bytes('large', 12 * 1024 * 1024));
writeFileSync(join(folder, 'page.txt'), 'a page');
const servers = [
  httpServer.createServer({ root: folder, cache: 60, cors: true, showDir: true }).server,
  http.createServer((request, response) => handler(request, response, { public: folder, etag: true })),
];
const ports = {};
for (const [i, name] of ['http-server', 'serve-handler'].entries()) {
  servers[i].listen(0, '127.0.0.1');
  await record.until(servers[i], 'listening');
  ports[name] = servers[i].address().port;
}
record.ready({ files: ports });
record.onStop(() => {
  for (const server of servers) {
    server.close();
    server.closeIdleConnections();
  }
  rmSync(folder, { recursive: true });
});
