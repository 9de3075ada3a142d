// Listeners on all addresses, one for IPv6 alone and one for both, and who reaches them.
import net from 'node:net';
import freePort from './lib/free-port.cjs';
import record from './lib/record.cjs';

for (const ipv6Only of [true, false]) {
  const server = net.createServer((socket) => socket.end());
  server.listen({ host: '::', port: await freePort('::'), ipv6Only });
  await record.until(server, 'listening');
  for (const host of ['127.0.0.1', '::1']) {
    if (ipv6Only && host === '127.0.0.1') {
      // As the kernel has it, also for who asks at once again.
      for (const time of ['first', 'second']) record.fact(`${host} ${time}`, await reach(host, server));
    } else {
      record.fact(`${host} of ${ipv6Only ? 'one' : 'both'}`, await reach(host, server));
    }
  }
  server.close();
}

/** @returns {Promise<string>} */
function reach(host, server) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port: server.address().port });
    socket.on('error', (error) => resolve(error.code));
    socket.on('close', () => resolve('reached'));
    socket.resume();
  });
}
