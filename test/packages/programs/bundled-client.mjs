// What is bundled: undici from npm, beside the one inside Node, and net and http.
import assert from 'node:assert/strict';
import { get } from 'node:http';
import net, { connect } from 'net';
import { Agent, fetch as bundledFetch, request, WebSocket } from 'undici';
import record from '../../programs/lib/record.cjs';

// (No await at the top: CommonJS has none.)
const main = async () => {
  const { port, echoPort } = record.parameters();
  const host = '127.0.0.1';
  const base = `http://${host}:${port}`;

  const dispatcher = new Agent({ connections: 2, pipelining: 4 });
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, value) => {
      const { statusCode, body } = await request(`${base}/double`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ value }),
        dispatcher,
      });
      return [statusCode, (await body.json()).double];
    }),
  );
  assert.deepEqual(
    answers,
    answers.map((_, value) => [200, value * 2]),
  );
  const hash = async (response) => record.sha256(Buffer.from(await response.arrayBuffer()));
  const expected = record.sha256(record.bytes('bundled', 300_000));
  assert.equal(await hash(await bundledFetch(`${base}/big`, { dispatcher })), expected);
  assert.equal(await hash(await fetch(`${base}/big`)), expected);
  record.fact('undici', [bundledFetch === fetch, typeof WebSocket]);
  await dispatcher.close();

  const response = await record.until(get(`${base}/big`, { agent: false }), 'response');
  assert.equal(record.sha256(Buffer.concat(await response.toArray())), expected);

  const ways = { connect, createConnection: net.createConnection, handMade: (to) => new net.Socket().connect(to) };
  for (const [way, make] of Object.entries(ways)) {
    const socket = make({ port: echoPort, host });
    const data = record.bytes(way, 100_000);
    socket.end(data);
    record.fact(way, record.sha256(Buffer.concat(await socket.toArray())) === record.sha256(data));
  }
};
main();
