'use strict';
// A port that stays free, for who must find nobody there, or come back to it. One that the kernel chose would not do: it
// gives the same number to whoever listens next, and to a listener of IPv4 although one of IPv6 alone has it.
const net = require('node:net');

/** Linux gives ports from 32768 on to who names none (ip_local_port_range). */
const FIRST = 20_000;
const COUNT = 12_000;
const TRIES = 100;
/** Between two of one process. Processes that run at once seldom have numbers just so far apart. */
const STEP = 1511;

let next = process.pid;

/** Whether one can listen there; not any more when it resolves. */
const isFree = (port, host) =>
  new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });

/** Of a host, or of both families where it is '::'. */
module.exports = async (host = '127.0.0.1') => {
  for (let n = 0; n < TRIES; n++) {
    const port = FIRST + (next % COUNT);
    next += STEP;
    if (await isFree(port, host)) return port;
  }
  throw new Error(`no free port on ${host}`);
};
