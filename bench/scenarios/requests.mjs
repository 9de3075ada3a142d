/**
 * Requests by a protocol's own client, a number of them under way: what such scenarios have in common. The server and the
 * client are what people use, so most of the time is theirs, on every adapter.
 */
import { REQUESTS, Trips } from './trips.mjs';

/**
 * @param {object} protocol
 * @param {string} protocol.name
 * @param {string} protocol.title
 * @param {string} [protocol.unit]
 * @param {number} protocol.atOnce
 * @param {(context: any) => unknown} protocol.server
 * @param {(context: any) => Promise<{ ask: () => Promise<unknown>, sockets: readonly import('node:net').Socket[] }>} protocol.open
 *   the client: `ask` resolves when one request has its answer, and throws when that is wrong
 * @returns {import('./index.mjs').Scenario}
 */
export function requests({ name, title, unit = 'requests/s', atOnce, server, open }) {
  return {
    id: name,
    rows: [{ name, title, unit, better: 'higher', value: (run) => run.perSecond }],
    ...REQUESTS,
    server,

    async client(context) {
      const { ask, sockets } = await open(context);
      const trips = new Trips(context, { sockets: () => sockets });
      const keepAsking = async () => {
        for (;;) {
          const sent = performance.now();
          await ask();
          if (trips.done || !trips.over(sent)) return;
        }
      };
      await Promise.all(Array.from({ length: atOnce }, keepAsking));
    },
  };
}
