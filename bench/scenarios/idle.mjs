/**
 * Ten thousand connections that do nothing: what they cost in CPU (over two seconds) and in memory (on either side, per
 * connection). The kernel's own memory for TCP sockets is in nobody's RSS and is not counted, in TCP's favour.
 */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import process from 'node:process';
import { ignoreReset, listen, sleep } from './common.mjs';
import { affordable, descriptorsFor, openMany } from './many.mjs';

/**
 * Sent there and back on a first connection, before anything is measured: touches every page of a link's rings, which
 * are a cost per pair of processes and not per connection, and warms the code up.
 */
const WARM_BYTES = 8 << 20;
/** Collection and late timers of 10 000 new sockets come to rest, ms. */
const SETTLE_MS = 1500;

/** @type {import('./index.mjs').Scenario} */
export const idle = {
  id: 'idle-10k',
  rows: [
    {
      name: 'idle-10k',
      title: '10 000 idle connections, CPU of both processes over 2 s',
      unit: 'ms',
      better: 'lower',
      value: (run) => run.cpuMs,
    },
  ],
  adapters: ['tcp', 'san'],
  runs: { quick: 2 },
  timekeeper: 'client',
  params: {
    full: { connections: 10_000, ms: 2000 },
    quick: { connections: 10_000, ms: 2000 },
    smoke: { connections: 100, ms: 100 },
  },
  /** Less than 0.5 % of a core is a process at rest; ratios below that would compare two measuring errors. */
  resolution: 10,
  stopOrder: ['server', 'client'],
  prepare: (params) => ({ ...params, connections: affordable(params.connections) }),
  childOptions: ({ connections }) => ({
    execArgv: ['--expose-gc'],
    // Buffers of the warm-up are given back at once, so that free memory under the baseline cannot hide what comes after.
    env: { MALLOC_MMAP_THRESHOLD_: '16384' },
    descriptors: descriptorsFor(connections),
  }),

  server(context) {
    const sockets = [];
    const facts = {};
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('error', ignoreReset);
      socket.on('data', (chunk) => {
        if (!socket.write(chunk)) {
          socket.pause();
          socket.once('drain', () => socket.resume());
        }
      });
      if (sockets.length === context.params.connections + 1) context.relay('all');
    });
    context.on('baseline', async () => {
      facts.baseline = await memoryNow();
    });
    context.on('loaded', async () => {
      facts.loaded = await memoryNow();
      facts.connections = sockets.length - 1;
    });
    context.on('stop', () => facts);
    listen(context, server);
  },

  async client(context) {
    const { connections, ms } = context.params;
    await warmUp(context);
    context.relay('baseline');
    const baseline = await memoryNow();
    await sleep(300);

    const all = new Promise((resolve) => context.on('all', resolve));
    const sockets = await openMany(context, connections);
    await all;
    for (const socket of sockets) context.prove(socket);
    context.relay('loaded');
    const loaded = await memoryNow();
    await sleep(SETTLE_MS);
    context.begin();
    await sleep(ms);
    context.end({ connections, baseline, loaded });
    // When the server goes, 10 000 sockets end at once; keep them until then.
    context.on('stop', () => ({ held: sockets.length }));
  },

  verify({ server }, { connections }) {
    if (server.connections !== connections) throw new Error(`the server has ${server.connections} of ${connections}`);
  },

  /** Adds CPU of the window and bytes per connection to the record of a run. */
  finish(record, { result, usage, facts }) {
    const { connections } = result;
    record.cpuMs = Number(((usage.server.cpu + usage.client.cpu) / 1000).toFixed(2));
    record.memory = {
      client: perConnection(result.baseline, result.loaded, connections),
      server: perConnection(facts.server.baseline, facts.server.loaded, connections),
    };
    record.linkBytes = Math.max(result.baseline.shared, facts.server.baseline.shared);
    // The raw figures have served their purpose.
    delete record.baseline;
    delete record.loaded;
  },
};

async function warmUp(context) {
  const socket = net.connect(context.target);
  await new Promise((resolve) => socket.once('connect', resolve));
  let left = WARM_BYTES;
  const echoed = new Promise((resolve) => {
    socket.on('data', (chunk) => {
      left -= chunk.length;
      if (left === 0) resolve(undefined);
    });
  });
  const block = Buffer.alloc(65_536, 0x65);
  for (let sent = 0; sent < WARM_BYTES; sent += block.length) {
    if (!socket.write(block)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  await echoed;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.destroy();
  await closed;
}

/** Resident bytes of this process after garbage collection, by kind. */
async function memoryNow() {
  for (let n = 0; n < 3; n++) {
    globalThis.gc?.();
    await sleep(50);
  }
  const status = readFileSync('/proc/self/status', 'latin1');
  const bytes = (text, key) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  // What malloc handed out to the main thread: libuv, Node's C++ objects, addons, backing stores of small buffers.
  const maps = readFileSync('/proc/self/smaps', 'latin1');
  const start = maps.indexOf('[heap]');
  return {
    private: bytes(status, 'RssAnon'),
    native: start < 0 ? 0 : bytes(maps.slice(start, start + 1000), 'Rss'),
    shared: bytes(status, 'RssShmem'),
    heap: process.memoryUsage().heapUsed,
  };
}

function perConnection(before, after, connections) {
  const each = (key) => Math.round((after[key] - before[key]) / connections);
  return {
    /** Private resident memory, everything included: JavaScript objects, native memory, slack of both allocators. */
    private: each('private'),
    /** Live JavaScript objects. */
    heap: each('heap'),
    /** Native memory: what malloc holds. */
    native: each('native'),
    /** Pages of shared memory that were touched. */
    shared: each('shared'),
  };
}
