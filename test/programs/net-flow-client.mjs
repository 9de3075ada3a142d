// Back-pressure, pausing, timeouts and the ways to read, the client's side. All cases at once.
import { createHash } from 'node:crypto';
import net from 'node:net';
import { pipeline } from 'node:stream/promises';
import { Readable, Writable } from 'node:stream';
import record from './lib/record.cjs';

const { ports } = record.parameters();
const CHUNK = 65536;
const options = (name, more = {}) => ({ port: ports[name], host: '127.0.0.1', ...more });
const connect = (name, more, watching) => record.watch(name, net.connect(options(name, more)), watching);

const cases = {
  async backPressure() {
    const socket = connect('backPressure');
    const data = record.bytes('block', CHUNK);
    let flushed = 0;
    let refused = 0;
    for (let i = 0; i < 512; i++) {
      refused += socket.write(data, () => flushed++) ? 0 : 1;
    }
    record.fact('held back', (await record.settled(() => flushed)) < 512 && refused > 0 && socket.writableNeedDrain);
    connect('release', {}, { read: false });
    await record.until(socket, 'drain');
    record.fact('drained', [flushed, socket.writableLength]);
    socket.end();
    await record.until(socket, 'close');
  },
  async heldServer() {
    const socket = connect('heldServer', {}, { read: false });
    socket.pause();
    await record.until(socket, 'connect');
    await record.until(connect('heldServerIsHeld'), 'close');
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    socket.resume();
    await record.until(socket, 'end');
    record.fact('heldServer', received);
  },
  async pauseResume() {
    const socket = connect('pauseResume');
    socket.on('data', () => {
      socket.pause();
      setImmediate(() => socket.resume());
    });
    await record.until(socket, 'end');
  },
  async readable() {
    const socket = connect('readable', {}, { read: false });
    const hash = createHash('sha256');
    socket.on('readable', () => {
      for (let chunk = socket.read(1000) ?? socket.read(); chunk !== null; chunk = socket.read(1000) ?? socket.read()) {
        hash.update(chunk);
      }
    });
    await record.until(socket, 'end');
    record.fact('readable', hash.digest('hex'));
  },
  async iterator() {
    // The loop's end destroys the socket, before or after 'finish'.
    const socket = connect('iterator', {}, { read: false, skip: ['finish'] });
    const hash = createHash('sha256');
    for await (const chunk of socket) {
      hash.update(chunk);
      await record.delay(1);
    }
    record.fact('iterator', hash.digest('hex'));
  },
  async onread() {
    const hash = createHash('sha256');
    let received = 0;
    const buffer = Buffer.alloc(5000);
    const callback = (length, into) => {
      received += length;
      hash.update(into.subarray(0, length));
      return into === buffer && length <= buffer.length;
    };
    const socket = connect('onread', { onread: { buffer, callback } }, { read: false });
    await record.until(socket, 'end');
    record.fact('onread', [received, hash.digest('hex')]);
  },
  async text() {
    const socket = connect('text');
    let text = '';
    socket.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    await record.until(socket, 'end');
    record.fact('text', [text.length, text === '\u20ac'.repeat(1000)]);
  },
  async pipeline() {
    const socket = connect('pipeline', { allowHalfOpen: true }, { read: false });
    const blocks = Array.from({ length: 40 }, (_, i) => record.bytes(i, CHUNK));
    const hash = createHash('sha256');
    const sink = new Writable({
      write(chunk, _encoding, done) {
        hash.update(chunk);
        setImmediate(done);
      },
    });
    await Promise.all([pipeline(Readable.from(blocks), socket), pipeline(socket, sink)]);
    record.fact('pipeline', hash.digest('hex') === record.sha256(Buffer.concat(blocks)));
  },
  async idle() {
    const socket = connect('idle');
    await record.until(socket, 'connect');
    socket.setTimeout(60, () => socket.setTimeout(0).end());
    await record.until(socket, 'close');
    record.fact('idle timeout', socket.timeout);
  },
  async idleServer() {
    await record.until(connect('idleServer'), 'close');
  },
  // Traffic keeps the timeout away. On a busy machine none may come for so long, on TCP too: then once more.
  async activity() {
    const socket = connect('activity', {}, { read: false, bytes: false, skip: ['timeout'] });
    const keepsAway = () =>
      new Promise((resolve) => {
        let beats = 0;
        const over = (kept) => {
          socket.off('data', beat).off('timeout', tooLong).setTimeout(0);
          resolve(kept);
        };
        const beat = () => ++beats === 8 && over(true);
        const tooLong = () => over(false);
        socket.on('data', beat).on('timeout', tooLong).setTimeout(100);
      });
    await record.until(socket, 'connect');
    let kept = false;
    for (let i = 0; i < 100 && !kept; i++) kept = await keepsAway();
    record.fact('traffic keeps the timeout away', kept);
    socket.end();
    await record.until(socket.resume(), 'close');
  },
  async earlyWrite() {
    const socket = connect('earlyWrite');
    const states = [socket.connecting, socket.pending, socket.readyState];
    socket.write('before the connection ');
    socket.write('');
    socket.end('is there', () => record.note('earlyWrite', 'end callback'));
    await record.until(socket, 'close');
    record.fact('earlyWrite', [...states, socket.connecting, socket.pending, socket.readyState, socket.destroyed]);
  },
  async aborted() {
    const controller = new AbortController();
    const socket = connect('aborted', { signal: controller.signal });
    socket.once('data', () => controller.abort());
    await record.until(socket, 'close');
  },
  async state() {
    const socket = connect('state', { noDelay: true, keepAlive: true, keepAliveInitialDelay: 1000 });
    await record.until(socket, 'connect');
    const { port, ...address } = socket.address();
    record.fact('state', {
      isSocket: socket instanceof net.Socket,
      chained: socket.setNoDelay(false).setKeepAlive(true, 500).setTimeout(0) === socket,
      references: socket.ref().unref().ref() === socket,
      readyState: socket.readyState,
      address,
      portIsLocal: port === socket.localPort,
      bufferSize: socket.bufferSize,
      allowHalfOpen: socket.allowHalfOpen,
      attempted: socket.autoSelectFamilyAttemptedAddresses,
    });
    await record.until(socket, 'close');
    record.fact('after close', record.addresses(socket));
  },
  // One net.Socket object, connected twice.
  async reconnect() {
    const socket = record.watch('reconnect', new net.Socket(), { names: false });
    socket.connect(options('reconnect'));
    await record.until(socket, 'close');
    socket.connect(options('reconnect'));
    await record.until(socket, 'close');
  },
};

await Promise.all(Object.values(cases).map((run) => run()));
