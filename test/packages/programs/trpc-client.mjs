// The client of trpc-server.mjs: batched and single HTTP (Node's fetch), then WebSocket.
import { createTRPCClient, createWSClient, httpBatchLink, httpLink, wsLink } from '@trpc/client';
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import record from '../../programs/lib/record.cjs';

const { port } = record.parameters();
const url = `127.0.0.1:${port}`;
globalThis.WebSocket ??= WebSocket;
const socket = createWSClient({ url: `ws://${url}`, WebSocket });
const data = record.bytes('digest', 2000000);

for (const [name, link] of [
  ['batched', httpBatchLink({ url: `http://${url}`, maxURLLength: 4000 })],
  ['single', httpLink({ url: `http://${url}` })],
  ['websocket', wsLink({ client: socket })],
]) {
  const client = createTRPCClient({ links: [link] });
  const greetings = await Promise.all(Array.from({ length: 50 }, (_, i) => client.greet.query(`number ${i}`)));
  assert.deepEqual(
    greetings,
    greetings.map((_, i) => `hello number ${i}`),
  );
  assert.equal(await client.big.query(), record.bytes('big', 3000000).toString('base64'));
  assert.equal(await client.digest.mutate(data.toString('base64')), record.sha256(data));
  const failed = await client.fail.query().catch((error) => error);
  record.fact(name, [failed.name, failed.message, failed.data?.code]);
}
const counted = await new Promise((resolve, reject) => {
  const numbers = [];
  createTRPCClient({ links: [wsLink({ client: socket })] }).count.subscribe(500, {
    onData: ({ i, text }) => numbers.push(i === text.length && i),
    onComplete: () => resolve(numbers),
    onError: reject,
  });
});
assert.deepEqual(
  counted,
  counted.map((_, i) => i),
);
record.fact('counted', counted.length);
await socket.close();
