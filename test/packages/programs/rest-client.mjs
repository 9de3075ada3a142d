// The client of express-server.cjs and fastify-server.mjs: one HTTP agent for the sequence, fetch for the crowd.
import http from 'node:http';
import record from '../../programs/lib/record.cjs';

const { port } = record.parameters();
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

const call = (method, path, body = undefined, type = 'application/json') =>
  new Promise((resolve, reject) => {
    const outgoing = http.request({ port, host: '127.0.0.1', method, path, agent }, (response) => {
      response.toArray().then(
        (chunks) =>
          resolve({
            status: response.statusCode,
            type: response.headers['content-type'],
            location: response.headers.location,
            body: Buffer.concat(chunks),
          }),
        reject,
      );
    });
    outgoing.on('error', reject);
    if (body !== undefined) {
      outgoing.setHeader('content-type', type);
      outgoing.setHeader('content-length', Buffer.byteLength(body));
    }
    outgoing.end(body);
  });
const remember = async (name, promise) => {
  const answer = await promise;
  record.fact(name, {
    ...answer,
    body: answer.body.length > 2000 ? record.sha256(answer.body) : answer.body.toString(),
  });
};

await remember('none yet', call('GET', '/items'));
for (let i = 0; i < 30; i++) {
  const { status } = await call('POST', '/items', JSON.stringify({ name: `item ${i}`, text: '\u20ac'.repeat(i * 10) }));
  if (status !== 201) {
    throw new Error(`POST answered ${status}`);
  }
}
await remember('all', call('GET', '/items'));
await remember('one', call('GET', '/items/7'));
await remember('missing', call('GET', '/items/700'));
await remember('broken', call('GET', '/broken'));
await remember('download', call('GET', '/download'));
const data = record.bytes('upload', 6000000);
record.fact('sent', record.sha256(data));
await remember('upload', call('PUT', '/upload', data, 'application/octet-stream'));
const who = JSON.parse((await call('GET', '/who')).body);
record.fact('who', who);
const crowd = await Promise.all(
  Array.from({ length: 40 }, async (_, i) => (await fetch(`http://127.0.0.1:${port}/items/${i % 30}`)).json()),
);
record.fact(
  'crowd',
  crowd.every(({ name }, i) => name === `item ${i % 30}`),
);
agent.destroy();
