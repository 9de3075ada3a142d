/** One message after a pause long enough that both processes sleep in the kernel: what a round trip then takes. */
import net from 'node:net';
import { Histogram } from '../histogram.mjs';
import { echoServer, latency, sleep } from './common.mjs';

const SIZE = 64;
/** Rounds that warm the code up and are not counted. */
const WARM_ROUNDS = 200;

/** @type {import('./index.mjs').Scenario} */
export const wake = {
  id: 'wake',
  rows: [
    {
      name: 'wake',
      title: 'wake-up from sleep, round trip p50',
      unit: 'µs',
      better: 'lower',
      value: (run) => run.latency.p50,
    },
  ],
  timekeeper: 'client',
  params: {
    full: { rounds: 100, pauseMs: 40 },
    quick: { rounds: 40, pauseMs: 25 },
    smoke: { rounds: 3, pauseMs: 20 },
  },
  operationsPerMs: (result) => result.perSecond / 1000,
  server: echoServer,

  async client(context) {
    const { rounds, pauseMs } = context.params;
    const histogram = new Histogram();
    const message = Buffer.alloc(SIZE, 0x64);
    const socket = net.connect(context.target);
    socket.setNoDelay(true);
    await new Promise((resolve) => socket.once('connect', resolve));

    let received = 0;
    let arrived = null;
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received < SIZE) return;
      received = 0;
      // The clock is read here and not behind the promise, whose turn is not part of the round trip.
      histogram.record((performance.now() - sent) * 1e6);
      arrived();
    });
    let sent = 0;
    const round = () =>
      new Promise((resolve) => {
        arrived = resolve;
        sent = performance.now();
        socket.write(message);
      });

    for (let n = 0; n < WARM_ROUNDS; n++) await round();
    await sleep(pauseMs);
    context.begin();
    histogram.reset();
    const began = performance.now();
    for (let n = 0; n < rounds; n++) {
      await sleep(pauseMs);
      await round();
    }
    context.prove(socket);
    context.end({
      perSecond: rounds / ((performance.now() - began) / 1000),
      latency: latency(context, histogram),
    });
    socket.destroy();
  },
};
