// The client of api-server.mjs on undici's own request() and Pool.
import assert from 'node:assert/strict';
import { Agent, interceptors, Pool, request, stream } from 'undici';
import record from '../../programs/lib/record.cjs';
import { httpSequence } from './lib/http-sequence.mjs';

const base = `http://127.0.0.1:${record.parameters().port}`;
const agent = new Agent({ connections: 6, pipelining: 1 });
const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 3 }));

await httpSequence(async ({ method, path, body, signal }) => {
  const answer = await request(`${base}${path}`, { method, body, signal, dispatcher });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: Buffer.from(await answer.body.arrayBuffer()),
  };
});

// Pipelined on one connection; answers are in order.
const pool = new Pool(base, { connections: 1, pipelining: 10 });
const texts = await Promise.all(
  Array.from({ length: 40 }, async () => (await pool.request({ method: 'GET', path: '/json' })).body.text()),
);
assert.ok(texts.every((text) => text === '{"hello":"world"}'));
await pool.close();

const received = [];
const { Writable } = await import('node:stream');
await stream(`${base}/download`, { method: 'GET', dispatcher: agent }, () => {
  return new Writable({
    highWaterMark: 1000,
    write: (chunk, _encoding, done) => {
      received.push(chunk);
      setImmediate(done);
    },
  });
});
record.fact('streamed', record.sha256(Buffer.concat(received)));
await agent.close();
