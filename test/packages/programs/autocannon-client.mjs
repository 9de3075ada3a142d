// autocannon in a process of its own, against api-server.mjs: so many requests, each answer compared.
import assert from 'node:assert/strict';
import autocannon from 'autocannon';
import record from '../../programs/lib/record.cjs';

const base = `http://127.0.0.1:${record.parameters().port}`;
const body = 'sixteen letters.'.repeat(64);
for (const [name, options] of [
  ['one connection', { url: `${base}/json`, connections: 1, amount: 500, expectBody: '{"hello":"world"}' }],
  ['many', { url: `${base}/json`, connections: 50, amount: 3000, expectBody: '{"hello":"world"}' }],
  ['posted', { url: `${base}/echo`, connections: 10, amount: 1000, method: 'POST', body, expectBody: body }],
]) {
  // What is slow here is the machine.
  const result = await autocannon({ timeout: 300, ...options });
  assert.equal(result.requests.total, options.amount, name);
  record.fact(name, {
    good: result['2xx'],
    others: result.non2xx,
    errors: result.errors,
    timeouts: result.timeouts,
    mismatches: result.mismatches,
    resets: result.resets,
  });
}
