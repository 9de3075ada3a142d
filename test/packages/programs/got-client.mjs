// The client of api-server.mjs on got.
import http from 'node:http';
import got from 'got';
import record from '../../programs/lib/record.cjs';
import { httpSequence } from './lib/http-sequence.mjs';

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const client = got.extend({
  prefixUrl: `http://127.0.0.1:${record.parameters().port}`,
  agent: { http: agent },
  responseType: 'buffer',
  throwHttpErrors: false,
  retry: { limit: 0 },
});
await httpSequence(async ({ method, path, body, signal }) => {
  const answer = await client(path.slice(1), { method, body, signal });
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.from(answer.body) };
});
record.fact('gzip', record.sha256(Buffer.from((await client('gzip')).body)));
record.fact('stream', record.sha256(Buffer.concat(await client.stream('download').toArray())));
// Its own timeouts, by phase.
const late = await client('never', { timeout: { response: 100 } }).catch((error) => error);
record.fact('timeout', [late.name, late.code, late.event]);
agent.destroy();
