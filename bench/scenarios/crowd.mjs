/**
 * Small round trips spread over many connections: does a message cost more where others wait? Each connection has its turn,
 * and at most {@link IN_FLIGHT} of them have a message under way.
 */
import { echoServer } from './common.mjs';
import { affordable, descriptorsFor, openMany } from './many.mjs';
import { Trips } from './trips.mjs';

const SIZE = 64;
const IN_FLIGHT = 16;

/** @returns {import('./index.mjs').Scenario} */
export function crowd(connections) {
  const name = `crowd-${connections}`;
  return {
    id: name,
    rows: [
      {
        name,
        title: `64 B round trips over ${connections} connection${connections === 1 ? '' : 's'}`,
        unit: 'round trips/s',
        better: 'higher',
        value: (run) => run.perSecond,
      },
    ],
    adapters: ['tcp', 'unix', 'san'],
    timekeeper: 'client',
    params: {
      full: { warmMs: 1000, ms: 2000 },
      quick: { warmMs: 500, ms: 700 },
      smoke: { warmMs: 20, ms: 80 },
    },
    prepare: (params) => ({ ...params, connections: affordable(connections) }),
    childOptions: (params) => ({ descriptors: descriptorsFor(params.connections) }),
    operationsPerMs: (result) => result.perSecond / 1000,
    server: echoServer,

    async client(context) {
      const { connections: count } = context.params;
      const message = Buffer.alloc(SIZE, 0x61);
      const sockets = await openMany(context, count);
      const sentAt = new Float64Array(count);
      const received = new Uint8Array(count);
      const trips = new Trips(context, { sockets: () => sockets });
      // Those without a message under way, in a ring: who has rested longest is next.
      const resting = Int32Array.from({ length: count }, (_, index) => index);
      let first = 0;
      let last = 0;

      const ask = () => {
        const index = resting[first];
        first = first + 1 === count ? 0 : first + 1;
        sentAt[index] = performance.now();
        sockets[index].write(message);
      };
      const answered = (index) => {
        resting[last] = index;
        last = last + 1 === count ? 0 : last + 1;
        if (trips.over(sentAt[index])) ask();
      };

      sockets.forEach((socket, index) => {
        socket.setNoDelay(true);
        socket.on('data', (chunk) => {
          received[index] += chunk.length;
          if (received[index] < SIZE || trips.done) return;
          if (received[index] > SIZE) throw new Error(`${received[index]} B echoed of ${SIZE}`);
          received[index] = 0;
          answered(index);
        });
      });
      for (let n = 0; n < Math.min(IN_FLIGHT, count); n++) ask();
      context.on('stop', () => {
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}
