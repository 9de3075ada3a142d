/**
 * Connect, exchange one byte, close; as fast as it goes, one at a time and then 16 at a time. The server closes first:
 * otherwise every connection would leave its client port in TIME_WAIT for a minute, and after 28 000 of them the runs
 * would measure the search for a free port.
 */
import net from 'node:net';
import { Histogram } from '../histogram.mjs';
import { ignoreReset, latency, listen, PROVE_EVERY } from './common.mjs';

/** @type {import('./index.mjs').Scenario} */
export const connect = {
  id: 'connect',
  rows: [
    {
      name: 'connect',
      title: 'connect, exchange 1 byte, close',
      unit: 'connections/s',
      better: 'higher',
      value: (run) => run.perSecond,
    },
  ],
  timekeeper: 'client',
  params: {
    // A connection runs far more code than a message: it takes over a second until all of it is compiled.
    full: { warmMs: 1500, ms: 1500 },
    quick: { warmMs: 1000, ms: 500 },
    smoke: { warmMs: 20, ms: 60 },
  },
  operationsPerMs: (result) => result.perSecond / 1000,

  server(context) {
    const server = net.createServer((socket) => {
      socket.on('data', (chunk) => socket.end(chunk));
      socket.on('error', ignoreReset);
    });
    listen(context, server);
  },

  async client(context) {
    const { warmMs, ms } = context.params;
    // 16 at a time first, so that the window, and with it the CPU figure, holds the one-at-a-time phase alone.
    await cycles(context, 16, warmMs);
    const many = await cycles(context, 16, ms);
    await cycles(context, 1, warmMs);
    context.begin();
    const one = await cycles(context, 1, ms);
    context.end({
      perSecond: one.perSecond,
      latency: latency(context, one.histogram),
      concurrency16: { perSecond: many.perSecond, latency: latency(context, many.histogram) },
    });
  },
};

/** Keep `concurrency` connections going for `ms`. */
function cycles(context, concurrency, ms) {
  const histogram = new Histogram();
  const byte = Buffer.from([0x63]);
  const began = performance.now();
  let open = 0;
  let made = 0;

  return new Promise((resolve) => {
    function one() {
      const start = performance.now();
      const prove = made++ % PROVE_EVERY === 0;
      let got = 0;
      const socket = net.connect(context.target);
      open++;
      socket.on('data', (chunk) => {
        got += chunk.length;
        if (prove) context.prove(socket);
      });
      socket.on('close', () => {
        if (got !== 1) throw new Error(`${got} B came back of 1`);
        const now = performance.now();
        histogram.record((now - start) * 1e6);
        open--;
        if (now - began < ms) one();
        else if (open === 0) resolve({ histogram, perSecond: histogram.count / ((now - began) / 1000) });
      });
      socket.write(byte);
    }
    for (let n = 0; n < concurrency; n++) one();
  });
}
