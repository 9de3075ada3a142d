/**
 * HTTP/1.1 keep-alive requests against an unmodified `node:http` server. The client is the load generator, the same for
 * every adapter: plain `net` sockets that write a ready-made request and count the bytes of the answer, so that the
 * figure is about the server and the transport and not about an HTTP client's object churn.
 */
import nodeHttp from 'node:http';
import net from 'node:net';
import { Histogram } from '../histogram.mjs';
import { latency, listen } from './common.mjs';

const BODY = 'hello, world\n';
const REQUEST = Buffer.from('GET / HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\n\r\n');

/** @returns {import('./index.mjs').Scenario} */
export function http(connections) {
  return {
    id: `http-${connections}`,
    rows: [
      {
        name: `http-${connections}`,
        title: `HTTP keep-alive, ${connections} connection${connections === 1 ? '' : 's'}`,
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
      const server = nodeHttp.createServer((_request, response) => {
        response.setHeader('Content-Type', 'text/plain');
        response.end(BODY);
      });
      listen(context, server);
    },

    client(context) {
      const { warmMs, ms } = context.params;
      const histogram = new Histogram();
      const sockets = [];
      let began = 0;
      let until = performance.now() + warmMs;
      let phase = 'warm';

      function next(now) {
        if (now < until) return;
        if (phase === 'warm') {
          phase = 'measure';
          context.begin();
          histogram.reset();
          began = performance.now();
          until = began + ms;
        } else if (phase === 'measure') {
          phase = 'done';
          for (const socket of sockets) context.prove(socket);
          context.end({
            perSecond: histogram.count / ((now - began) / 1000),
            latency: latency(context, histogram),
          });
          for (const socket of sockets) socket.destroy();
        }
      }

      for (let n = 0; n < connections; n++) {
        const socket = net.connect(context.target);
        sockets.push(socket);
        socket.setNoDelay(true);
        let sent = 0;
        let expected = 0;
        let received = 0;
        const request = () => {
          sent = performance.now();
          socket.write(REQUEST);
        };
        socket.on('connect', request);
        socket.on('data', (chunk) => {
          // Every answer is as long as the first one: the same headers, a date of constant width, the same body.
          if (received === 0) {
            if (chunk[0] !== 0x48) throw new Error(`not an answer: ${chunk.toString('latin1', 0, 40)}`);
            if (expected === 0) expected = answerLength(chunk);
          }
          received += chunk.length;
          if (received < expected) return;
          if (received > expected) throw new Error(`an answer of ${received} B, expected ${expected}`);
          received = 0;
          const now = performance.now();
          histogram.record((now - sent) * 1e6);
          next(now);
          if (phase !== 'done') request();
        });
      }
    },
  };
}

/** Bytes of one whole answer, from its first chunk, which holds all the headers. */
function answerLength(chunk) {
  const text = chunk.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text);
  if (end < 0 || !text.startsWith('HTTP/1.1 200 ') || length === null) throw new Error(`unexpected answer: ${text}`);
  return end + 4 + Number(length[1]);
}
