// A mail server with STARTTLS and a login: smtp-server. The client: nodemailer-client.mjs.
import { readFileSync } from 'node:fs';
import { SMTPServer } from 'smtp-server';
import record from '../../programs/lib/record.cjs';

const { tls } = record.parameters();
const server = new SMTPServer({
  key: readFileSync(`${tls}/key.pem`),
  cert: readFileSync(`${tls}/cert.pem`),
  size: 20_000_000,
  disableReverseLookup: true,
  onAuth({ username, password }, _session, done) {
    if (username === 'user' && password === 'secret') {
      done(null, { user: username });
    } else {
      done(new Error('Invalid username or password'));
    }
  },
  onRcptTo({ address }, _session, done) {
    done(address.startsWith('nobody@') ? Object.assign(new Error('Unknown recipient'), { responseCode: 550 }) : null);
  },
  onData(stream, session, done) {
    const pieces = [];
    stream.on('data', (piece) => pieces.push(piece));
    stream.on('end', () => {
      const { secure, user, envelope } = session;
      const mail = Buffer.concat(pieces);
      // The answer to the message says what was received: the client compares.
      done(
        null,
        JSON.stringify({ secure, user, to: envelope.rcptTo.length, size: mail.length, hash: record.sha256(mail) }),
      );
    });
  },
});
server.on('error', () => {
  // A client that went in the middle of something, as one of this test does.
});
server.listen(0, '127.0.0.1', () => record.ready({ port: server.server.address().port }));
record.onStop(() => {
  record.fact('connections left', server.connections.size);
  server.close();
});
