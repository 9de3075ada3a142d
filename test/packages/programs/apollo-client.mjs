// Queries, mutations, batches and errors by fetch, and a crowd of them.
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const { port } = record.parameters();
const call = async (body, headers = {}) => {
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-header': 'here it is', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return [response.status, response.headers.get('content-type'), text.length > 2000 ? record.sha256(text) : text];
};
record.fact('one', await call({ query: '{ book(id: 7) { title author { name } } header }' }));
record.fact('all', await call({ query: '{ books { id title author { name } } }' }));
record.fact(
  'mutation',
  await call({
    query: 'mutation ($title: String!) { rename(id: 1, title: $title) { id title } }',
    variables: { title: 'x'.repeat(400000) },
  }),
);
record.fact('batch', await call([{ query: '{ header }' }, { query: '{ book(id: 1) { id } }' }]));
record.fact('broken', await call({ query: '{ broken }' }));
record.fact('invalid', await call({ query: '{ nothing }' }));
const get = await fetch(`http://127.0.0.1:${port}/?query=${encodeURIComponent('{ book(id: 3) { id } }')}`, {
  headers: { 'apollo-require-preflight': 'true' },
});
record.fact('get', [get.status, await get.text()]);
const crowd = await Promise.all(
  Array.from({ length: 100 }, (_, i) => call({ query: `{ book(id: ${i}) { id title } }` })),
);
record.fact(
  'crowd',
  crowd.every(([status, , text], i) => status === 200 && JSON.parse(text).data.book.id === i),
);
