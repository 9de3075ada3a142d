/** HTTP/2 without TLS: requests on one session, a number of them under way; Node's own server and client on every adapter. */
import nodeHttp2 from 'node:http2';
import net from 'node:net';
import { listen } from './common.mjs';
import { REQUESTS, Trips } from './trips.mjs';

const BODY = 'hello, world\n';

/** @returns {import('./index.mjs').Scenario} */
export function http2(streams) {
  const name = `http2-${streams}`;
  return {
    id: name,
    rows: [
      {
        name,
        title: `HTTP/2, one session, ${streams} requests at a time`,
        unit: 'requests/s',
        better: 'higher',
        value: (run) => run.perSecond,
      },
    ],
    ...REQUESTS,

    server(context) {
      const server = nodeHttp2.createServer();
      server.on('stream', (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'text/plain' });
        stream.end(BODY);
      });
      listen(context, /** @type {any} */ (server));
    },

    client(context) {
      const socket = net.connect(context.target);
      const session = nodeHttp2.connect('http://localhost', { createConnection: () => socket });
      const trips = new Trips(context, { sockets: () => [socket] });

      const request = () => {
        const sent = performance.now();
        let received = 0;
        const stream = session.request({ ':path': '/' });
        stream.on('data', (chunk) => {
          received += chunk.length;
        });
        stream.on('end', () => {
          if (trips.done) return;
          if (received !== BODY.length) throw new Error(`an answer of ${received} B`);
          if (trips.over(sent)) request();
          else session.destroy();
        });
        stream.end();
      };
      session.on('connect', () => {
        for (let n = 0; n < streams; n++) request();
      });
    },
  };
}
