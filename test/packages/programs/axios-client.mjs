// The client of api-server.mjs on axios, whose Node adapter uses node:http and follow-redirects.
import http from 'node:http';
import axios from 'axios';
import record from '../../programs/lib/record.cjs';
import { httpSequence } from './lib/http-sequence.mjs';

const httpAgent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const client = axios.create({
  baseURL: `http://127.0.0.1:${record.parameters().port}`,
  adapter: 'http',
  httpAgent,
  responseType: 'arraybuffer',
  validateStatus: () => true,
  maxBodyLength: Infinity,
});
await httpSequence(async ({ method, path, body, signal }) => {
  const answer = await client.request({ method, url: path, data: body, signal });
  return { status: answer.status, headers: answer.headers, body: answer.data };
});
const packed = await client.get('/gzip', { responseType: 'text' });
record.fact('gzip', record.sha256(Buffer.from(packed.data)));
const { data } = await client.get('/download', { responseType: 'stream' });
record.fact('stream', record.sha256(Buffer.concat(await data.toArray())));
httpAgent.destroy();
