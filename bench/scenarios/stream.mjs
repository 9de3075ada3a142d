/**
 * Messages of one size in one direction on one connection, each its own `socket.write`, never corked by the program,
 * back-pressure honoured. TCP_NODELAY is set, as every library does that sends small messages; what TCP reaches with
 * Nagle's algorithm, which gathers them in the kernel, is measured beside it for the small sizes. The receiver keeps the
 * time, because what has arrived is what counts.
 */
import net from 'node:net';
import { ignoreReset, listen } from './common.mjs';

/** After so many messages without back-pressure the sender gives its event loop a turn, as a real program would. */
const BURST = 1024;
/** The receiver looks at the clock at every so many 'data' events: a look must not show in the figure. */
const CLOCK_EVERY = 16;

/** 65536 is `64k` in names and `64 KiB` to people. */
const short = (size) => (size >= 1 << 20 ? `${size >> 20}m` : size >= 1024 ? `${size >> 10}k` : String(size));
const long = (size) => (size >= 1 << 20 ? `${size >> 20} MiB` : size >= 1024 ? `${size >> 10} KiB` : `${size} B`);

/** @returns {import('./index.mjs').Scenario} */
export function stream(size) {
  const small = size < 1024;
  const name = `stream-${short(size)}`;
  return {
    id: name,
    rows: [
      {
        name,
        title: `${long(size)} ${small ? 'messages' : 'writes'} streamed`,
        unit: small ? 'messages/s' : 'GB/s',
        better: 'higher',
        value: (run) => (small ? run.messagesPerSecond : run.bytesPerSecond / 1e9),
      },
    ],
    timekeeper: 'server',
    params: {
      full: { warmMs: 500, ms: 2000 },
      quick: { warmMs: 250, ms: 700 },
      smoke: { warmMs: 20, ms: 60 },
    },
    operationsPerMs: (result) => result.messagesPerSecond / 1000,
    variants: size <= 1024 ? { tcp: { nagle: { noDelay: false } } } : undefined,

    server(context) {
      const { warmMs, ms } = context.params;
      let total = 0;
      let events = 0;
      let phase = 'idle';
      let from = { at: 0, bytes: 0, events: 0 };
      let ended = null;
      const over = new Promise((resolve) => {
        ended = resolve;
      });

      function look() {
        const now = performance.now();
        if (phase === 'idle') {
          phase = 'warm';
          from.at = now;
        } else if (phase === 'warm' && now - from.at >= warmMs) {
          phase = 'measure';
          context.begin();
          from = { at: performance.now(), bytes: total, events };
        } else if (phase === 'measure' && now - from.at >= ms) {
          phase = 'done';
          const bytesPerSecond = (total - from.bytes) / ((now - from.at) / 1000);
          context.end({
            bytesPerSecond,
            messagesPerSecond: bytesPerSecond / size,
            bytesPerRead: Math.round((total - from.bytes) / (events - from.events)),
          });
        }
      }

      const server = net.createServer((socket) => {
        context.prove(socket);
        socket.on('data', (chunk) => {
          total += chunk.length;
          if (events++ % CLOCK_EVERY === 0) look();
        });
        socket.on('close', ended);
        socket.on('error', ignoreReset);
      });
      context.on('stop', async () => {
        await over;
        return { total };
      });
      listen(context, server);
    },

    client(context) {
      const message = Buffer.alloc(size, 0x62);
      const socket = net.connect({ ...context.target, noDelay: context.params.noDelay ?? true });
      let sent = 0;
      let stopped = false;

      function pump() {
        for (let n = 0; n < BURST && !stopped; n++) {
          sent++;
          if (!socket.write(message)) return;
        }
        if (!stopped) setImmediate(pump);
      }

      socket.on('connect', () => {
        context.prove(socket);
        pump();
      });
      socket.on('drain', pump);
      context.on('stop', async () => {
        stopped = true;
        await new Promise((resolve) => {
          socket.once('close', resolve);
          socket.end();
        });
        return { total: sent * size };
      });
    },

    verify({ server, client }) {
      if (server.total !== client.total) throw new Error(`${client.total} B were sent, ${server.total} B arrived`);
    },
  };
}
