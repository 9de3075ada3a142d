// Several requests in one write, by hand: what chunk-server.mjs is asked.
import net from 'node:net';
import tls from 'node:tls';

/** What is thrown in a call of the consumer's own is told at the end of the chunk, and so is at another place. */
export const LATE = 'HTTP/2 streams whose data throw';

/** `failing`: what throws there, or ends the session. `secure`: on TLS. */
export const SCENARIOS = [
  { name: 'HTTP/1 requests', protocol: 1 },
  { name: 'HTTP/1 requests of which the first throws', protocol: 1, failing: 'first' },
  { name: 'HTTP/2 streams', protocol: 2 },
  { name: 'HTTP/2 streams that throw', protocol: 2, failing: 'tick' },
  { name: 'HTTP/2 streams of which the first ends the session', protocol: 2, failing: 'destroy' },
  { name: 'HTTP/1 requests on TLS', protocol: 1, secure: true },
  { name: 'HTTP/2 streams on TLS', protocol: 2, secure: true },
  { name: 'HTTP/2 streams on TLS of which the first ends the session', protocol: 2, failing: 'destroy', secure: true },
  { name: LATE, protocol: 2, failing: 'data' },
];

const REQUESTS = Array.from(
  { length: 3 },
  (_, i) => `POST /${i} HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n\r\nbody`,
).join('');

// :method POST, :path /, :scheme http, :authority www.example.com; by the static table alone, the last in Huffman's code.
const HEADERS = Buffer.from('838684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex');
const frame = (type, flags, stream, payload) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
const NONE = Buffer.alloc(0);
const CANCEL = Buffer.from([0, 0, 0, 8]);
const BEGINNING = [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, NONE)];
const open = (stream) => frame(1, 4, stream, HEADERS);
const FRAMES = Buffer.concat([
  ...BEGINNING,
  ...[1, 3, 5].flatMap((stream) => [open(stream), frame(0, 0, stream, Buffer.from('data'))]),
  open(7),
  frame(3, 0, 7, CANCEL),
]);
// No data: Node 22 itself aborts over data for a stream of a session that is destroyed.
const OPENINGS = Buffer.concat([...BEGINNING, open(1), open(3), open(5)]);
const chunkOf = ({ protocol, failing }) => {
  if (protocol === 1) return REQUESTS;
  return failing === 'destroy' ? OPENINGS : FRAMES;
};

/** Sends each scenario's chunk to its port, one after the other. */
export const send = async (ports) => {
  for (const [i, port] of ports.entries()) {
    await new Promise((resolve) => {
      const scenario = SCENARIOS[i];
      const to = {
        port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        ALPNProtocols: [['http/1.1', 'h2'][scenario.protocol - 1]],
      };
      const socket = scenario.secure ? tls.connect(to) : net.connect(to);
      socket.once(scenario.secure ? 'secureConnect' : 'connect', () => socket.end(chunkOf(scenario)));
      socket.resume();
      // The server may reset it: it has not read all, or was thrown out.
      socket.on('error', () => {});
      socket.on('close', resolve);
    });
  }
};
