// A TLS server that echoes and says what it knows of each client. { tls: folder } names the key and certificate. The
// client: tls-client.mjs.
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import record from './lib/record.cjs';

const { tls: folder } = record.parameters();
const options = { key: readFileSync(`${folder}/key.pem`), cert: readFileSync(`${folder}/cert.pem`) };
let connections = 0;
/** Those come one after another; then some at once, whose order is a matter of chance. */
const IN_ORDER = 9;
const server = tls.createServer({ ...options, ALPNProtocols: ['echo'] }, (socket) => {
  socket.pipe(socket);
  if (connections === IN_ORDER) return;
  const label = `accepted ${connections++}`;
  record.watch(label, socket, { bytes: false });
  record.note(label, `${socket.servername} ${socket.alpnProtocol} ${socket.isSessionReused()} ${socket.getProtocol()}`);
});
server.on('OCSPRequest', (_certificate, _issuer, callback) => callback(null, Buffer.from('fine')));
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => server.close());
