// Writes `size` bytes and ends the process at once: { how: 'exit' } by process.exit() in the same turn, 'throw' by an
// uncaught error, 'return' by having nothing more to do after end().
import net from 'node:net';
import record from './lib/record.cjs';

const { port, size, seed, how = 'exit' } = record.parameters();
const socket = net.connect({ port, host: '127.0.0.1' });
socket.on('connect', () => {
  socket.write(`${seed}\n`);
  socket.write(record.bytes(seed, size));
  if (how === 'exit') {
    process.exit(0);
  } else if (how === 'throw') {
    process.on('uncaughtException', () => process.exit(3));
    throw new Error('on purpose');
  } else {
    socket.end();
  }
});
