// What a hostile peer can do too much of. name → what it does; when it is over, so is its link.
import { Worker } from 'node:worker_threads';
import { encodeOffer } from '../../../../dist/session/negotiate.js';
import {
  addon,
  connectPayload,
  KIND,
  linkLayout,
  message,
  OFFER,
  PACKET,
  RawLink,
  reach,
  tool,
  TYPE,
  writeLinkHeader,
} from './raw.mjs';
import { delay, parameters, until } from './talk.mjs';

const turn = () => new Promise(setImmediate);

/** Puts records as fast as there is room, for a while or until the other side has had enough. */
const pour = async (link, milliseconds, make) => {
  const end = Date.now() + milliseconds;
  for (let i = 0; Date.now() < end && link.closed === null; ) {
    for (let burst = 0; burst < 500; burst++, i++) {
      const [kind, connection, payload] = make(i);
      if (!link.put(kind, connection, payload)) break;
    }
    link.records.length = 0;
    await turn();
  }
};

const WIDE = { ringBytes: 1 << 20, slotCount: 4096 };

const wide = async (port, options) => {
  const layout = linkLayout(WIDE.ringBytes, WIDE.slotCount);
  const fd = addon.allocate(layout.totalBytes);
  const link = new RawLink(reach(port));
  const memory = addon.map(fd, layout.totalBytes);
  writeLinkHeader(memory, layout);
  link.hello({ ...WIDE, fd });
  link.memory = memory;
  await link.packet(PACKET.welcome);
  link.attach(0, { layout, ...options });
  return link;
};

/** A connection that stands, then a flood of one kind of message on it. */
const flood = (make) => async (port) => {
  const link = await wide(port);
  await link.connect(port);
  link.put(KIND.message, 0, message(TYPE.confirm));
  await pour(link, 600, make);
  link.close();
};

/** On a busy machine nothing is hit for long. */
const HIT_WITHIN = 20_000;

/** A worker writes nonsense into the memory of one link after another, beside honest traffic on it, until one was noticed. */
const scribble = (how) => async (port) => {
  const control = new Int32Array(new SharedArrayBuffer(8)).fill(-1, 0, 1);
  const worker = new Worker(new URL('./scribbler.mjs', import.meta.url), { workerData: { how, control } });
  const end = Date.now() + parameters.scribble;
  const last = end + HIT_WITHIN;
  let noticed = false;
  while (Date.now() < end || (!noticed && Date.now() < last)) {
    const link = await RawLink.to(port, { passive: true });
    link.put(KIND.connect, 0, connectPayload(port));
    link.put(KIND.message, 0, message(TYPE.data, { flags: 1, payload: Buffer.alloc(500) }));
    Atomics.store(control, 0, link.memoryFd);
    Atomics.notify(control, 0);
    const enough = Date.now() + 50;
    for (let i = 0; link.closed === null && Date.now() < enough; i++) {
      link.put(KIND.message, 0, message(TYPE.data, { payload: Buffer.alloc(100 + (i % 3000), i) }));
      addon.linkBell(link.id);
      await turn();
    }
    Atomics.store(control, 0, -1);
    while (Atomics.load(control, 1) === 1) await turn();
    noticed ||= link.closed !== null;
    link.close();
  }
  Atomics.store(control, 0, -2);
  Atomics.notify(control, 0);
  await until(worker, 'exit');
};

export const floods = {
  doorbells: async (port) => {
    const link = await RawLink.to(port);
    tool(['send', '3', '50000', '1', '0'], link.fd);
    link.close();
  },
  'connects that are never confirmed': async (port) => {
    const link = await wide(port);
    const payload = connectPayload(port);
    for (let i = 0; i < 1500 && link.closed === null; i++) {
      while (!link.put(KIND.connect, i * 2, payload)) await turn();
      await turn();
    }
    await delay(300);
    link.close();
  },
  'connects that are given up': async (port) => {
    const link = await wide(port);
    const payload = connectPayload(port);
    for (let i = 0; i < 20_000 && link.closed === null; i++) {
      while (!link.put(KIND.connect, (i % 2048) * 2, payload)) await turn();
      while (!link.put(KIND.close, (i % 2048) * 2)) await turn();
      if (i % 1000 === 999) {
        // Not before its CLOSE has come is a number free again.
        await delay(20);
        link.records.length = 0;
      }
    }
    link.close();
  },
  'connects for nobody, and no answer is read': async (port) => {
    const link = await wide(port, { passive: true });
    const payload = connectPayload(port, { cookie: 1n });
    // Until it has had enough, however slow it is.
    await pour(link, 20_000, (i) => [KIND.connect, (i % 2048) * 2, payload]);
    link.close();
  },
  'connects with offers that are none': async (port) => {
    const link = await wide(port);
    const offers = [
      Buffer.alloc(0),
      Buffer.alloc(48),
      Buffer.alloc(256, 255),
      encodeOffer({ ...OFFER, version: 2 }),
      encodeOffer({ ...OFFER, windowBytes: 0 }),
      encodeOffer({ ...OFFER, windowBytes: 2 ** 32 - 1 }),
      encodeOffer({ ...OFFER, receiveBuffers: 1 }),
      encodeOffer({ ...OFFER, maxMessageBytes: 1 }),
    ];
    for (const [i, data] of offers.entries()) {
      link.put(KIND.connect, i * 2, connectPayload(port, { data }));
      await link.record(KIND.refuse, i * 2);
    }
    link.close();
  },
  'empty data': flood(() => [KIND.message, 0, message(TYPE.data)]),
  credits: flood(() => [KIND.message, 0, message(TYPE.credit)]),
  'data beyond the window': async (port) => {
    const link = await wide(port, { passive: true });
    await link.connect(port);
    link.put(KIND.message, 0, message(TYPE.confirm));
    const payload = message(TYPE.data, { payload: Buffer.alloc(60_000) });
    // It has an echo to send, finds no room, and stops reading: we read nothing.
    await pour(link, 5000, () => [KIND.message, 0, payload]);
    await link.over();
    link.close();
  },
  'data beyond what an exit allows': async (port) => {
    const link = await wide(port, { passive: true });
    await link.connect(port);
    link.put(KIND.message, 0, message(TYPE.confirm));
    const payload = message(TYPE.data, { flags: 2, payload: Buffer.alloc(60_000) });
    await pour(link, 5000, () => [KIND.message, 0, payload]);
    await link.over();
    link.close();
  },
  'scribbling over the control words': scribble('control'),
  'scribbling over the ring': scribble('ring'),
  'scribbling over everything': scribble('all'),
  'scribbling what might be true': scribble('likely'),
};
