// `redis` (node-redis): commands, large binary values, transactions, publish and subscribe, a pool, its ways to end.
import { createClient, createClientPool, RESP_TYPES } from 'redis';
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const { port } = record.parameters();
const options = { RESP: 2, socket: { port, host: '127.0.0.1', reconnectStrategy: () => 10 } };
const client = createClient(options);
const events = [];
for (const event of ['connect', 'ready', 'reconnecting', 'end', 'error']) {
  client.on(event, () => events.push(event));
}
record.fact('events', events);
await client.connect();
await client.del(['counter', 'list', 'hash', 'big', 'none', 'bad', 'queue']);
record.fact('simple', [
  await client.set('a', 'b'),
  await client.get('a'),
  await client.get('none'),
  await client.ping(),
]);
const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
for (const size of [0, 1, 16384, 65536, 3000000]) {
  const data = record.bytes(size, size);
  await client.set('big', data);
  record.fact(`big ${size}`, record.sha256(await binary.get('big')) === record.sha256(data));
}
const numbers = await Promise.all(Array.from({ length: 2000 }, () => client.incr('counter')));
record.fact(
  'in order',
  numbers.every((value, i) => value === i + 1),
);
await client.rPush(
  'list',
  Array.from({ length: 1000 }, (_, i) => `item ${i}`),
);
record.fact('list', record.sha256((await client.lRange('list', 0, -1)).join()));
await client.hSet('hash', { one: '1', two: '\u20ac', three: 'x'.repeat(20000) });
record.fact('hash', record.sha256(JSON.stringify(await client.hGetAll('hash'))));
record.fact('transaction', await client.multi().set('a', 'in it').get('a').incr('counter').exec());
record.fact(
  'wrong',
  await client
    .set('bad', 'text')
    .then(() => client.incr('bad'))
    .catch((error) => error.message),
);

const subscriber = client.duplicate();
await subscriber.connect();
const received = [];
const all = Promise.withResolvers?.() ?? {};
const done = all.promise ?? new Promise((resolve) => Object.assign(all, { resolve }));
await subscriber.subscribe('news', (message) => received.push(message.length) === 300 && all.resolve());
for (let i = 0; i < 300; i++) {
  client.publish('news', 'x'.repeat(i * 10));
}
await done;
record.fact(
  'published',
  received.every((length, i) => length === i * 10),
);
await subscriber.unsubscribe('news');
await subscriber.close();

const pool = createClientPool(options, { minimum: 2, maximum: 8 });
await pool.connect();
const crowd = await Promise.all(Array.from({ length: 400 }, (_, i) => pool.set(`pool ${i}`, `${i}`)));
record.fact(
  'pool',
  crowd.every((answer) => answer === 'OK'),
);
record.fact('pool value', await pool.get('pool 399'));
await pool.close();
client.destroy();
