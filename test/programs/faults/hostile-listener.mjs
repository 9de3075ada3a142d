// A listener whose companion is hostile: one port for each way to be it, behind every one of them a real echo on TCP.
// Says "ready {ports: {name: port}}". { tool, uid? }
import net from 'node:net';
import { randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { linkLayout } from '../../../dist/providers/shm/layout.js';
import { encodeOffer } from '../../../dist/session/negotiate.js';
import {
  addon,
  companionOf,
  KIND,
  makeMemory,
  message,
  NO_PROOF,
  OFFER,
  PACKET,
  RawLink,
  RING_BYTES,
  SLOTS,
  tool,
  TYPE,
} from './lib/raw.mjs';
import { parameters, say, until } from './lib/talk.mjs';

/** Another isolate each time: links to one and the same would be taken for one. */
const welcome = () => ({
  type: PACKET.welcome,
  isolate: randomBytes(16).toString('hex'),
  pid: process.pid,
  proof: NO_PROOF,
});

/** Answers as it should, up to an open link. */
const open = async (link, options) => {
  const { packet, passed } = await link.packet(PACKET.hello);
  const layout = linkLayout(packet.ringBytes, packet.slotCount);
  link.memory = addon.map(passed, layout.totalBytes);
  link.memoryFd = passed;
  link.layout = layout;
  link.attach(1, { layout, ...options });
  link.sendPacket(welcome());
};

/** … and up to the CONNECT. */
const answer = (reply, options) => async (link) => {
  await open(link, options);
  const { connection } = await link.record(KIND.connect);
  await reply(link, connection);
};

const says =
  (packet, withMemory = false) =>
  async (link) => {
    await link.packet(PACKET.hello);
    link.sendPacket(packet, withMemory ? makeMemory().fd : -1);
  };

const accept = (link, connection, offer = encodeOffer(OFFER)) => link.put(KIND.accept, connection, offer);

const scribble = (how) =>
  answer(
    async (link, connection) => {
      accept(link, connection);
      const control = new Int32Array(new SharedArrayBuffer(8)).fill(link.memoryFd, 0, 1);
      const worker = new Worker(new URL('./lib/scribbler.mjs', import.meta.url), {
        workerData: { how, control, bytes: link.layout.totalBytes, ring: link.layout.ringOffset[0] },
      });
      while (Atomics.load(control, 1) === 0) await new Promise(setImmediate);
      while (link.closed === null) {
        link.put(KIND.message, connection, message(TYPE.data, { payload: Buffer.alloc(500) }));
        addon.linkBell(link.id);
        await new Promise(setImmediate);
      }
      Atomics.store(control, 0, -2);
      await until(worker, 'exit');
    },
    { passive: true },
  );

const ways = {
  silent: () => {},
  garbage: says(randomBytes(64)),
  'a REJECT': says({ type: PACKET.reject, text: 'no' }),
  'a REJECT over versions': says({ type: PACKET.reject, text: 'link protocol version 2, this side speaks 3' }),
  'a HELLO back': says({ ...welcome(), type: PACKET.hello, ringBytes: RING_BYTES, slotCount: SLOTS }),
  'a SPILL back': says({ type: PACKET.spill, bytes: 2 ** 31 }, true),
  'an end': (link) => link.close(),
  'two WELCOMEs': async (link) => {
    await open(link);
    link.sendPacket(welcome());
  },
  'spoiled memory': async (link) => {
    const { packet, passed } = await link.packet(PACKET.hello);
    const bytes = linkLayout(packet.ringBytes, packet.slotCount).totalBytes;
    const said = tool(['spoil', '3', String(bytes)], passed);
    if (!/truncate: Oper.*\ngrow: Oper.*\nseal: Oper/.test(said)) throw new Error(said);
    link.sendPacket(welcome());
  },
  'an ACCEPT of something else': answer((link, connection) => accept(link, connection + 2)),
  'an ACCEPT without an offer': answer((link, connection) => accept(link, connection, Buffer.alloc(0))),
  'an ACCEPT with a bad offer': answer((link, connection) =>
    accept(link, connection, encodeOffer({ ...OFFER, windowBytes: 1 })),
  ),
  'an ACCEPT that is too long': answer((link, connection) => accept(link, connection, Buffer.alloc(300))),
  'a REFUSE of nothing': answer((link, connection) => link.put(KIND.refuse, connection)),
  'a REFUSE with nonsense': answer((link, connection) =>
    // The first byte is the code: one that there is not.
    link.put(KIND.refuse, connection, Buffer.concat([Buffer.of(200), randomBytes(199)])),
  ),
  'a REFUSE that is too long': answer((link, connection) => link.put(KIND.refuse, connection, Buffer.alloc(300))),
  'a CLOSE': answer((link, connection) => link.put(KIND.close, connection)),
  'a message before the ACCEPT': answer((link, connection) => {
    for (let i = 0; i < 100; i++) link.put(KIND.message, connection, Buffer.alloc(60_000));
  }),
  'nonsense after the ACCEPT': answer((link, connection) => {
    accept(link, connection);
    link.put(KIND.message, connection, randomBytes(100));
  }),
  'scribbling over the control words': scribble('control'),
  'scribbling over the ring': scribble('ring'),
  'scribbling over everything': scribble('all'),
};

if (parameters.uid !== undefined) process.setuid(parameters.uid);
const ports = {};
for (const [name, way] of Object.entries(ways)) {
  const server = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
  server.listen(0, '127.0.0.1');
  await until(server, 'listening');
  const words = new BigUint64Array(1);
  addon.cookie(server._handle.fd, words);
  companionOf(words[0], server.address().port, async (fd) => {
    try {
      await way(new RawLink(fd));
    } catch (error) {
      say('failed', { name, error: String(error.stack) });
    }
  });
  ports[name] = server.address().port;
}
say('ready', { ports });
