// An ordinary client of server.mjs, on fetch and on plain net. It knows nothing of sockets-direct. It checks every byte,
// measures, prints one line of JSON, keeps its connections open until SIGTERM, and ends.
// Arguments: what the server printed, and for how many milliseconds to run each measurement.
import { createHash } from 'node:crypto';
import net from 'node:net';

const { api, echo, items, sha256 } = JSON.parse(process.argv[2]);
const milliseconds = Number(process.argv[3]);
const base = `http://127.0.0.1:${api}`;
let checked = 0;
let wrong = 0;

const check = (/** @type {boolean} */ good) => {
  checked++;
  wrong += good ? 0 : 1;
};
const checkDownload = (/** @type {Uint8Array[]} */ chunks) => {
  const hash = createHash('sha256');
  for (const chunk of chunks) {
    hash.update(chunk);
  }
  check(hash.digest('hex') === sha256);
};

/** Requests per second with `parallel` requests in flight. */
const requests = (/** @type {number} */ parallel) => async (/** @type {number} */ duration) => {
  const end = performance.now() + duration;
  let done = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (performance.now() < end) {
        const list = /** @type {{ name: string }[]} */ (await (await fetch(`${base}/items`)).json());
        check(list.length === items && list[7].name === 'item 7');
        done++;
      }
    }),
  );
  return (done / (performance.now() - start)) * 1000;
};

/** Median round trip of 64 bytes in microseconds. */
const roundTrip = (/** @type {net.Socket} */ socket) => async (/** @type {number} */ duration) => {
  const message = Buffer.alloc(64, 'sockets-direct ');
  const times = [];
  const end = performance.now() + duration;
  await new Promise((/** @type {(value?: unknown) => void} */ resolve, reject) => {
    let received = /** @type {Buffer} */ (Buffer.alloc(0));
    let sent = performance.now();
    socket.once('error', reject);
    const onData = (/** @type {Buffer} */ chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      if (received.length < message.length) {
        return;
      }
      const now = performance.now();
      times.push(now - sent);
      check(received.equals(message));
      received = Buffer.alloc(0);
      if (now > end) {
        socket.off('data', onData);
        resolve();
        return;
      }
      sent = performance.now();
      socket.write(message);
    };
    socket.on('data', onData);
    socket.write(message);
  });
  return times.sort((a, b) => a - b)[times.length >> 1] * 1000;
};

/** GB/s of downloads, one after another; the bytes are checked outside of the time that counts. */
const downloads = (/** @type {() => Promise<Uint8Array[]>} */ download) => async (/** @type {number} */ duration) => {
  let bytes = 0;
  let time = 0;
  while (time < duration) {
    const start = performance.now();
    const chunks = await download();
    time += performance.now() - start;
    bytes += chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    checkDownload(chunks);
  }
  return bytes / time / 1e6;
};

const byFetch = async () => [new Uint8Array(await (await fetch(`${base}/download`)).arrayBuffer())];

/** The same download by hand, over one connection that stays open. */
const byNet = (/** @type {net.Socket} */ socket) => () =>
  new Promise((/** @type {(chunks: Buffer[]) => void} */ resolve) => {
    const chunks = [];
    let left = Number.POSITIVE_INFINITY;
    const onData = (/** @type {Buffer} */ chunk) => {
      let body = chunk;
      if (left === Number.POSITIVE_INFINITY) {
        // The head is small and comes in one piece or with the first of the body.
        const head = chunk.indexOf('\r\n\r\n');
        left = Number(/content-length: (\d+)/i.exec(chunk.toString('latin1', 0, head))?.[1]);
        body = chunk.subarray(head + 4);
      }
      chunks.push(body);
      left -= body.length;
      if (left === 0) {
        socket.off('data', onData);
        resolve(chunks);
      }
    };
    socket.on('data', onData);
    socket.write('GET /download HTTP/1.1\r\nHost: demo\r\n\r\n');
  });

/** The figure of a second, longer run: the first one warms both programs up. */
const measure = async (/** @type {(duration: number) => Promise<number>} */ run) => {
  await run(milliseconds / 3);
  return run(milliseconds);
};

const connect = async (/** @type {number} */ port) => {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
};

const echoed = await connect(echo);
const downloaded = await connect(api);
const figures = {
  one: await measure(requests(1)),
  many: await measure(requests(16)),
  roundTrip: await measure(roundTrip(echoed)),
  fetch: await measure(downloads(byFetch)),
  net: await measure(downloads(byNet(downloaded))),
};

process.once('SIGTERM', () => {
  process.exitCode = wrong === 0 ? 0 : 1;
  echoed.end();
  downloaded.end();
});
console.log(JSON.stringify({ pid: process.pid, checked, wrong, figures }));
// Signals alone keep no process alive; the open connections do. fetch's own connections end with the process.
