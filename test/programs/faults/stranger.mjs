// A process of another user (uid 65534): { port, how }
//   reach   connects to the companion of the listener on `port` and says HELLO: "answered {packet}"
//   squat   takes the companion's name of the listener on `port`, which has none of its own: "ready"
//   serve   is itself a listener with a companion: "ready {port}"
import net from 'node:net';
import { addon, companionOf, cookieOf, PACKET, RawLink, reach } from './lib/raw.mjs';
import { parameters, say, until } from './lib/talk.mjs';

const { port, how } = parameters;
process.setgid(65534);
process.setuid(65534);
setInterval(() => {}, 1000);

if (how === 'reach') {
  const link = new RawLink(reach(port));
  link.hello();
  const { packet } = await link.packet(PACKET.reject);
  await link.over();
  say('answered', { packet });
} else if (how === 'squat') {
  const listener = companionOf(cookieOf(port), port, () => say('reached'));
  say('ready', { listener });
} else {
  const server = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
  server.listen(0, '127.0.0.1');
  await until(server, 'listening');
  const words = new BigUint64Array(1);
  addon.cookie(server._handle.fd, words);
  companionOf(words[0], server.address().port, () => say('reached'));
  say('ready', { port: server.address().port });
}
