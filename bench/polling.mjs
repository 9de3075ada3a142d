/**
 * What polling costs and what it does to metrics: `node bench/polling.mjs [--ms N] [part …]`, the parts being
 *
 * load    of an echo server and of its client: event-loop utilisation, time polled (which Node alone would add to it), and
 *         processor time, per second. 64 B at a time: every millisecond; every 100 µs, by a client that does nothing else,
 *         so that its own figures say nothing; and back to back
 * timer   how long a timer of 1 ms takes in the server of a ping-pong
 * http    an HTTP server on TCP in that same process: its requests, one at a time by a client without the switch
 * core    how much of its work a computing process gets done that shares the server's core, and of the core's time beside the
 *         server's (needs taskset)
 *
 * Each on TCP, with the switch, and with the switch told not to poll. Short and run once: it shows sizes, not decimals.
 */
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ADAPTERS, REGISTER } from './adapters.mjs';
import { Histogram } from './histogram.mjs';
import { ignoreReset, sleep } from './scenarios/common.mjs';

const SELF = fileURLToPath(import.meta.url);
const SIZE = 64;
const WARM_MS = 700;
const CONFIGURATIONS = [
  { name: 'tcp', execArgv: ADAPTERS.tcp.execArgv, env: {} },
  { name: 'san', execArgv: ADAPTERS.san.execArgv, env: {} },
  { name: 'san, no polling', execArgv: ADAPTERS.san.execArgv, env: { SOCKETS_DIRECT_SPIN_LIMIT_MICROSECONDS: '0' } },
];

// ---------------------------------------------------------------- the processes

let operations = 0;
/** The package, where its switch is on. @type {any} */
let api = null;

const ROLES = {
  /** An echo server, and an HTTP server that the switch has nothing to do with: its client is on TCP. */
  server() {
    const echo = net.createServer((socket) => {
      socket.setNoDelay(true);
      socket.on('error', ignoreReset).on('data', (chunk) => socket.write(chunk));
    });
    const site = http.createServer((_request, response) => response.end('ok'));
    echo.listen(0, '127.0.0.1', () =>
      site.listen(0, '127.0.0.1', () => process.send?.({ echo: echo.address(), site: site.address() })),
    );
  },

  /** @param {{ port: number, every: number }} options microseconds between two messages; 0: the next with the answer */
  client({ port, every }) {
    const message = Buffer.alloc(SIZE, 0x61);
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.setNoDelay(true);
      process.send?.({ route: globalThis[Symbol.for('sockets-direct.bench.routeOf')]?.(socket)?.san ? 'san' : 'tcp' });
      if (every >= 1000) setInterval(() => socket.write(message), every / 1000);
      else if (every > 0) pace();
      else socket.write(message);
    });
    let due = performance.now();
    const pace = () => {
      if (performance.now() >= due) {
        due = performance.now() + every / 1000;
        socket.write(message);
      }
      setImmediate(pace);
    };
    socket.on('error', ignoreReset);
    socket.on('data', () => {
      operations++;
      if (every === 0) socket.write(message);
    });
  },

  httpClient({ port }) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () => {
      http.get({ host: '127.0.0.1', port, agent }, (response) => {
        response.resume().on('end', () => {
          operations++;
          ask();
        });
      });
    };
    ask();
    process.send?.({});
  },

  computer() {
    let value = 1;
    const compute = () => {
      for (let i = 0; i < 100_000; i++) value = Math.imul(value, 1_664_525) + 1_013_904_223;
      operations++;
      setImmediate(compute);
    };
    compute();
    process.send?.({ value });
  },
};

/** The other half of {@link Peer.measure}. */
function measured({ ms, timer }) {
  const took = new Histogram();
  const polled = () => (api?.stats().loop?.polledNanoseconds ?? 0) / 1e9;
  const before = { elu: performance.eventLoopUtilization(), cpu: process.cpuUsage(), operations, polled: polled() };
  const started = performance.now();
  const tick = (set) => {
    took.record((performance.now() - set) * 1e6);
    if (performance.now() - started < ms) setTimeout(tick, 1, performance.now());
  };
  if (timer) setTimeout(tick, 1, started);
  setTimeout(() => {
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(before.cpu);
    const { utilization } = performance.eventLoopUtilization(before.elu);
    const perSecond = Math.round((operations - before.operations) / seconds);
    const summary = timer ? took.summary() : null;
    const shares = { utilization, cpu: (user + system) / 1e6 / seconds, polled: (polled() - before.polled) / seconds };
    process.send?.({ ...shares, perSecond, took: summary });
  }, ms);
}

// ---------------------------------------------------------------- who starts them

class Peer {
  static #all = new Set();

  constructor(role, options = {}, { execArgv, env } = CONFIGURATIONS[0]) {
    const environment = { ...process.env, SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '10000', ...env };
    this.process = fork(SELF, ['--role', role, JSON.stringify(options)], {
      execArgv: [...execArgv],
      env: environment,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.ready = once(this.process, 'message').then(([message]) => message);
    Peer.#all.add(this);
  }

  async measure(options) {
    this.process.send(options);
    const [result] = await once(this.process, 'message');
    return result;
  }

  /** From now on, and not when it starts: a process that is told of one core does not poll. */
  pin(core) {
    spawnSync('taskset', ['-a', '-p', '-c', String(core), String(this.process.pid)], { stdio: 'ignore' });
  }

  async end() {
    Peer.#all.delete(this);
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }

  /** The last that was started first: nobody's peer ends before it. */
  static async end() {
    for (const peer of [...Peer.#all].reverse()) await peer.end();
  }
}

/** A server and a client that send `every` so many microseconds; proves that they go the way that they should. */
async function pair(configuration, every) {
  const server = new Peer('server', {}, configuration);
  const { echo, site } = await server.ready;
  const client = new Peer('client', { port: echo.port, every }, configuration);
  const { route } = await client.ready;
  if (route !== configuration.name.slice(0, 3)) throw new Error(`${configuration.name} goes by ${route}`);
  return { server, client, site };
}

const say = (...columns) =>
  console.log(columns.map((column, i) => String(column).padEnd([24, 18, 14][i] ?? 24)).join(''));
const percent = (share) => `${(share * 100).toFixed(1)} %`;
const micro = (value) => `${Math.round(value)} µs`;

const PARTS = {
  async load(configuration, ms) {
    for (const [label, every] of /** @type {[string, number][]} */ ([
      ['every 1 ms', 1000],
      ['every 100 µs', 100],
      ['back to back', 0],
    ])) {
      const { server, client } = await pair(configuration, every);
      await sleep(WARM_MS);
      const [s, c] = await Promise.all([server.measure({ ms }), client.measure({ ms })]);
      const each = every === 100 ? [s] : [s, c];
      const told = each.map(({ utilization, polled, cpu }) => [utilization, polled, cpu].map(percent).join(' '));
      say(`load, ${label}`, configuration.name, `${c.perSecond}/s`, ...told);
      await Peer.end();
    }
  },

  async timer(configuration, ms) {
    const { server } = await pair(configuration, 0);
    await sleep(WARM_MS);
    const { took } = await server.measure({ ms, timer: true });
    say(
      'timer of 1 ms took',
      configuration.name,
      `p50 ${micro(took.p50)}`,
      `p99 ${micro(took.p99)}`,
      `max ${micro(took.max)}`,
    );
    await Peer.end();
  },

  async http(configuration, ms) {
    const { client, site } = await pair(configuration, 0);
    const asking = new Peer('httpClient', { port: site.port });
    await asking.ready;
    await sleep(WARM_MS);
    const [requests, trips] = await Promise.all([asking.measure({ ms }), client.measure({ ms })]);
    say('http on TCP beside', configuration.name, `${requests.perSecond} req/s`, `${trips.perSecond} trips/s`);
    await Peer.end();
  },

  async core(configuration, ms) {
    const computer = new Peer('computer');
    await computer.ready;
    computer.pin(0);
    await sleep(WARM_MS);
    const alone = await computer.measure({ ms });
    for (const [label, every] of /** @type {[string, number][]} */ ([
      ['every 1 ms', 1000],
      ['back to back', 0],
    ])) {
      const { server, client } = await pair(configuration, every);
      server.pin(0);
      client.pin(1);
      await sleep(WARM_MS);
      const all = [computer.measure({ ms }), server.measure({ ms }), client.measure({ ms })];
      const [beside, s, c] = await Promise.all(all);
      const work = `${percent(beside.perSecond / alone.perSecond)} of its work`;
      say(
        `core, ${label}`,
        configuration.name,
        `${c.perSecond}/s`,
        work,
        `CPU ${percent(beside.cpu)} beside ${percent(s.cpu)}`,
      );
      await client.end();
      await server.end();
    }
    await Peer.end();
  },
};

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { ms: { type: 'string', default: '2000' } },
  });
  if (!existsSync(new URL('../dist', import.meta.url))) throw new Error('dist/ is missing: run `npm run build` first');
  for (const part of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
    for (const configuration of CONFIGURATIONS) await PARTS[part](configuration, Number(values.ms));
  }
}

if (process.argv[2] === '--role') {
  if (process.execArgv.includes(REGISTER)) api = await import('../dist/index.js');
  process.on('disconnect', () => process.exit(1));
  process.on('message', measured);
  ROLES[process.argv[3]](JSON.parse(process.argv[4]));
} else {
  await main();
}
