// Collects what its connections send and checks it against what they must send: record.bytes(seed, …) with the seed in
// the first line. What came must be a prefix without a gap; how much came, and how it ended, is recorded.
import net from 'node:net';
import record from './lib/record.cjs';

const server = net.createServer({ pauseOnConnect: true }, (socket) => {
  const chunks = [];
  const events = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('end', () => events.push('end'));
  socket.on('error', (error) => events.push(record.describeError(error)));
  socket.on('close', () => {
    const data = Buffer.concat(chunks);
    const newline = data.indexOf('\n');
    const seed = data.subarray(0, newline).toString();
    const rest = data.subarray(newline + 1);
    record.fact(`from ${seed}`, { length: rest.length, prefix: rest.equals(record.bytes(seed, rest.length)), events });
    process.stdout.write('collected {}\n');
  });
  // Late, so that the sender is gone before the first byte is read.
  setTimeout(() => socket.resume(), record.parameters().late ?? 0);
});
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => server.close());
