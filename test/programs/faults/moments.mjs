// A peer that stops at a named moment of setting up, to be killed there: { port, until } as a connector, { until } as a
// listener with a companion of its own. Says "reached".
import net from 'node:net';
import { addon, companionOf, KIND, message, NO_PROOF, OFFER, PACKET, RawLink, reach, TYPE } from './lib/raw.mjs';

import { encodeOffer } from '../../../dist/session/negotiate.js';
import { linkLayout } from '../../../dist/providers/shm/layout.js';
import { pattern } from './lib/pattern.mjs';
import { parameters, say } from './lib/talk.mjs';

const { port, until } = parameters;
const reached = () => say('reached', { until });
setInterval(() => {}, 1000);

const asConnector = async () => {
  const fd = reach(port);
  if (until === 'control') return reached();
  const link = new RawLink(fd);
  link.hello();
  if (until === 'hello') return reached();
  await link.packet(PACKET.welcome);
  link.attach();
  if (until === 'welcome') return reached();
  if (until === 'half a record') {
    // Written, but not published: the store of the tail never comes.
    link.writer.reserve(KIND.connect, 0, 100);
    return reached();
  }
  await link.connect(port);
  if (until === 'accept') return reached();
  if (until === 'close') {
    link.put(KIND.close, 0);
    return reached();
  }
  link.put(KIND.message, 0, message(TYPE.confirm, { flags: 0 }));
  if (until === 'confirm') return reached();
  const payload = Buffer.concat([Buffer.from('moment read\n'), pattern(0, 3)]);
  link.put(KIND.message, 0, message(TYPE.data, { payload }));
  return reached();
};

const asListener = () => {
  const server = net.createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1', () => {
    const words = new BigUint64Array(1);
    addon.cookie(server._handle.fd, words);
    companionOf(words[0], server.address().port, async (fd) => {
      if (until === 'control') return reached();
      const link = new RawLink(fd);
      const { packet, passed } = await link.packet(PACKET.hello);
      if (until === 'hello') return reached();
      const layout = linkLayout(packet.ringBytes, packet.slotCount);
      link.memory = addon.map(passed, layout.totalBytes);
      link.attach(1, { layout });
      link.sendPacket({ type: PACKET.welcome, isolate: '00'.repeat(16), pid: process.pid, proof: NO_PROOF });
      if (until === 'welcome') return reached();
      const { connection } = await link.record(KIND.connect);
      if (until === 'connect') return reached();
      link.put(KIND.accept, connection, encodeOffer(OFFER));
      return reached();
    });
    say('ready', { port: server.address().port });
  });
};

if (port === undefined) asListener();
else await asConnector();
