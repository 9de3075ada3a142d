// The client of api-server.mjs on node-fetch 3.
import http from 'node:http';
import fetch from 'node-fetch';
import record from '../../programs/lib/record.cjs';
import { httpSequence } from './lib/http-sequence.mjs';

const base = `http://127.0.0.1:${record.parameters().port}`;
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
await httpSequence(async ({ method, path, body, signal }) => {
  const answer = await fetch(`${base}${path}`, { method, body, signal, agent });
  return {
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: Buffer.from(await answer.arrayBuffer()),
  };
});
record.fact('gzip', record.sha256(Buffer.from(await (await fetch(`${base}/gzip`, { agent })).text())));
const { body } = await fetch(`${base}/download`, { agent });
record.fact('stream', record.sha256(Buffer.concat(await body.toArray())));
agent.destroy();
