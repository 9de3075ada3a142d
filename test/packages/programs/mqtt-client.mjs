// mqtt: the three qualities of service, retained messages, wildcards, large payloads, a last will, a second session.
import mqtt from 'mqtt';
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const { port } = record.parameters();
const url = `mqtt://127.0.0.1:${port}`;
const options = { reconnectPeriod: 10, clean: true };
const publisher = await mqtt.connectAsync(url, { ...options, clientId: 'publisher' });
const subscriber = await mqtt.connectAsync(url, { ...options, clientId: 'subscriber', protocolVersion: 4 });

/** Resolves with the next `count` messages, as what `pick` makes of them. */
const messages = (count, pick) =>
  new Promise((resolve) => {
    const seen = [];
    subscriber.on('message', function take(topic, payload, packet) {
      seen.push(pick(topic, payload, packet));
      if (seen.length === count) {
        subscriber.off('message', take);
        resolve(seen);
      }
    });
  });

for (const qos of [0, 1, 2]) {
  await subscriber.subscribeAsync(`many/${qos}`, { qos });
  const all = messages(300, (_topic, payload) => payload.toString());
  await Promise.all(
    Array.from({ length: 300 }, (_, i) => publisher.publishAsync(`many/${qos}`, `message ${i}`, { qos })),
  );
  const received = await all;
  record.fact(
    `300 of quality ${qos}`,
    received.every((message, i) => message === `message ${i}`),
  );
}
await subscriber.subscribeAsync('large/#', { qos: 1 });
for (const size of [0, 1, 65536, 5000000]) {
  const data = record.bytes(size, size);
  const one = messages(1, (topic, payload) => [topic, payload.length, record.sha256(payload) === record.sha256(data)]);
  await publisher.publishAsync(`large/${size}`, data, { qos: 1 });
  record.fact(`large ${size}`, (await one)[0]);
}
await publisher.publishAsync('kept/a', 'the last word', { retain: true, qos: 1 });
const kept = messages(1, (topic, payload, packet) => [topic, payload.toString(), packet.retain]);
await subscriber.subscribeAsync('kept/+');
record.fact('retained', (await kept)[0]);
await publisher.publishAsync('kept/a', '', { retain: true, qos: 1 });

// One that goes without a word: the broker says its last will, then it comes back by itself.
const unlucky = await mqtt.connectAsync(url, {
  ...options,
  clientId: 'unlucky',
  will: { topic: 'will/unlucky', payload: Buffer.from('gone'), qos: 1, retain: false },
});
await subscriber.subscribeAsync('will/#', { qos: 1 });
const will = messages(1, (topic, payload) => [topic, payload.toString()]);
const back = record.until(unlucky, 'connect');
unlucky.stream.destroy();
record.fact('last will', (await will)[0]);
await back;
record.fact('back', unlucky.connected);

// The same name again: the broker closes the older connection.
const closed = record.until(unlucky, 'close');
unlucky.options.reconnectPeriod = 0;
const second = await mqtt.connectAsync(url, { ...options, clientId: 'unlucky' });
await closed;
record.fact('taken over', !unlucky.connected);
await Promise.all([publisher, subscriber, second, unlucky].map((one) => one.endAsync()));
