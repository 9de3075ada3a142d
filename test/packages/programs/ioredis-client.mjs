// ioredis: commands, pipelines, transactions, large binary values, blocking commands, publish and subscribe, a connection
// that the server closes, and two ways to end.
import { Redis } from 'ioredis';
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const { port } = record.parameters();
const options = { port, host: '127.0.0.1', retryStrategy: () => 10 };
const redis = new Redis(options);
const events = [];
for (const event of ['connect', 'ready', 'close', 'reconnecting', 'end']) {
  redis.on(event, () => events.push(event));
}
record.fact('events', events);
await redis.del('counter', 'list', 'hash', 'big', 'none', 'bad', 'queue');
record.fact('simple', [await redis.set('a', 'b'), await redis.get('a'), await redis.get('none'), await redis.ping()]);
for (const size of [0, 1, 16384, 65536, 3000000]) {
  const data = record.bytes(size, size);
  await redis.set('big', data);
  record.fact(`big ${size}`, record.sha256(await redis.getBuffer('big')) === record.sha256(data));
}

const pipeline = redis.pipeline();
for (let i = 0; i < 2000; i++) {
  pipeline.incr('counter');
}
const results = await pipeline.exec();
record.fact(
  'pipeline in order',
  results.every(([error, value], i) => error === null && value === i + 1),
);
const crowd = await Promise.all(Array.from({ length: 1000 }, (_, i) => redis.rpush('list', `item ${i}`)));
record.fact(
  'one after the other',
  crowd.every((length, i) => length === i + 1),
);
record.fact('list', record.sha256((await redis.lrange('list', 0, -1)).join()));
await redis.hset('hash', { one: '1', two: '\u20ac', three: 'x'.repeat(20000) });
record.fact('hash', record.sha256(JSON.stringify(await redis.hgetall('hash'))));
record.fact('transaction', await redis.multi().set('a', 'in it').get('a').incr('counter').exec());
record.fact(
  'wrong',
  await redis
    .set('bad', 'text')
    .then(() => redis.incr('bad'))
    .catch((error) => error.message),
);

const subscriber = redis.duplicate();
await subscriber.subscribe('news', 'weather');
const received = [];
const all = new Promise((resolve) => {
  subscriber.on('message', (channel, message) => received.push(`${channel} ${message.length}`) === 300 && resolve());
});
for (let i = 0; i < 300; i++) {
  redis.publish(i % 3 === 0 ? 'weather' : 'news', 'x'.repeat(i * 10));
}
await all;
record.fact(
  'published',
  received.every((line, i) => line === `${i % 3 === 0 ? 'weather' : 'news'} ${i * 10}`),
);
const blocked = redis.duplicate();
const popped = blocked.blpop('queue', 0);
await record.delay(20);
await redis.rpush('queue', 'at last');
record.fact('blocking', await popped);

// The server ends a connection; the next command goes over a new one.
const id = await blocked.client('ID');
const again = record.until(blocked, 'ready');
await redis.client('KILL', 'ID', id);
await again;
record.fact('after the kill', await blocked.get('a'));
record.fact('quit', await blocked.quit());
subscriber.disconnect();
await Promise.all([record.until(subscriber, 'end'), redis.quit()]);
