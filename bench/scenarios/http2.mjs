/** HTTP/2 without TLS: requests on one session, a number of them under way; Node's own server and client on every adapter. */
import nodeHttp2 from 'node:http2';
import net from 'node:net';
import { Histogram } from '../histogram.mjs';
import { latency, listen } from './common.mjs';

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
    timekeeper: 'client',
    params: {
      full: { warmMs: 1000, ms: 2500 },
      quick: { warmMs: 500, ms: 900 },
      smoke: { warmMs: 40, ms: 80 },
    },
    operationsPerMs: (result) => result.perSecond / 1000,

    server(context) {
      const server = nodeHttp2.createServer();
      server.on('stream', (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'text/plain' });
        stream.end(BODY);
      });
      listen(context, /** @type {any} */ (server));
    },

    client(context) {
      const { warmMs, ms } = context.params;
      const histogram = new Histogram();
      const socket = net.connect(context.target);
      const session = nodeHttp2.connect('http://localhost', { createConnection: () => socket });
      let began = 0;
      let until = performance.now() + warmMs;
      let phase = 'warm';

      const answered = (/** @type {number} */ sent) => {
        const now = performance.now();
        histogram.record((now - sent) * 1e6);
        if (now < until) return;
        if (phase === 'warm') {
          phase = 'measure';
          context.begin();
          histogram.reset();
          began = performance.now();
          until = began + ms;
        } else if (phase === 'measure') {
          phase = 'done';
          context.prove(socket);
          context.end({ perSecond: histogram.count / ((now - began) / 1000), latency: latency(context, histogram) });
          session.destroy();
        }
      };
      const request = () => {
        const sent = performance.now();
        let received = 0;
        const stream = session.request({ ':path': '/' });
        stream.on('data', (chunk) => {
          received += chunk.length;
        });
        stream.on('end', () => {
          if (phase === 'done') return;
          if (received !== BODY.length) throw new Error(`an answer of ${received} B`);
          answered(sent);
          if (phase !== 'done') request();
        });
        stream.end();
      };
      session.on('connect', () => {
        for (let n = 0; n < streams; n++) request();
      });
    },
  };
}
