// What a client package is asked to do with api-server.mjs, directly or through proxies.
import assert from 'node:assert/strict';
import record from '../../../programs/lib/record.cjs';

/**
 * `call({ method, path, body, signal })` makes one request with the package and resolves with
 * `{ status, headers: { [lower case name]: string }, body: Buffer }`; it rejects when the answer breaks off.
 */
export const httpSequence = async (call) => {
  const get = (path, more = {}) => call({ method: 'GET', path, ...more });
  for (let i = 0; i < 50; i++) {
    const { status, headers, body } = await get('/json');
    assert.deepEqual([status, headers['content-type'], `${body}`], [200, 'application/json', '{"hello":"world"}']);
  }
  for (const size of [1, 1000, 65536, 3000000]) {
    const data = record.bytes(size, size);
    const { status, headers, body } = await call({ method: 'POST', path: '/echo', body: data });
    assert.deepEqual([status, headers['x-method'], body.length], [200, 'POST', size]);
    assert.ok(body.equals(data), `the ${size} bytes that came back`);
  }
  const download = await get('/download');
  assert.ok(download.body.equals(record.bytes('download', 6000000)), 'the download');
  const chunks = await get('/chunks');
  const expected = Buffer.concat(Array.from({ length: 200 }, (_, i) => record.bytes(i, 1 + i * 97)));
  assert.ok(chunks.body.equals(expected), 'the chunks');
  assert.equal(`${(await get('/redirect')).body}`, '{"hello":"world"}');
  const missing = await get('/missing');
  assert.deepEqual([missing.status, `${missing.body}`], [404, 'nothing here']);

  const crowd = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const data = record.bytes(`crowd ${i}`, 20000 + i);
      const { body } = await call({ method: 'PUT', path: '/echo', body: data });
      return body.equals(data);
    }),
  );
  assert.ok(crowd.every(Boolean), 'sixty at once');

  // A proxy tells these in its own way, or, as http-proxy, not at all.
  if (record.parameters().proxied) return;
  record.fact('torn', await failure(get('/torn')));
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  record.fact('aborted', await failure(get('/never', { signal: controller.signal })));
  assert.equal((await get('/json')).status, 200, 'after errors all goes on');
};

/** How the package tells of a failure, down to the cause. */
const failure = async (promise) => {
  const told = [];
  try {
    const { status, body } = await promise;
    told.push(`status ${status}, ${body.length} bytes`);
  } catch (error) {
    for (let cause = error; cause instanceof Error; cause = cause.cause) {
      told.push(`${record.describeError(cause)}: ${cause.message.replaceAll(/:\d+/g, ':port')}`);
    }
  }
  return told;
};
