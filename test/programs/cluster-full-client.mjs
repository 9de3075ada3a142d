// Five connections to workers that take four: { host, port }. The fifth is served when one of the others ends.
import net from 'node:net';
import record from './lib/record.cjs';

const { host, port } = record.parameters();
const open = () => {
  const socket = net.connect({ host, port });
  socket.on('error', () => {});
  return socket;
};
const served = {};
const sockets = [];
for (let i = 0; i < 4; i++) {
  const socket = open();
  sockets.push(socket);
  const who = String(await record.until(socket, 'data'));
  served[who] = (served[who] ?? 0) + 1;
}
record.fact('served at once', Object.values(served));
const fifth = open();
let early = true;
const answer = record.until(fifth, 'data').then((who) => {
  record.fact('the fifth waited', !early);
  record.fact('and was served by a worker', String(who) in served);
});
await record.delay(300);
early = false;
sockets[0].destroy();
await answer;
for (const socket of [...sockets, fifth]) socket.destroy();
