/** One message there and back, one at a time, both processes busy with nothing else. */
import { echoServer } from './common.mjs';
import { PLAIN } from './layers.mjs';
import { Trips } from './trips.mjs';

/** @returns {import('./index.mjs').Scenario} */
export function pingpong(size, layer = PLAIN) {
  const name = `${layer.prefix}pingpong-${size}`;
  const row = (tail, quantile) => ({
    name: `${name}${tail}`,
    title: `${size} B ping-pong${layer.title}, round trip ${quantile}`,
    unit: 'µs',
    better: /** @type {const} */ ('lower'),
    value: (/** @type {any} */ run) => run.latency[quantile],
  });
  return {
    id: name,
    rows: [row('', 'p50'), row('-p999', 'p99.9')],
    timekeeper: 'client',
    params: {
      full: { warmMs: 500, ms: 3000 },
      quick: { warmMs: 300, ms: 1000 },
      smoke: { warmMs: 20, ms: 80 },
    },
    operationsPerMs: (result) => result.perSecond / 1000,
    server: (context) => echoServer(context, layer),

    client(context) {
      const message = Buffer.alloc(size, 0x61);
      const socket = layer.connect(context.target);
      socket.setNoDelay(true);
      let received = 0;
      let sent = 0;
      const trips = new Trips(context, { sockets: () => [socket] });

      socket.on(layer.connected, () => {
        sent = performance.now();
        socket.write(message);
      });
      socket.on('data', (chunk) => {
        // The first byte is a sequence number: an echo of something else must not count.
        if (received === 0 && chunk[0] !== message[0]) throw new Error('the echo is not what was sent');
        received += chunk.length;
        if (received < size) return;
        if (received > size) throw new Error(`${received} B echoed of ${size}`);
        received = 0;
        if (!trips.over(sent)) {
          socket.destroy();
          return;
        }
        sent = trips.now;
        message[0] = (message[0] + 1) & 0xff;
        socket.write(message);
      });
    },
  };
}
