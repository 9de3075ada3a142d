// AsyncLocalStorage on the client's side: two connections with a store each, at the same time.
import { AsyncLocalStorage } from 'node:async_hooks';
import net from 'node:net';
import record from './lib/record.cjs';

const { port } = record.parameters();
const storage = new AsyncLocalStorage();

const talk = async (name) => {
  const seen = [];
  record.fact(name, seen);
  const socket = net.connect({ port, host: '127.0.0.1' });
  let rounds = 0;
  for (const event of ['connect', 'end', 'close']) {
    socket.on(event, () => seen.push(`${event} ${storage.getStore()}`));
  }
  socket.on('data', () => {
    seen.push(`data ${storage.getStore()}`);
    if (++rounds === 3) {
      storage.run('elsewhere', () => socket.end(() => seen.push(`finished ${storage.getStore()}`)));
    } else {
      socket.write('again', () => seen.push(`written ${storage.getStore()}`));
    }
  });
  socket.write('first');
  await record.until(socket, 'close');
  seen.push(`after ${storage.getStore()}`);
};

await storage.run('one', () => talk('one'));
await Promise.all([storage.run('two', () => talk('two')), storage.run('three', () => talk('three'))]);
