// One end of many connections that carry much in mixed sizes, with pauses, half-closes and aborts (scripts/bulk.mjs).
// What each end writes is a function of the connection's seed and the position, so a stream that was cut short can still
// be checked byte by byte; of one that was not, both ends report hash and length.
//
//   argv: serve | connect   messages from the parent: { port } and { plan }; to the parent: { port }, { report }
import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { routeOf } from 'sockets-direct';

const PERIOD = 1_048_573;

/** A small generator of its own, so that both ends draw the same numbers. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

function pattern(seed) {
  const draw = random(seed);
  const words = new Uint32Array(Math.ceil(PERIOD / 4));
  for (let i = 0; i < words.length; i++) words[i] = draw() * 0x1_0000_0000;
  return Buffer.from(words.buffer, 0, PERIOD);
}

/** The bytes of the stream from `at` on. */
function piece(block, at, length) {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; ) {
    const from = (at + done) % PERIOD;
    done += block.copy(bytes, done, from, Math.min(PERIOD, from + length - done));
  }
  return bytes;
}

function matches(block, at, bytes) {
  for (let done = 0; done < bytes.length; ) {
    const from = (at + done) % PERIOD;
    const length = Math.min(PERIOD - from, bytes.length - done);
    if (block.compare(bytes, done, done + length, from, from + length) !== 0) return false;
    done += length;
  }
  return true;
}

const turn = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Writes, reads and ends as the plan says; resolves with what became of it. */
async function run(socket, plan, side) {
  const mine = plan[side];
  const draw = random(mine.seed ^ 0x5a5a);
  const own = pattern(mine.seed);
  const other = pattern(plan[side === 'server' ? 'client' : 'server'].seed);
  const sent = createHash('sha1');
  const received = createHash('sha1');
  const report = {
    id: plan.id,
    side,
    sentBytes: 0,
    receivedBytes: 0,
    intact: true,
    ended: false,
    error: null,
    transfer: null,
  };
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', (error) => (report.error = error.code ?? String(error)));
  socket.on('end', () => (report.ended = true));
  socket.on('data', (bytes) => {
    if (!matches(other, report.receivedBytes, bytes)) report.intact = false;
    report.receivedBytes += bytes.length;
    received.update(bytes);
    if (mine.abort?.when === 'receiving' && report.receivedBytes >= mine.abort.at) end(socket, mine.abort);
    if (draw() < 0.02 && !socket.destroyed) {
      socket.pause();
      setTimeout(() => socket.resume(), draw() * 20);
    }
  });
  for (const size of mine.sizes) {
    if (socket.destroyed) break;
    const bytes = piece(own, report.sentBytes, size);
    sent.update(bytes);
    report.sentBytes += size;
    const written = new Promise((resolve) => socket.write(bytes, resolve)).then(() => bytes.fill(0xee));
    if (mine.abort?.when === 'sending' && report.sentBytes >= mine.abort.at) {
      if (draw() < 0.5) await turn(draw() * 5);
      end(socket, mine.abort);
    }
    // Sometimes several writes at a time, so that the socket hands them over as one.
    if (draw() < 0.7) await written;
    if (draw() < 0.1) await turn(draw() * 10);
  }
  if (!socket.destroyed) socket.end();
  report.transfer = routeOf(socket)?.transfer ?? null;
  report.route = routeOf(socket)?.route ?? null;
  await closed;
  return { ...report, sentHash: sent.digest('hex'), receivedHash: received.digest('hex') };
}

function end(socket, { how }) {
  if (how === 'reset') socket.resetAndDestroy();
  else socket.destroy();
}

const [role] = process.argv.slice(2);
const plans = new Map();
const sockets = new Map();

async function begin(id, side) {
  const plan = plans.get(id);
  const socket = sockets.get(id);
  if (plan === undefined || socket === undefined) return;
  process.send({ report: await run(socket, plan, side) });
}

if (role === 'serve') {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.once('readable', () => {
      const id = socket.read(4).readUInt32LE(0);
      sockets.set(id, socket);
      void begin(id, 'server');
    });
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
  process.on('message', ({ plan }) => {
    plans.set(plan.id, plan);
    void begin(plan.id, 'server');
  });
} else {
  process.on('message', ({ plan, port }) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => {
      const id = Buffer.alloc(4);
      id.writeUInt32LE(plan.id);
      socket.write(id, () => {
        plans.set(plan.id, plan);
        sockets.set(plan.id, socket);
        void begin(plan.id, 'client');
      });
    });
  });
  process.send({ port: 0 });
}
process.on('disconnect', () => process.exit(0));
