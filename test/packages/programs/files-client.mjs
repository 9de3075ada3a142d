// Downloads: whole, in ranges, not modified, slow to read.
import http from 'node:http';
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const SIZE = 12 * 1024 * 1024;
const { files } = record.parameters();
const large = record.bytes('large', SIZE);
const hashOf = (from, to) => record.sha256(large.subarray(from, to));

for (const [name, port] of Object.entries(files)) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const open = (path, headers = {}) =>
    new Promise((resolve, reject) => {
      http.get({ port, host: '127.0.0.1', path, headers, agent }, resolve).on('error', reject);
    });
  const get = async (path, headers) => {
    const response = await open(path, headers);
    const body = Buffer.concat(await response.toArray());
    return { status: response.statusCode, headers: response.headers, hash: record.sha256(body), length: body.length };
  };
  const whole = await get('/large.bin');
  record.fact(`${name}: whole`, [whole.status, whole.length, whole.hash === hashOf(0, SIZE)]);
  const ranges = Array.from({ length: 8 }, (_, i) => [i * (SIZE / 8), (i + 1) * (SIZE / 8)]);
  const parts = await Promise.all(ranges.map(([from, to]) => get('/large.bin', { range: `bytes=${from}-${to - 1}` })));
  record.fact(
    `${name}: in ranges`,
    parts.map(({ status, hash, headers }, i) => [status, hash === hashOf(...ranges[i]), headers['content-range']]),
  );
  const last = await get('/large.bin', { range: 'bytes=-1000' });
  // One of them does not know ranges that count from the end: 416, and nothing.
  const end = last.status === 206 ? hashOf(SIZE - 1000, SIZE) : hashOf(0, 0);
  record.fact(`${name}: the end`, [last.status, last.length, last.hash === end]);
  record.fact(`${name}: outside`, (await get('/large.bin', { range: `bytes=${SIZE}-` })).status);
  const page = await get('/page.txt');
  record.fact(`${name}: page`, [page.status, page.hash, page.headers['content-type']]);
  // The other one leaves the file open when it answers with 304, on TCP too.
  if (name === 'http-server') {
    const again = await get('/page.txt', {
      'if-none-match': page.headers.etag ?? '',
      'if-modified-since': page.headers['last-modified'] ?? '',
    });
    record.fact(`${name}: not modified`, [again.status, again.length]);
  }
  record.fact(`${name}: none`, (await get('/none')).status);

  // One that reads a little, rests, and reads on. None is broken off: both servers then keep the file open, on TCP too.
  const slow = await open('/large.bin');
  const pieces = [];
  for await (const piece of slow) {
    pieces.push(piece);
    if (pieces.length % 100 === 0) {
      await record.delay(1);
    }
  }
  record.fact(`${name}: slow`, record.sha256(Buffer.concat(pieces)) === hashOf(0, SIZE));
  agent.destroy();
}
