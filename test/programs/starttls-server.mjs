// A raw socket that becomes TLS after a line of plain text, as SMTP, IMAP and PostgreSQL do. { tls: folder } names the
// key and certificate. The client: starttls-client.mjs.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import record from './lib/record.cjs';

const { tls: folder } = record.parameters();
const secureContext = tls.createSecureContext({
  key: readFileSync(`${folder}/key.pem`),
  cert: readFileSync(`${folder}/cert.pem`),
});
let connections = 0;

const server = net.createServer((socket) => {
  const label = `accepted ${connections++}`;
  record.watch(label, socket, { read: false, bytes: false });
  socket.write('220 ready\r\n');
  socket.once('data', (line) => {
    record.note(label, line.toString().trim());
    socket.write('220 go ahead\r\n');
    const secure = new tls.TLSSocket(socket, { isServer: true, secureContext });
    secure.on('secure', () => record.note(label, `${secure.getProtocol()} ${secure.authorized}`));
    secure.on('error', (error) => record.note(label, record.describeError(error)));
    secure.pipe(secure);
  });
});
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => server.close());
