// The client of http-server.mjs, on the global fetch.
import record from './lib/record.cjs';

const { port, host = '127.0.0.1', tls } = record.parameters();
const base = `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;

let good = 0;
for (let i = 0; i < 50; i++) {
  const response = await fetch(`${base}/json`);
  good += response.ok && (await response.json()).hello === 'world' ? 1 : 0;
}
record.fact('one after another', good);
const parallel = await Promise.all(Array.from({ length: 30 }, async () => (await fetch(`${base}/json`)).json()));
record.fact('at once', parallel.filter(({ hello }) => hello === 'world').length);

const big = new Uint8Array(await (await fetch(`${base}/big`)).arrayBuffer());
record.fact('big', [big.length, record.sha256(big)]);
const body = record.bytes('fetch', 4 * 1048576);
const upload = await fetch(`${base}/upload`, { method: 'POST', body });
record.fact('upload', [record.sha256(body), await upload.json()]);

// A body that is made while it is sent.
const stream = new ReadableStream({
  start() {
    this.sent = 0;
  },
  pull(controller) {
    if (this.sent === 40) {
      controller.close();
      return;
    }
    controller.enqueue(record.bytes(`part ${this.sent++}`, 20000));
  },
});
const streamed = await fetch(`${base}/upload`, { method: 'POST', body: stream, duplex: 'half' });
record.fact('streamed', await streamed.json());

const chunked = await fetch(`${base}/chunked`);
let text = '';
for await (const part of chunked.body.pipeThrough(new TextDecoderStream())) {
  text += part;
}
record.fact('chunked', text);

// Once the answer has begun: a time might be up before the server has seen the request.
const controller = new AbortController();
const reader = (await fetch(`${base}/aborted`, { signal: controller.signal })).body.getReader();
record.fact('first part', String(Buffer.from((await reader.read()).value)));
setTimeout(() => controller.abort(new DOMException('too slow', 'TimeoutError')), 20);
record.fact('timeout', await reader.read().catch((error) => error.name));
const destroyed = await fetch(`${base}/destroyed`)
  .then((response) => response.text())
  .catch((error) => error.cause?.code ?? error.name);
record.fact('destroyed', destroyed);
record.fact('missing', (await fetch(`${base}/nothing`)).status);
