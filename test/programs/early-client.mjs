// Connects to a port where nobody listens yet, again and again until somebody does, as programs that start together do.
import net from 'node:net';
import record from './lib/record.cjs';

const { port } = record.parameters();
let refused = 0;
for (;;) {
  const socket = net.connect({ port, host: '127.0.0.1' });
  const error = await Promise.race([record.until(socket, 'connect'), record.until(socket, 'error')]);
  if (error === undefined) {
    // This one may have come between the listener's two halves; what is made a moment later has not.
    record.fact('refused before', refused > 0);
    socket.end('hello');
    await record.until(socket.resume(), 'close');
    break;
  }
  if (refused++ === 3) record.ready({});
  await record.delay(5);
}

await record.delay(1200);
const later = record.watch('later', net.connect({ port, host: '127.0.0.1' }));
later.end('hello');
await record.until(later, 'close');
