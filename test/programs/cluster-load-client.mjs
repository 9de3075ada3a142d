// Requests to an HTTP server whose workers come and go: { host, port, lanes, requests, bytes, keep, untilStopped }. As many as
// asked for in each lane, and with `untilStopped` on until SIGTERM, so that it is not for this program to know what a test wants
// to see, nor how fast the machine is. Half of the lanes keep their connections for some requests (none with keep: false), half
// make one for each request. A request that fails is made again until it succeeds; what failed is counted by its code, and of
// those that nobody answered the connections are named. Every body is checked, up and down.
import http from 'node:http';
import record from './lib/record.cjs';

const {
  host,
  port,
  lanes = 8,
  requests = 60,
  bytes = 40_000,
  patience = 5000,
  keep = true,
  untilStopped = false,
} = record.parameters();

const failures = {};
const workers = new Set();
/** How many connections each local port has had. */
const connections = {};
/** The local ports of connections on which nobody answered. */
const unanswered = [];
/** A worker that is to go does not before its last connection has. */
const KEEP_FOR = 20;
let stopped = !untilStopped;
let wrong = 0;
let done = 0;

const ask = (agent, { method, path, body, expected }) =>
  new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        // A body that was cut short says so: 'end' comes with `complete` only.
        if (!response.complete) reject(new Error('incomplete'));
        else {
          workers.add(response.headers['x-worker']);
          resolve(record.sha256(Buffer.concat(chunks)) === expected);
        }
      });
    });
    // A request whose server is stopped, or that died with it on the way to a worker, would never end.
    request.setTimeout(patience, () => {
      unanswered.push(request.socket?.localPort ?? 0);
      request.destroy(Object.assign(new Error('no answer'), { code: 'NO_ANSWER' }));
    });
    request.on('socket', (socket) => {
      if (!socket.connecting) return;
      socket.once('connect', () => {
        connections[socket.localPort] = (connections[socket.localPort] ?? 0) + 1;
      });
    });
    request.on('error', reject);
    request.end(body);
  });

const lane = async (number) => {
  const keeps = keep && number % 2 === 0;
  let agent = false;
  for (let i = 0; i < requests || !stopped; i++) {
    if (keeps && i % KEEP_FOR === 0) {
      if (agent !== false) agent.destroy();
      agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    }
    const seed = `${number}-${i}`;
    const length = 1 + ((i * 7919) % bytes);
    const sent = record.bytes(seed, length);
    const hash = record.sha256(sent);
    const what =
      i % 3 === 0
        ? { method: 'POST', path: '/hash', body: sent, expected: record.sha256(Buffer.from(hash)) }
        : { method: 'GET', path: `/bytes/${seed}/${length}`, body: undefined, expected: hash };
    for (let settled = false; !settled; ) {
      try {
        if (!(await ask(agent, what))) wrong++;
        settled = true;
        done++;
      } catch (error) {
        const code = error.code ?? error.message;
        failures[code] = (failures[code] ?? 0) + 1;
        await record.delay(10);
      }
    }
  }
  if (agent !== false) agent.destroy();
};

const stop = () => {
  stopped = true;
};
if (untilStopped) {
  record.onStop(stop);
  record.ready({});
}

await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
record.fact('done', done);
record.fact('wrong', wrong);
record.fact('failures', failures);
record.fact('workers', [...workers].map(Number));
record.fact(
  'unanswered',
  unanswered.map((port) => ({ port, connections: connections[port] ?? 0 })),
);
