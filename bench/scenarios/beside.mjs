/**
 * A small message there and back, one at a time, while another connection between the same two processes is filled with
 * 64 KiB writes: does bulk starve what is small?
 */
import net from 'node:net';
import { ignoreReset, listen } from './common.mjs';
import { Trips } from './trips.mjs';

const SIZE = 64;
const BULK_BYTES = 65_536;
/** The first byte of a connection says what it is for. */
const BULK = 0x42;

/** @type {import('./index.mjs').Scenario} */
export const beside = {
  id: 'beside-bulk',
  rows: [
    {
      name: 'beside-bulk',
      title: '64 B ping-pong beside a saturating transfer, round trip p99',
      unit: 'µs',
      better: 'lower',
      value: (run) => run.latency.p99,
    },
  ],
  timekeeper: 'client',
  params: {
    full: { warmMs: 500, ms: 3000 },
    quick: { warmMs: 300, ms: 1000 },
    smoke: { warmMs: 20, ms: 80 },
  },

  server(context) {
    const server = net.createServer((socket) => {
      socket.setNoDelay(true);
      socket.on('error', ignoreReset);
      socket.once('data', (first) => {
        if (first[0] === BULK) {
          socket.resume();
          return;
        }
        socket.write(first);
        socket.on('data', (chunk) => socket.write(chunk));
      });
    });
    listen(context, server);
  },

  client(context) {
    const block = Buffer.alloc(BULK_BYTES, BULK);
    const message = Buffer.alloc(SIZE, 0x61);
    let moved = 0;
    let movedBefore = 0;
    const bulk = net.connect(context.target);
    const small = net.connect(context.target);
    const sockets = [bulk, small];
    const trips = new Trips(context, {
      sockets: () => sockets,
      begin: () => {
        movedBefore = moved;
      },
      more: (seconds) => ({ bulkBytesPerSecond: (moved - movedBefore) / seconds }),
    });
    const fill = () => {
      while (!trips.done) {
        moved += block.length;
        if (!bulk.write(block)) return;
      }
    };
    bulk.on('connect', fill);
    bulk.on('drain', fill);
    bulk.on('error', ignoreReset);

    small.setNoDelay(true);
    let received = 0;
    let sent = 0;
    const ask = () => {
      sent = performance.now();
      small.write(message);
    };
    small.on('connect', ask);
    small.on('data', (chunk) => {
      received += chunk.length;
      if (received < SIZE || trips.done) return;
      received = 0;
      if (trips.over(sent)) ask();
      else for (const socket of sockets) socket.destroy();
    });
  },
};
