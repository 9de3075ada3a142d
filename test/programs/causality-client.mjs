// Does something on one connection, and asks over another whether the server has heard of it. What it does on the first
// one precedes the question; on TCP the server then has.
import net from 'node:net';
import record from './lib/record.cjs';

const { port, times } = record.parameters();
const connect = () => net.connect({ port, host: '127.0.0.1' });
const asking = connect();
await record.until(asking, 'connect');

const ask = (question) => {
  asking.write(`${question}\n`);
  return record.until(asking, 'data');
};

// Whose FIN is here, that one knows of having sent it.
for (const way of ['direct', 'immediate', 'timer']) {
  for (let n = 0; n < times; n++) {
    const socket = connect();
    socket.write(way);
    // At once: our own FIN on the first connection would remind it.
    await new Promise((resolve) => {
      socket.resume().on('end', () => resolve(ask(`finished ${way}`)));
    });
  }
}

// A reset is heard of like all else that comes.
for (let n = 0; n < times; n++) {
  const socket = connect();
  socket.write('hello');
  await record.until(socket, 'data');
  socket.resetAndDestroy();
  await record.delay(2);
  await ask('reset reset');
}
asking.destroy();
record.fact('asked', true);
