// What TLS makes of a chunk, both ends in this program. { tls: folder } names the key and certificate.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import record from './lib/record.cjs';

const { tls: folder } = record.parameters();
const options = { key: readFileSync(`${folder}/key.pem`), cert: readFileSync(`${folder}/cert.pem`) };

const serve = async (accept) => {
  const server = tls.createServer(options, accept).listen(0, '127.0.0.1');
  await record.until(server, 'listening');
  return { server, port: server.address().port };
};

/** Several records in one chunk, and the program throws at each: each is told before the next record is. */
const throwing = async () => {
  const story = [];
  record.fact('records that throw', story);
  const uncaught = (error) => story.push(`uncaught ${error.message}`);
  process.on('uncaughtException', uncaught);
  const { server, port } = await serve((socket) => {
    socket.on('data', (data) => {
      story.push(`data ${data}`);
      process.nextTick(() => story.push(`tick ${data}`));
      throw new Error(`in ${data}`);
    });
    socket.on('end', () => server.close());
    socket.on('error', () => {});
  });
  const raw = net.connect(port, '127.0.0.1').on('error', () => {});
  let held = null;
  const between = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      if (held === null) raw.write(chunk);
      else held.push(chunk);
      done();
    },
  });
  raw.on('data', (chunk) => between.push(chunk));
  const client = tls.connect({ socket: between, rejectUnauthorized: false }).on('error', () => {});
  await record.until(client, 'secureConnect');
  await delay(50); // session tickets
  held = [];
  for (const text of ['a', 'b', 'c']) client.write(text);
  await delay(50);
  raw.end(Buffer.concat(held));
  raw.resume();
  await record.until(server, 'close');
  process.off('uncaughtException', uncaught);
};

/** It has been paused, reads on, and is written to before all that had waited is delivered: the rest comes still. */
const writtenTo = async () => {
  const BYTES = 1_000_000;
  const { server, port } = await serve((socket) => {
    socket.end(Buffer.alloc(BYTES));
    socket.resume().on('end', () => server.close());
  });
  const client = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  let received = 0;
  client.pause();
  client.on('data', ({ length }) => {
    if (received < BYTES / 3 && received + length >= BYTES / 3) setImmediate(() => client.write('x'));
    received += length;
  });
  await record.until(client, 'secureConnect');
  await delay(100);
  client.resume();
  await record.until(client, 'close');
  record.fact('received', received);
};

await throwing();
await writtenTo();
