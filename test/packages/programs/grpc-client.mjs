// The client of grpc-server.mjs.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import record from '../../programs/lib/record.cjs';

const file = fileURLToPath(new URL('lib/echo.proto', import.meta.url));
const { test } = grpc.loadPackageDefinition(loader.loadSync(file));
const client = new test.Echo(`127.0.0.1:${record.parameters().port}`, grpc.credentials.createInsecure(), {
  'grpc.max_receive_message_length': 16 << 20,
});
const unary = (method, request, options = {}) =>
  new Promise((resolve, reject) => {
    client[method](request, new grpc.Metadata(), options, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
const failure = (promise) =>
  promise.then(
    () => 'no error',
    // A deadline passes at both ends at once: the server's answer says no more than that, the client's own how the time went.
    ({ code, details, metadata }) => [
      grpc.status[code],
      /^Deadline exceeded\b|^[^.,]*/.exec(details)[0],
      metadata.getMap()['x-why'],
    ],
  );

for (const size of [0, 1, 1000, 65536, 5000000]) {
  const data = record.bytes(size, size);
  const answer = await unary('Unary', { number: size, data });
  assert.deepEqual([answer.number, data.equals(answer.data)], [size, true]);
}
const crowd = await Promise.all(
  Array.from({ length: 200 }, async (_, number) => (await unary('Unary', { number })).number),
);
assert.deepEqual(
  crowd,
  crowd.map((_, i) => i),
);

let count = 0;
for await (const { number, data } of client.Download({ count: 500, size: 10000 })) {
  assert.equal(number, count++);
  assert.ok(data.equals(record.bytes(number, 10000)));
}
assert.equal(count, 500);

const hash = createHash('sha256');
const sum = await new Promise((resolve, reject) => {
  const upload = client.Upload((error, answer) => (error ? reject(error) : resolve(answer)));
  for (let number = 0; number < 300; number++) {
    const data = record.bytes(number, 8000);
    hash.update(data);
    upload.write({ number, data });
  }
  upload.end();
});
assert.deepEqual(sum, { count: 300, sha256: hash.digest('hex') });

// One at a time there and back, then all at once.
const talk = client.Talk();
for (let number = 0; number < 300; number++) {
  const answer = new Promise((resolve) => talk.once('data', resolve));
  talk.write({ number, data: record.bytes(number, number) });
  assert.equal((await answer).number, number);
}
const numbers = [];
talk.on('data', ({ number }) => numbers.push(number));
for (let number = 0; number < 1000; number++) talk.write({ number, data: Buffer.alloc(200, number) });
talk.end();
await new Promise((resolve) => talk.once('status', resolve));
assert.deepEqual(
  numbers,
  Array.from({ length: 1000 }, (_, i) => i),
);

record.fact('failed', await failure(unary('Fail', {})));
// On a busy machine a deadline may be over before the call is at the server, which then hears nothing of it.
for (let patience = 200, arrived = false; !arrived; patience *= 2) {
  const late = new Promise((resolve, reject) => {
    const deadline = Date.now() + patience;
    client
      .Never({ name: 'late' }, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)))
      .once('metadata', () => {
        arrived = true;
      });
  });
  const told = await failure(late);
  if (arrived) record.fact('deadline', told);
}
const call = client.Never({ name: 'given up' }, () => {});
const ended = new Promise((resolve) => call.once('status', resolve));
call.once('metadata', () => call.cancel());
record.fact('cancelled', grpc.status[(await ended).code]);
assert.equal((await unary('Unary', { number: 7 })).number, 7);
client.close();
