// Connects again and again and notes who has served: { host, port, times }.
import net from 'node:net';
import record from './lib/record.cjs';

const { host, port, times = 8 } = record.parameters();
const served = {};
for (let i = 0; i < times; i++) {
  const socket = net.connect({ host, port });
  let who = '';
  socket.on('data', (chunk) => {
    who += chunk;
  });
  await record.until(socket, 'close');
  served[who] = (served[who] ?? 0) + 1;
}
record.fact('served', served);
