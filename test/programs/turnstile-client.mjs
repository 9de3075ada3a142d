// Connects again as soon as the connection before has closed, that is, when both ends have said that they are through.
import net from 'node:net';
import record from './lib/record.cjs';

const { port, times } = record.parameters();
let welcome = 0;
for (let n = 0; n < times; n++) {
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.on('data', () => {
    welcome++;
    socket.end();
  });
  await record.until(socket, 'close');
}
record.fact('welcome', welcome);
