// The client of yoga-server.mjs on Node's fetch, as GraphQL clients are.
import assert from 'node:assert/strict';
import record from '../../programs/lib/record.cjs';

const url = `http://127.0.0.1:${record.parameters().port}/graphql`;
const send = (query, variables = {}, accept = 'application/json') =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify({ query, variables }),
  });
const ask = async (query, variables) => (await send(query, variables)).json();

const texts = Array.from({ length: 40 }, (_, i) => record.bytes(`note ${i}`, 1000 * i).toString('hex'));
const ids = [];
for (const text of texts) {
  const { data } = await ask('mutation ($text: String!) { add(text: $text) { id text } }', { text });
  assert.equal(data.add.text, text);
  ids.push(data.add.id);
}
const { data } = await ask('{ notes { id text } }');
assert.ok(texts.every((text, i) => data.notes[ids[i]].text === text));
const some = await Promise.all(Array.from({ length: 30 }, (_, i) => ask(`{ notes(first: ${i}) { id } }`)));
assert.ok(some.every((answer, i) => answer.data.notes.length === i));
record.fact('failed', await ask('{ fail }'));
record.fact('wrong', await ask('{ nothing }'));

const events = await send('subscription { count(to: 300) }', {}, 'text/event-stream');
record.fact('type', events.headers.get('content-type'));
const counted = [...(await events.text()).matchAll(/"count":(\d+)/g)].map(([, number]) => Number(number));
assert.deepEqual(
  counted,
  Array.from({ length: 300 }, (_, i) => i + 1),
);
// Given up in the middle: the server's generator ends with it.
const controller = new AbortController();
const half = await fetch(`${url}?query=${encodeURIComponent('subscription { count(to: 100000) }')}`, {
  headers: { accept: 'text/event-stream' },
  signal: controller.signal,
});
await half.body.getReader().read();
controller.abort();
