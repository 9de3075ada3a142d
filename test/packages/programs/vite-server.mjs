// vite's dev server with a proxy to an API (express-server.cjs). The client: vite-client.mjs.
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';
import record from '../../programs/lib/record.cjs';

const { port } = record.parameters();
const root = mkdtempSync(join(tmpdir(), 'sockets-direct-vite-'));
cpSync(fileURLToPath(new URL('vite-site/', import.meta.url)), root, { recursive: true });
const files = readdirSync(root).length;
symlinkSync(fileURLToPath(new URL('../node_modules', import.meta.url)), join(root, 'node_modules'));
const server = await createServer({
  root,
  configFile: false,
  cacheDir: join(root, '.cache'),
  logLevel: 'silent',
  server: {
    port: 0,
    host: '127.0.0.1',
    proxy: { '/api': { target: `http://127.0.0.1:${port}`, rewrite: (path) => path.replace('/api', '') } },
  },
});
await server.listen();
// The watcher first looks at everything there is: what the process holds after that is what it goes on with.
const watchers = () => process._getActiveHandles().filter((handle) => handle.constructor.name === 'FSWatcher').length;
while (watchers() < files + 1) {
  await record.delay(10);
}
record.ready({ vite: server.httpServer.address().port, root });
process.once('exit', () => rmSync(root, { recursive: true, force: true }));
// vite closes the server and ends the process by itself at this signal, with 143 unless told otherwise.
process.once('SIGTERM', () => {
  process.exitCode = 0;
});
