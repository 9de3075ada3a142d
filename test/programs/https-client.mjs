// The client of https-server.mjs: https.request with an agent, and tls.connect by itself.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import tls from 'node:tls';
import record from './lib/record.cjs';

const { port, tls: folder } = record.parameters();
const ca = readFileSync(`${folder}/cert.pem`);
const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca });

const request = (method, path, body = undefined) =>
  new Promise((resolve, reject) => {
    const outgoing = https.request(
      { port, host: '127.0.0.1', servername: 'localhost', method, path, agent },
      (response) => {
        response
          .toArray()
          .then((chunks) => resolve([response.statusCode, Buffer.concat(chunks), outgoing.reusedSocket]), reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });

let reused = 0;
for (let i = 0; i < 20; i++) {
  const [status, body, again] = await request('POST', '/', `request ${i}`);
  reused += again ? 1 : 0;
  if (status !== 200 || body.toString() !== record.sha256(`request ${i}`)) {
    throw new Error(`request ${i}: ${status} ${body}`);
  }
}
record.fact('reused', reused);
const [, big] = await request('GET', '/big');
record.fact('big', [big.length, record.sha256(big)]);
agent.destroy();

const socket = tls.connect({ port, host: '127.0.0.1', ca, servername: 'localhost' });
record.watch('tls', socket, { bytes: false });
await record.until(socket, 'secureConnect');
record.fact('tls', [socket.authorized, socket.getProtocol(), socket.encrypted]);
socket.write('GET / HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n');
await record.until(socket, 'close');
const refused = tls.connect({ port, host: '127.0.0.1', servername: 'localhost' });
record.watch('not trusted', refused, { bytes: false });
await record.until(refused, 'close');
