// HTTP/2 without TLS, or, given { tls: folder }, with it. The client: h2-client.mjs.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import record from './lib/record.cjs';

const { tls } = record.parameters();
const server =
  tls === undefined
    ? http2.createServer()
    : http2.createSecureServer({ key: readFileSync(`${tls}/key.pem`), cert: readFileSync(`${tls}/cert.pem`) });
let streams = 0;
let sessions = 0;
server.on('session', (session) => {
  const name = `session ${sessions++}`;
  const events = [];
  record.fact(name, events);
  session.on('error', (error) => events.push(`error ${record.describeError(error)}`));
  session.on('close', () => events.push('close'));
});
server.on('stream', (stream, headers) => {
  streams++;
  stream.on('error', () => {});
  switch (headers[':path']) {
    case '/json':
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end('{"hello":"world"}');
      break;
    case '/big':
      stream.respond({ ':status': 200 });
      stream.end(record.bytes('big', 4 * 1048576));
      break;
    case '/upload': {
      const hash = createHash('sha256');
      stream.on('data', (chunk) => hash.update(chunk));
      stream.on('end', () => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sha256': hash.digest('hex') }));
        stream.end('see the trailers');
      });
      break;
    }
    case '/reset':
      stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
      break;
    default:
      stream.respond({ ':status': 404 }, { endStream: true });
  }
});
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => server.close(() => record.fact('streams', streams)));
