// nodemailer: in the clear, over STARTTLS, with attachments, through a pool, with a wrong password and a wrong recipient.
import { readFileSync } from 'node:fs';
import nodemailer from 'nodemailer';
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const { port, tls } = record.parameters();
const ca = readFileSync(`${tls}/cert.pem`);
const options = {
  host: '127.0.0.1',
  port,
  name: 'client.test',
  requireTLS: true,
  tls: { ca, servername: 'localhost' },
  auth: { user: 'user', pass: 'secret' },
};
/** With everything fixed that a message otherwise takes from the clock or from chance. */
const mail = (i, more = {}) => ({
  from: 'me@client.test',
  to: 'you@server.test',
  subject: `Message ${i} \u20ac`,
  text: `This is message ${i}\r\n.\r\n..dots\r\n`.repeat(1 + i * 10),
  date: new Date(0),
  messageId: `<${i}@client.test>`,
  boundaryPrefix: 'boundary',
  baseBoundary: 'fixed',
  ...more,
});
/** What the server says it received. */
const received = ({ response }) => JSON.parse(response.slice(response.indexOf('{')));

const one = nodemailer.createTransport(options);
record.fact('verified', await one.verify());
const small = received(await one.sendMail(mail(1)));
record.fact('small', small);
const attachments = [
  { filename: 'a.bin', content: record.bytes('a', 3000000) },
  { filename: 'b.txt', content: 'b' },
];
record.fact('attachments', received(await one.sendMail(mail(2, { attachments }))));
const complaint = ({ code, responseCode, command }) => [code, responseCode, command];
const rejected = nodemailer.createTransport({ ...options, auth: { user: 'user', pass: 'wrong' } });
record.fact('wrong password', await rejected.sendMail(mail(3)).catch(complaint));
record.fact('unknown recipient', await one.sendMail(mail(4, { to: 'nobody@server.test' })).catch(complaint));
record.fact(
  'unknown authority',
  await nodemailer
    .createTransport({ ...options, tls: { servername: 'localhost' } })
    .sendMail(mail(5))
    .catch(({ code, command }) => [code, command]),
);

const pool = nodemailer.createTransport({ ...options, pool: true, maxConnections: 3, maxMessages: 7 });
const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => pool.sendMail(mail(i))));
record.fact(
  'pool',
  answers.map((answer) => received(answer).hash),
);
pool.close();
