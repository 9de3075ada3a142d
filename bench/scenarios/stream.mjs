/**
 * Messages of one size in one direction on one connection, each its own `socket.write`, never corked by the program,
 * back-pressure honoured. TCP_NODELAY is set, as every library does that sends small messages; what TCP reaches with
 * Nagle's algorithm, which gathers them in the kernel, is measured beside it for the small sizes. The receiver keeps the
 * time, because what has arrived is what counts.
 */
import { Arrivals } from './arrivals.mjs';
import { ignoreReset, listen } from './common.mjs';
import { PLAIN } from './layers.mjs';

/** After so many messages without back-pressure the sender gives its event loop a turn, as a real program would. */
const BURST = 1024;

/** 65536 is `64k` in names and `64 KiB` to people. */
const short = (size) => (size >= 1 << 20 ? `${size >> 20}m` : size >= 1024 ? `${size >> 10}k` : String(size));
const long = (size) => (size >= 1 << 20 ? `${size >> 20} MiB` : size >= 1024 ? `${size >> 10} KiB` : `${size} B`);

/** @returns {import('./index.mjs').Scenario} */
export function stream(size, layer = PLAIN) {
  const small = size < 1024;
  const name = `${layer.prefix}stream-${short(size)}`;
  return {
    id: name,
    rows: [
      {
        name,
        title: `${long(size)} ${small ? 'messages' : 'writes'} streamed${layer.title}`,
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
    variants: size <= 1024 && layer === PLAIN ? { tcp: { nagle: { noDelay: false } } } : undefined,

    async server(context) {
      let ended = null;
      const over = new Promise((resolve) => {
        ended = resolve;
      });
      const arrivals = new Arrivals(context, size);
      const identity = await layer.identity();
      const server = layer.createServer(identity, (socket) => {
        context.prove(socket);
        socket.on('data', (chunk) => {
          arrivals.add(chunk.length);
        });
        socket.on('close', ended);
        socket.on('error', ignoreReset);
      });
      context.on('stop', async () => {
        await over;
        return { total: arrivals.bytes };
      });
      listen(context, server, identity);
    },

    client(context) {
      const message = Buffer.alloc(size, 0x62);
      const socket = layer.connect(context.target);
      socket.setNoDelay(context.params.noDelay ?? true);
      let sent = 0;
      let stopped = false;

      function pump() {
        for (let n = 0; n < BURST && !stopped; n++) {
          sent++;
          if (!socket.write(message)) return;
        }
        if (!stopped) setImmediate(pump);
      }

      socket.on(layer.connected, () => {
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
