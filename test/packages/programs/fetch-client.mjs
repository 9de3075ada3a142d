// The client of api-server.mjs on Node's own fetch.
import assert from 'node:assert/strict';
import record from '../../programs/lib/record.cjs';
import { httpSequence } from './lib/http-sequence.mjs';

const base = `http://127.0.0.1:${record.parameters().port}`;

await httpSequence(async ({ method, path, body, signal }) => {
  const answer = await fetch(`${base}${path}`, { method, body, signal });
  return {
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: Buffer.from(await answer.arrayBuffer()),
  };
});

const packed = await fetch(`${base}/gzip`);
assert.equal(await packed.text(), 'a text that is worth packing '.repeat(5000));
// A body that is a stream, and one that is read by halves and given up.
async function* parts() {
  for (let i = 0; i < 100; i++) yield record.bytes(`part ${i}`, 5000);
}
const echoed = await fetch(`${base}/echo`, { method: 'POST', body: ReadableStream.from(parts()), duplex: 'half' });
record.fact('stream', record.sha256(Buffer.from(await echoed.arrayBuffer())));
// http-proxy leaves the answer of what is behind it unread, for ever, when its client gives up.
if (!record.parameters().proxied) {
  const reader = (await fetch(`${base}/download`)).body.getReader();
  await reader.read();
  await reader.cancel();
}
record.fact('after cancel', (await fetch(`${base}/json`)).status);
