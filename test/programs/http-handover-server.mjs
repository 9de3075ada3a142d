// Accepts connections and hands every one to a child process, which is http-server.mjs and speaks HTTP on them. The
// client: http-client.mjs.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import record from './lib/record.cjs';

const child = fork(new URL('http-server.mjs', import.meta.url), [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
await once(child, 'message');
let handed = 0;
const server = net.createServer({ pauseOnConnect: true }, (socket) => {
  handed++;
  child.send('take it', socket);
});
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => {
  record.fact('handed', handed);
  server.close();
  child.kill();
});
