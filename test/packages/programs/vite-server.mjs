// vite's dev server with a proxy to an API (express-server.cjs). The client: vite-client.mjs.
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';
import record from '../../programs/lib/record.cjs';

const { port } = record.parameters();
const root = mkdtempSync(join(tmpdir(), 'sockets-direct-vite-'));
cpSync(fileURLToPath(new URL('vite-site/', import.meta.url)), root, { recursive: true });
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
record.ready({ vite: server.httpServer.address().port, root });
record.onStop(async () => {
  // vite ends the process by itself at this signal, with 143 unless told otherwise.
  process.exitCode = 0;
  await server.close();
  rmSync(root, { recursive: true });
});
