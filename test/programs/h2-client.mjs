// The client of h2-server.mjs.
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import record from './lib/record.cjs';

const { port, tls } = record.parameters();
const session =
  tls === undefined
    ? http2.connect(`http://127.0.0.1:${port}`)
    : http2.connect(`https://localhost:${port}`, {
        ca: readFileSync(`${tls}/cert.pem`),
        lookup: (_name, { all }, done) =>
          all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
      });
const events = [];
record.fact('session', events);
for (const event of ['connect', 'goaway', 'close']) {
  session.on(event, () => events.push(event));
}
session.on('error', (error) => events.push(`error ${record.describeError(error)}`));

const exchange = (path, options = {}, body = undefined) =>
  new Promise((resolve, reject) => {
    const stream = session.request({ ':path': path, ...(body === undefined ? {} : { ':method': 'POST' }), ...options });
    const chunks = [];
    const result = { status: 0, trailers: {} };
    stream.on('response', (headers) => {
      result.status = headers[':status'];
    });
    stream.on('trailers', (trailers) => {
      result.trailers = { ...trailers };
    });
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => resolve({ ...result, body: Buffer.concat(chunks) }));
    stream.end(body);
  });

for (let i = 0; i < 20; i++) {
  const { status, body } = await exchange('/json');
  if (status !== 200 || body.toString() !== '{"hello":"world"}') {
    throw new Error(`request ${i}: ${status} ${body}`);
  }
}
record.fact('encrypted', [session.encrypted, session.alpnProtocol]);
const parallel = await Promise.all(Array.from({ length: 50 }, () => exchange('/json')));
record.fact('at once', parallel.filter(({ body }) => body.toString() === '{"hello":"world"}').length);
const big = await Promise.all([exchange('/big'), exchange('/json'), exchange('/big')]);
record.fact(
  'big',
  big.map(({ body }) => [body.length, record.sha256(body)]),
);
const upload = record.bytes('upload', 3 * 1048576);
const { trailers, body } = await exchange('/upload', {}, upload);
record.fact('upload', [record.sha256(upload), trailers['x-sha256'], body.toString()]);
record.fact('missing', (await exchange('/nothing')).status);
record.fact('reset', await exchange('/reset').then(() => 'no error', record.describeError));
const pinged = await new Promise((resolve) =>
  session.ping(Buffer.from('12345678'), (error, _ms, payload) => resolve([error, payload.toString()])),
);
record.fact('ping', pinged);
record.fact('addresses', record.addresses(session.socket));
session.close();
