// The remote end of a hand-over: writes `total` bytes that everybody knows and checks what comes back. { port } to connect,
// none to listen. `late`: begins to read after so many ms. `expect`: bytes that the other end has written by itself.
import net from 'node:net';
import { once } from 'node:events';
import { routeOf } from '../../../dist/index.js';
import { Checker, pattern } from './lib/pattern.mjs';
import { delay, parameters, say } from './lib/talk.mjs';

const { port, total = 20_000_000, late = 0, chunk = 30_000, own = false } = parameters;

const meet = async () => {
  if (port !== undefined) {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  }
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1', () => say('ready', { port: server.address().port }));
  const [socket] = await once(server, 'connection');
  server.close();
  return socket;
};

const socket = await meet();
say('met', { route: routeOf(socket)?.route });
const checker = new Checker();
const events = [];
let written = 0;
socket.on('end', () => events.push('end'));
socket.on('error', ({ code }) => events.push(code));
socket.on('close', () => {
  // Said before the process may end: stdout is a pipe.
  say('gone', { bytes: checker.bytes, good: checker.good, written, events, at: Date.now() });
});
socket.on('data', (data) => {
  if (parameters.plainText) say('text', { text: String(data) });
  else checker.add(data);
});
if (late > 0) socket.pause();
setTimeout(() => socket.resume(), late);
let go = null;
for (const event of ['drain', 'close']) socket.on(event, () => go?.());

for (let n = 1; written < total && !socket.destroyed; n++) {
  const size = Math.min(1 + ((n * 7919) % chunk), total - written);
  const more = socket.write(pattern(written, size));
  written += size;
  if (!more && !socket.destroyed) await new Promise((resolve) => (go = resolve));
  else if (n % 50 === 0) await delay(1);
}
if (!own && !socket.destroyed) socket.end();
