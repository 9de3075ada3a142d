// The client of tls-server.mjs: sockets that tls.connect makes for itself, and such as it gets while they connect.
import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import record from './lib/record.cjs';

const { port, tls: folder } = record.parameters();
const host = '127.0.0.1';
const ca = readFileSync(`${folder}/cert.pem`);
const storage = new AsyncLocalStorage();

/** Connects, has some bytes echoed, and waits for the end. */
const talk = async (name, size, options = {}) => {
  const socket = storage.run(name, () => tls.connect({ port, host, ca, servername: 'localhost', ...options }));
  // How the end of a session is told about comes by chance before or after it.
  record.watch(name, socket, { skip: ['finish'] });
  socket.once('secureConnect', () => record.note(name, `in ${storage.getStore()}`));
  let keys = 0;
  socket.on('keylog', () => keys++);
  let session;
  socket.on('session', (ticket) => {
    session = ticket;
  });
  socket.on('OCSPResponse', (response) => record.note(name, `OCSP ${response}`));
  await record.until(socket, 'secureConnect');
  record.fact(`${name} secure`, [
    socket.authorized,
    socket.getProtocol(),
    socket.getCipher().name,
    socket.alpnProtocol,
    socket.isSessionReused(),
    socket.getPeerCertificate().subject?.CN,
    keys > 0,
  ]);
  socket.end(record.bytes(name, size));
  await record.until(socket, 'close');
  record.fact(`${name} session`, session !== undefined);
  return session;
};

for (const version of ['TLSv1.2', 'TLSv1.3']) {
  const session = await talk(version, 1000, { maxVersion: version, minVersion: version });
  await talk(`${version} resumed`, 1000, { maxVersion: version, minVersion: version, session });
}
await talk('big', 4 * 1048576);
await talk('protocol and status', 10, { ALPNProtocols: ['other', 'echo'], requestOCSP: true });
await talk('by name', 10, { host: 'localhost', family: 4 });
const second = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 5000 };
await talk('second address', 10, {
  ...second,
  host: 'localhost',
  lookup: (_name, _options, callback) =>
    callback(null, [
      { address: '127.0.0.9', family: 4 },
      { address: host, family: 4 },
    ]),
});
await talk('given while it connects', 100000, { socket: net.connect({ port, host }) });
await Promise.all(Array.from({ length: 20 }, (_, i) => record.delay(i).then(() => talk(`parallel ${i}`, 20000))));
