// The client of starttls-server.mjs: tls.connect({ socket }) on a raw socket that already carried plain text.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import record from './lib/record.cjs';

const { port, tls: folder } = record.parameters();
const ca = readFileSync(`${folder}/cert.pem`);

const talk = async (name, size, options = {}) => {
  const socket = net.connect({ port, host: '127.0.0.1' });
  record.watch(name, socket, { read: false, bytes: false, skip: ['finish'] });
  const greeting = await record.until(socket, 'data');
  socket.write('STARTTLS\r\n');
  const answer = await record.until(socket, 'data');
  record.fact(`${name} plain`, [greeting.toString(), answer.toString()]);
  const secure = tls.connect({ socket, ca, servername: 'localhost', ...options });
  const failure = await Promise.race([
    record.until(secure, 'secureConnect'),
    new Promise((resolve) => secure.on('error', resolve)),
  ]);
  if (failure !== undefined) {
    record.fact(`${name} failure`, record.describeError(failure));
    return;
  }
  record.fact(`${name} secure`, [
    secure.authorized,
    secure.getProtocol(),
    secure.getPeerCertificate().subject.CN,
    secure.remoteAddress,
  ]);
  const data = record.bytes(name, size);
  const hash = createHash('sha256');
  let received = 0;
  secure.on('data', (chunk) => {
    hash.update(chunk);
    received += chunk.length;
    if (received === size) {
      secure.end();
    }
  });
  secure.write(data);
  await record.until(secure, 'close');
  record.fact(`${name} bytes`, [received, hash.digest('hex') === record.sha256(data)]);
};

await talk('small', 100);
await talk('big', 4 * 1048576);
await talk('old protocol', 70000, { maxVersion: 'TLSv1.2' });
await Promise.all(Array.from({ length: 10 }, (_, i) => record.delay(i * 5).then(() => talk(`parallel ${i}`, 50000))));
await talk('not trusted', 1, { ca: [] });
