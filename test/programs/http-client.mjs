// The client of http-server.mjs, on http.request with agents and on plain sockets.
import http from 'node:http';
import net from 'node:net';
import record from './lib/record.cjs';

const { port, host = '127.0.0.1' } = record.parameters();

/** One request; resolves with the response and its body. */
const request = (agent, path, options = {}, body = undefined) =>
  new Promise((resolve, reject) => {
    const outgoing = http.request({ port, host, path, agent, ...options }, (response) => {
      response.toArray().then((chunks) => resolve({ response, outgoing, body: Buffer.concat(chunks) }), reject);
    });
    outgoing.on('error', reject);
    options.prepare?.(outgoing);
    outgoing.end(body);
  });

// One after another on one connection.
const single = new http.Agent({ keepAlive: true, maxSockets: 1 });
let sockets = 0;
single.on('free', (socket) => {
  if (!socket.known) {
    socket.known = true;
    record.watch(`agent ${sockets++}`, socket, { read: false, skip: ['timeout'] });
  }
});
let reused = 0;
for (let i = 0; i < 100; i++) {
  const { response, outgoing, body } = await request(single, '/json');
  reused += outgoing.reusedSocket ? 1 : 0;
  if (response.statusCode !== 200 || body.toString() !== '{"hello":"world"}') {
    throw new Error(`request ${i}: ${response.statusCode} ${body}`);
  }
}
record.fact('keep-alive', { reused, sockets });

const chunked = await request(single, '/chunked');
record.fact('chunked', [
  chunked.response.headers['transfer-encoding'],
  chunked.response.trailers,
  record.sha256(chunked.body),
]);
const big = await request(single, '/big');
record.fact('big', [big.body.length, record.sha256(big.body)]);
const data = record.bytes('upload', 8 * 1048576);
const upload = await request(single, '/upload', { method: 'POST' }, data);
record.fact('upload', [record.sha256(data), JSON.parse(upload.body)]);
const pieces = await request(single, '/upload', {
  method: 'PUT',
  headers: { trailer: 'x-end' },
  prepare: (outgoing) => {
    for (let i = 0; i < 50; i++) {
      outgoing.write(data.subarray(i * 1000, i * 1000 + 1000));
    }
    outgoing.addTrailers({ 'x-end': 'yes' });
  },
});
record.fact('chunked upload', [record.sha256(data.subarray(0, 50000)), JSON.parse(pieces.body)]);
const missing = await request(single, '/nothing');
record.fact('missing', [missing.response.statusCode, missing.body.toString()]);
const head = await request(single, '/big', { method: 'HEAD' });
record.fact('head', [head.response.headers['content-length'], head.body.length]);
record.fact('addresses', JSON.parse((await request(single, '/addresses')).body));

const continued = await new Promise((resolve) => {
  const outgoing = http.request({
    port,
    host,
    path: '/upload',
    method: 'POST',
    agent: single,
    headers: { expect: '100-continue' },
  });
  let early = 0;
  outgoing.on('continue', () => {
    early++;
    outgoing.end('continued');
  });
  outgoing.on('response', async (response) => resolve([early, (await response.toArray()).join('')]));
  outgoing.flushHeaders();
});
record.fact('continue', continued);

// Many at once over few connections.
const pool = new http.Agent({ keepAlive: true, maxSockets: 4 });
const answers = await Promise.all(Array.from({ length: 60 }, () => request(pool, '/json')));
record.fact('pool', [
  answers.every(({ body }) => body.toString() === '{"hello":"world"}'),
  Object.values(pool.freeSockets).flat().length,
]);
const closing = await request(single, '/close');
record.fact('close', [closing.response.headers.connection, closing.body.toString()]);

const failure = (promise) => promise.then(() => 'no error', record.describeError);
record.fact('destroyed', await failure(request(new http.Agent(), '/destroyed')));
const controller = new AbortController();
// Once the answer has begun: a time might be up before the server has seen the request.
const abortLater = (outgoing) => outgoing.on('response', (response) => response.once('data', () => controller.abort()));
record.fact(
  'client aborts',
  await failure(request(new http.Agent(), '/aborted', { signal: controller.signal, prepare: abortLater })),
);

// Pipelined by hand: three requests in one write.
const pipelined = record.watch('pipelined', net.connect({ port, host }), { bytes: false });
let text = '';
pipelined.on('data', (part) => {
  text += part;
});
const line = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: server\r\n${more}\r\n`;
pipelined.write(`${line('/json')}${line('/chunked')}${line('/json', 'Connection: close\r\n')}`);
await record.until(pipelined, 'close');
record.fact('pipelined', text.split('\r\n'));

// Upgrade: afterwards the socket is the program's own. The request already carries bytes of the new protocol.
const upgraded = await new Promise((resolve) => {
  const outgoing = http.request({ port, host, agent: false, headers: { connection: 'Upgrade', upgrade: 'echo' } });
  outgoing.on('upgrade', (response, socket, rest) => resolve({ response, socket, rest }));
  outgoing.end();
});
record.watch('upgraded', upgraded.socket);
let echoed = upgraded.rest.length;
const message = record.bytes('upgraded', 300000);
upgraded.socket.on('data', (chunk) => {
  echoed += chunk.length;
  if (echoed === message.length) {
    upgraded.socket.end();
  }
});
upgraded.socket.write(message);
await record.until(upgraded.socket, 'close');
record.fact('upgraded', [upgraded.response.statusCode, echoed]);

single.destroy();
pool.destroy();
