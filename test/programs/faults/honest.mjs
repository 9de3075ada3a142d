// An honest client beside a hostile one: echoes of all sizes on one connection, without a pause, and each byte checked;
// now and then a new connection. { port }. "report" tells how it goes.
import net from 'node:net';
import { Checker, pattern } from './lib/pattern.mjs';
import { obey, parameters, say } from './lib/talk.mjs';

const SIZES = [1, 100, 3000, 70_000, 300_000];
const ROUNDS = 200;
let rounds = 0;
let connections = 0;
let wrong = 0;
let over = false;

const trouble = (what) => {
  wrong++;
  say('trouble', { what });
};

const connect = () => {
  const socket = net.connect(parameters.port, '127.0.0.1');
  const checker = new Checker();
  let sent = 0;
  let round = 0;
  const next = () => {
    if (round++ === ROUNDS || over) {
      socket.end();
      return;
    }
    const size = SIZES[round % SIZES.length];
    socket.write(pattern(sent, size));
    sent += size;
  };
  connections++;
  socket.on('connect', next);
  socket.on('data', (chunk) => {
    checker.add(chunk);
    if (checker.bytes < sent) return;
    if (!checker.good || checker.bytes > sent) trouble('bytes that were not sent');
    rounds++;
    next();
  });
  socket.on('error', (error) => trouble(error.code));
  socket.on('close', () => {
    if (checker.bytes !== sent) trouble('bytes that did not come back');
    if (!over) connect();
  });
};

obey({ report: () => say('report', { rounds, connections, wrong }) });
process.once('SIGTERM', () => {
  over = true;
  process.stdin.destroy();
});
say('ready');
connect();
