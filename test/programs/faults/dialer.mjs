// A client that is told what to do: "dial NAME BYTES [PORT]" connects, sends bytes, reads their echo and ends;
// "hold NAME [PORT]" connects and stays, "ping NAME BYTES" has them echoed on it. { port?, host?, listen?: it serves as well }
import net from 'node:net';
import { Checker, pattern } from './lib/pattern.mjs';
import { obey, parameters, say } from './lib/talk.mjs';

const alive = setInterval(() => {}, 1000);
const held = new Map();

const connect = (port = parameters.port) => net.connect({ port: Number(port), host: parameters.host ?? '127.0.0.1' });

const dial = (name, size, port) => {
  const wanted = Number(size);
  const socket = connect(port);
  const checker = new Checker();
  const events = [];
  for (const event of ['connect', 'end']) socket.on(event, () => events.push(event));
  socket.on('error', (error) => events.push(error.code));
  socket.on('data', (chunk) => {
    checker.add(chunk);
    if (checker.bytes >= wanted) socket.end();
  });
  socket.on('close', () => {
    say('dialed', { name, ok: checker.good && checker.bytes === wanted, bytes: checker.bytes, events });
  });
  for (let at = 0; at < wanted; at += 1_000_000) socket.write(pattern(at, Math.min(1_000_000, wanted - at)));
};

const hold = (name, port) => {
  const socket = connect(port);
  const entry = { socket, checker: new Checker(), sent: 0, wanted: 0 };
  held.set(name, entry);
  socket.on('connect', () => say('held', { name }));
  socket.on('error', (error) => say('lost', { name, code: error.code }));
  socket.on('close', () => say('closed', { name }));
  socket.on('data', (chunk) => {
    entry.checker.add(chunk);
    if (entry.checker.bytes === entry.wanted) say('pinged', { name, bytes: entry.wanted, ok: entry.checker.good });
  });
};

obey({
  dial,
  hold,
  ping(name, size) {
    const entry = held.get(name);
    entry.wanted = entry.sent + Number(size);
    for (; entry.sent < entry.wanted; entry.sent += Math.min(1_000_000, entry.wanted - entry.sent)) {
      entry.socket.write(pattern(entry.sent, Math.min(1_000_000, entry.wanted - entry.sent)));
    }
  },
  drop: (name) => held.get(name).socket.destroy(),
  quit() {
    for (const { socket } of held.values()) socket.destroy();
    clearInterval(alive);
    process.stdin.destroy();
  },
});
process.once('SIGTERM', () => {
  for (const { socket } of held.values()) socket.destroy();
  clearInterval(alive);
  process.stdin.destroy();
});
if (parameters.listen) {
  const server = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
  server.unref().listen(0, '127.0.0.1', () => say('ready', { port: server.address().port }));
} else say('ready');
