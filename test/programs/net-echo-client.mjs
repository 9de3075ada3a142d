// Sends blocks of many sizes through an echo server: in one write, in uneven pieces, corked, as strings.
import net from 'node:net';
import record from './lib/record.cjs';

const { port, host = '127.0.0.1' } = record.parameters();
const SIZES = [1, 2, 15, 16, 17, 63, 64, 1000, 4096, 16384, 65535, 65536, 65537, 262144, 1048576, 8388608];
let connections = 0;

/** One connection: send() writes `total` bytes in all; ends when they came back. */
const exchange = async (total, send) => {
  const socket = record.watch(`connection ${connections++}`, net.connect({ port, host }), { skip: ['data'] });
  let received = 0;
  socket.on('data', (chunk) => {
    received += chunk.length;
    if (received === total) {
      socket.end();
    }
  });
  await record.until(socket, 'connect');
  send(socket);
  await record.until(socket, 'close');
};

/** Uneven pieces, each after the callback of the one before. */
const sendPieces = (socket, data) => {
  let offset = 0;
  let piece = 1;
  const next = () => {
    if (offset < data.length) {
      const end = Math.min(data.length, offset + piece);
      piece = (piece * 7 + 3) % 50021;
      socket.write(data.subarray(offset, end), next);
      offset = end;
    }
  };
  next();
};

/** Pieces of every kind in one writev. */
const sendCorked = (socket) => {
  socket.cork();
  socket.write(Buffer.from('buffer '));
  socket.write('latin1 \xe9\xff ', 'latin1');
  socket.write('utf8 \u20ac ');
  socket.write('cafe', 'hex');
  socket.write(new Uint8Array([1, 2, 3]));
  socket.write('ucs2', 'utf16le');
  socket.write('');
  socket.uncork();
};

const text = (encoding, repeat) => ['\u20ac\u00e9 \ud83d\ude00 text'.repeat(repeat), encoding];

for (const size of SIZES) {
  const data = record.bytes(size, size);
  await exchange(size, (socket) => socket.write(data));
  record.fact(`sent ${size}`, record.sha256(data));
}
await exchange(1000000, (socket) => sendPieces(socket, record.bytes('pieces', 1000000)));
await exchange(7 + 10 + 9 + 2 + 3 + 8, sendCorked);
for (const [string, encoding] of [text('utf8', 1), text('utf8', 5000), text('utf16le', 300), text('latin1', 300)]) {
  const data = Buffer.from(string, encoding);
  await exchange(data.length, (socket) => socket.write(string, encoding));
  record.fact(`string ${encoding} ${data.length}`, record.sha256(data));
}
// 4000 small writes in one turn and without waiting.
const small = record.bytes('small', 64);
await exchange(64 * 4000, (socket) => {
  for (let i = 0; i < 4000; i++) {
    socket.write(small);
  }
});
// One byte there and back, 300 times, on one connection.
const pingPong = record.watch('ping-pong', net.connect({ port, host }), { skip: ['data'] });
let rounds = 0;
pingPong.on('data', () => (++rounds < 300 ? pingPong.write('x') : pingPong.end()));
pingPong.write('x');
await record.until(pingPong, 'close');
record.fact('rounds', rounds);
