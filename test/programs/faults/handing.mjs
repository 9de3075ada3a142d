// Has one connection and gives it to a child process, which echoes (or the other way round: `up`, the child has it). The
// remote end is handed.mjs. { port } to connect, none to listen; `plain`: the child has no switch; `prepare`: what the
// program has done with the connection before; `after`: how the owner ends once the child has it; `point`, `victim`: who
// is killed, and when.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { routeOf } from '../../../dist/index.js';
import { pattern } from './lib/pattern.mjs';
import { strikeAt } from './lib/points.mjs';
import { delay, parameters, say } from './lib/talk.mjs';

const { port, plain, prepare, after, point, victim, up, kidEnv } = parameters;
const child = process.send !== undefined;
/** A test that fails leaves nobody behind. */
setTimeout(() => process.exit(9), 60_000).unref();

const take = async () => {
  if (port === undefined) {
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
    server.listen(0, '127.0.0.1', () => say('ready', { port: server.address().port }));
    const [socket] = await once(server, 'connection');
    server.close();
    return socket;
  }
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
};

/** Brings the connection into a state worth keeping. */
const make = async (socket) => {
  if (prepare === 'half') {
    socket.end('bye');
    await once(socket, 'finish');
  }
  if (prepare === 'unread') await delay(300); // the remote end writes all the while
  if (prepare === 'pending') {
    // More than any window: the remote end does not read yet.
    socket.write(
      Buffer.concat([pattern(0, 1_000_000), pattern(1_000_000, 1_000_000), pattern(2_000_000, 1_000_000)]),
      (error) => say('written', { error: error?.code ?? null }),
    );
    await delay(100);
  }
};

const nothing = () => {};

const strike = (other) => {
  if (point === undefined) return;
  const pids = { self: process.pid, other, remote: parameters.remotePid };
  strikeAt(
    point,
    () => pids[victim],
    parameters.signal ?? 'SIGKILL',
    (at) => say('struck', { at, pid: pids[victim] }),
  );
};

const give = async (to) => {
  const socket = await take();
  await make(socket);
  say('giving', { route: routeOf(socket)?.route });
  to.send('take it', socket);
};

/** `onSan`: called once the connection is here, and nowhere else any more. */
const use = (socket, onSan = nothing) => {
  const events = [];
  const began = Date.now();
  let told = false;
  const tell = () => {
    const route = routeOf(socket);
    if (route === null || told) return;
    told = true;
    clearInterval(timer);
    say('on', { ...route, shown: socket.remotePort });
    onSan();
  };
  const timer = setInterval(tell, 5);
  timer.unref();
  say('taken', { route: routeOf(socket)?.route ?? null, port: socket.remotePort, local: socket.localPort });
  socket.on('end', () => events.push('end'));
  socket.on('error', ({ code }) => events.push(code));
  socket.on('close', () => {
    tell();
    say('closed', { events, ms: Date.now() - began });
    if (process.connected) process.disconnect();
    if (up) setTimeout(() => process.exit(0), 50).unref();
  });
  if (prepare === 'half') {
    socket.on('data', tell);
    return;
  }
  socket.pipe(socket);
};

if (child) {
  if (up) {
    strike(process.ppid);
    await give(process);
  } else {
    strike(process.ppid);
    process.once('message', (_message, socket) => {
      use(socket, () => process.send('got it', nothing));
    });
    process.send('here', nothing);
  }
} else {
  const inherited = plain ? [] : process.execArgv;
  const options = { execArgv: inherited, env: { ...process.env, ...kidEnv } };
  const kid = fork(
    new URL(import.meta.url),
    [JSON.stringify({ ...parameters, point: parameters.kidPoint, kidPoint: undefined })],
    options,
  );
  kid.on('error', () => {});
  strike(kid.pid);
  say('child', { pid: kid.pid });
  if (up) {
    kid.once('message', (_message, socket) => {
      use(socket);
    });
  } else {
    await once(kid, 'message');
    kid.on('message', () => {
      if (after === 'exit') setTimeout(() => process.exit(0), 100);
      if (after === 'kill') setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100);
    });
    await give(kid);
  }
}
