// The client of cluster-server.mjs: many connections, which all workers must share.
import assert from 'node:assert/strict';
import http from 'node:http';
import record from '../../programs/lib/record.cjs';

const { port } = record.parameters();
const call = (path, method = 'GET', body = undefined) =>
  new Promise((resolve, reject) => {
    const outgoing = http.request({ port, host: '127.0.0.1', path, method, agent: false }, (response) => {
      response.toArray().then((chunks) => resolve(Buffer.concat(chunks)), reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
const workers = new Set();
for (let i = 0; i < 60; i++) workers.add(JSON.parse(await call('/who')).worker);
record.fact('workers', [...workers].sort());
const echoes = await Promise.all(
  Array.from({ length: 30 }, async (_, i) => {
    const data = record.bytes(`echo ${i}`, 100000);
    return data.equals(await call('/echo', 'PUT', data));
  }),
);
assert.ok(echoes.every(Boolean));
