/**
 * HTTP/1.1 keep-alive requests against an unmodified `node:http` or `node:https` server. The client is the load generator, the same for
 * every adapter: plain `net` or `tls` sockets that write a ready-made request and count the bytes of the answer, so that the
 * figure is about the server and the transport and not about an HTTP client's object churn.
 */
import { listen } from './common.mjs';
import { PLAIN, TLS } from './layers.mjs';
import { REQUESTS, Trips } from './trips.mjs';

const BODY = 'hello, world\n';
const REQUEST = Buffer.from('GET / HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\n\r\n');

/** @returns {import('./index.mjs').Scenario} */
export function http(connections, layer = PLAIN) {
  const protocol = layer === TLS ? 'https' : 'http';
  return {
    id: `${protocol}-${connections}`,
    rows: [
      {
        name: `${protocol}-${connections}`,
        title: `${protocol.toUpperCase()} keep-alive, ${connections} connection${connections === 1 ? '' : 's'}`,
        unit: 'requests/s',
        better: 'higher',
        value: (run) => run.perSecond,
      },
    ],
    ...REQUESTS,

    async server(context) {
      const identity = await layer.identity();
      const server = layer.createHttpServer(identity, (_request, response) => {
        response.setHeader('Content-Type', 'text/plain');
        response.end(BODY);
      });
      listen(context, server, identity);
    },

    client(context) {
      const sockets = [];
      const trips = new Trips(context, { sockets: () => sockets });

      for (let n = 0; n < connections; n++) {
        const socket = layer.connect(context.target);
        sockets.push(socket);
        socket.setNoDelay(true);
        let sent = 0;
        let expected = 0;
        let received = 0;
        const request = () => {
          sent = performance.now();
          socket.write(REQUEST);
        };
        socket.on(layer.connected, request);
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
