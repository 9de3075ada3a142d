// One connection at a time: whoever comes while another is there is turned away.
import net from 'node:net';
import record from './lib/record.cjs';

let served = 0;
let dropped = 0;
const server = net.createServer((socket) => {
  served++;
  socket.write('welcome');
  socket.resume();
});
server.maxConnections = 1;
server.on('drop', () => dropped++);
server.on('close', () => record.fact('served and dropped', [served, dropped]));
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
record.onStop(() => server.close());
