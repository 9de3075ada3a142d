/**
 * One message after a pause long enough that both processes sleep in the kernel: what a round trip then takes. A process
 * that sends so rarely lives for long, so its code is compiled first. How it is before that is measured as well: more of
 * the switch than of plain `net` is JavaScript.
 */
import net from 'node:net';
import { Histogram } from '../histogram.mjs';
import { echoServer, latency, sleep } from './common.mjs';

const SIZE = 64;
/** Rounds before the first measurement: no more than it takes to have run everything a few times. */
const FIRST_ROUNDS = 200;

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
    full: { rounds: 100, pauseMs: 40, warmRounds: 20000 },
    quick: { rounds: 40, pauseMs: 25, warmRounds: 20000 },
    smoke: { rounds: 3, pauseMs: 20, warmRounds: 100 },
  },
  operationsPerMs: (result) => result.perSecond / 1000,
  server: echoServer,

  async client(context) {
    const { rounds, pauseMs, warmRounds } = context.params;
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

    const paused = async (count) => {
      await sleep(pauseMs);
      histogram.reset();
      for (let n = 0; n < count; n++) {
        await sleep(pauseMs);
        await round();
      }
    };

    for (let n = 0; n < FIRST_ROUNDS; n++) await round();
    await paused(rounds >> 1);
    const uncompiled = latency(context, histogram);
    for (let n = 0; n < warmRounds; n++) await round();
    context.begin();
    const began = performance.now();
    await paused(rounds);
    context.prove(socket);
    context.end({
      perSecond: rounds / ((performance.now() - began) / 1000),
      latency: latency(context, histogram),
      uncompiled,
    });
    socket.destroy();
  },
};
