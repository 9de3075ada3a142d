// An echo over the SAN, while nothing else goes on and then while the loop is busy with one thing after another, in the main
// thread and in a worker: what the metrics of the event loop say, beside Node's own (nodes-metrics.cjs) and beside what the program knows that it did.
import { readFile } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { routeOf, stats } from '../../../dist/index.js';
import record from '../lib/record.cjs';

const nodes = globalThis[Symbol.for('test.utilization')];
const ROUNDS = 100;
const PATH = join(tmpdir(), `sd-utilization-${process.pid}-${isMainThread ? 'main' : 'worker'}`);

/** Milliseconds in which the program itself had the loop, at the least. */
let worked = 0;
const work = (ms) => {
  const from = performance.now();
  while (performance.now() - from < ms);
  worked += performance.now() - from;
};

/** All of it within one callback, in which nobody polls or sleeps. */
const look = () => {
  const polled = stats().loop.polledNanoseconds / 1e6;
  const node = nodes();
  const told = performance.eventLoopUtilization();
  const { idleTime } = performance.nodeTiming;
  const later = nodes();
  return { polled, node, told, idleTime, later, worked };
};

const serve = (where) =>
  new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {}).pipe(socket);
    });
    server.listen(where, () => resolve(server));
  });

/** What has a loop run callbacks: each starts a chain of them, one after another, that take their time. */
const KINDS = {
  nothing: () => {},
  timers(again) {
    setTimeout(() => again(KINDS.timers, 1), 1);
  },
  immediates(again) {
    setImmediate(() => again(KINDS.immediates, 1));
  },
  files(again) {
    readFile(new URL(import.meta.url), () => again(KINDS.files, 1));
  },
  closes(again) {
    const brief = net.connect(PATH, () => brief.destroy());
    brief.on('close', () => again(KINDS.closes, 1)).on('error', () => {});
  },
  messages(again) {
    const { port1, port2 } = new MessageChannel();
    port2.once('message', () => {
      port1.close();
      again(KINDS.messages, 1);
    });
    port1.postMessage('x');
  },
};

/** Two chains of a kind, so that there is always something to do; returns what ends them. */
const keepBusy = (kind) => {
  let on = true;
  const again = (act, ms) => {
    if (!on) return;
    work(ms);
    act(again);
  };
  kind(again);
  kind(again);
  return () => {
    on = false;
  };
};

const exchange = async (socket) => {
  const before = look();
  for (let round = 0; round < ROUNDS; round++) {
    socket.write('ping');
    await record.until(socket, 'data');
  }
  const after = look();
  const since = performance.eventLoopUtilization(before.told);
  const between = performance.eventLoopUtilization(after.told, before.told);
  return { before, after, since, between };
};

const talk = async (port) => {
  const socket = net.connect(port, '127.0.0.1').setNoDelay(true);
  await record.until(socket, 'connect');
  const { route } = routeOf(socket);
  const unix = await serve(PATH);
  const exchanges = {};
  for (const [name, kind] of Object.entries(KINDS)) {
    const stop = keepBusy(kind);
    exchanges[name] = await exchange(socket);
    stop();
  }
  socket.destroy();
  unix.close();
  return { route, exchanges };
};

if (isMainThread) {
  const { port } = record.parameters();
  record.fact('main', await talk(port));
  const worker = new Worker(new URL(import.meta.url), { argv: [JSON.stringify({ port })] });
  record.fact('worker', await record.until(worker, 'message'));
  await worker.terminate();
} else {
  // Until it is terminated: one that ends by itself would print a record of its own.
  parentPort.ref();
  parentPort.postMessage(await talk(record.parameters().port));
}
