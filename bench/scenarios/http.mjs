/**
 * HTTP/1.1 keep-alive requests against an unmodified `node:http` server. The client is the load generator, the same for
 * every adapter: plain `net` sockets that write a ready-made request and count the bytes of the answer, so that the
 * figure is about the server and the transport and not about an HTTP client's object churn.
 */
import nodeHttp from 'node:http';
import net from 'node:net';
import { listen } from './common.mjs';
import { Trips } from './trips.mjs';

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
      const sockets = [];
      const trips = new Trips(context, { sockets: () => sockets });

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
          if (trips.done) return;
          if (trips.over(sent)) request();
          else for (const each of sockets) each.destroy();
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
