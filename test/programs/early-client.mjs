// Connects to a port where nobody listens yet, again and again until somebody does, as programs that start together do.
import net from 'node:net';
import record from './lib/record.cjs';

const { port } = record.parameters();
let refused = 0;
for (;;) {
  const socket = net.connect({ port, host: '127.0.0.1' });
  const error = await Promise.race([record.until(socket, 'connect'), record.until(socket, 'error')]);
  if (error === undefined) {
    record.fact('refused before', refused > 0);
    socket.end('hello');
    record.watch('made', socket);
    await record.until(socket, 'close');
    break;
  }
  if (refused++ === 3) record.ready({});
  await record.delay(5);
}
