// Large transfers that a hostile peer announces, or answers: descriptors of every wrong kind, memory that is not there or
// not for long, noise in the access tables. Its own memory is really within the victim's reach. name → what it does.
import { randomBytes } from 'node:crypto';
import { encodeOffer } from '../../../../dist/session/negotiate.js';
import { addon, KIND, message, OFFER, PACKET, RawLink, reach, TYPE } from './raw.mjs';

const SOURCE = 5;
const SOURCE_DONE = 6;
const TARGET = 7;
const TARGET_DONE = 8;
const SOURCE_CANCEL = 9;
const BY_MESSAGE = 10;
const PIECE = 16;
const DESCRIPTOR_BYTES = 48;
const MiB = 1 << 20;
/** Of the victim's memory: through which slot we say that we are writing. The victim is the link's acceptor. */
const BUSY = (1280 + 256 + 128) >> 2;
const TABLE = 4096 >> 2;

/** An open link that can be reached, with one connection that stands. */
const open = async (port) => {
  const link = new RawLink(reach(port));
  const bytes = randomBytes(16);
  link.hello({ proof: { address: addon.linkProve(link.id, bytes), bytes } });
  await link.packet(PACKET.welcome);
  link.attach(0);
  const offer = { ...OFFER, rdmaRead: true, rdmaWrite: true, maxRdmaBytes: 2 ** 28, rdmaThresholdBytes: 65536 };
  await link.connect(port, 0, { data: encodeOffer(offer) });
  link.put(KIND.message, 0, message(TYPE.confirm));
  return link;
};

const body = (number, word, value, ...rest) => {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(number, 0);
  head.writeUInt32LE(word, 4);
  head.writeBigUInt64LE(BigInt(value), 8);
  return Buffer.concat([head, ...rest]);
};
const u64 = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

let generation = 1;
/** A descriptor of memory of ours that is within reach, with whatever is changed. */
const descriptorOf = (link, memory, changes = {}) => {
  const slot = 3;
  generation += 2;
  addon.linkExpose(link.id, slot, generation);
  const address = addon.addressOf(memory);
  const all = { connection: 0, rights: 1, slot, generation, address, bytes: memory.length, ...changes };
  const bytes = Buffer.alloc(DESCRIPTOR_BYTES);
  bytes.writeUInt32LE(all.connection, 0);
  bytes.writeUInt32LE(all.rights, 4);
  bytes.writeUInt32LE(all.slot, 8);
  bytes.writeUInt32LE(all.generation, 12);
  bytes.writeBigUInt64LE(BigInt(all.address), 16);
  bytes.writeBigUInt64LE(BigInt(all.bytes), 24);
  return bytes;
};

const tell = (link, type, payload) => link.put(KIND.message, 0, message(type, { payload }));
const announce = (link, number, length, descriptor) =>
  tell(link, SOURCE, body(number, descriptor.length, length, descriptor));

/** The victim's next message of a type. */
const hears = (link, type) =>
  link.until(
    () => link.records.find(({ kind, payload }) => kind === KIND.message && payload[0] === type),
    `a session message of type ${type}`,
  );

/** What becomes of a transfer: bytes come back, or it is wanted in another way. */
const answers = (link) =>
  link.until(
    () => link.records.find(({ kind, payload }) => kind === KIND.message && payload[0] !== TYPE.credit),
    'what becomes of it',
  );

/** Announces memory that cannot be read; the victim then wants it written instead, and we are gone. */
const unreadable =
  (descriptor, length = MiB) =>
  async (port) => {
    const link = await open(port);
    announce(link, 1, length, await descriptor(link));
    await hears(link, TARGET);
    link.close();
  };

/** The victim ends the link over it. */
const broken = (act) => async (port) => {
  const link = await open(port);
  await act(link);
  await link.over();
  link.close();
};

/** What the victim wants to be written, and how it names the place. */
const target = async (link) => {
  announce(link, 1, MiB, randomBytes(DESCRIPTOR_BYTES));
  const { payload } = await hears(link, TARGET);
  const place = payload.subarray(16 + 24);
  return { slot: place.readUInt32LE(8), key: place.subarray(32, 48), length: Number(payload.readBigUInt64LE(32)) };
};

const memory = Buffer.alloc(2 * MiB, 7);

export const wrongTransfers = {
  'a descriptor of noise': unreadable(() => randomBytes(DESCRIPTOR_BYTES)),
  'a descriptor of no bytes': unreadable(() => Buffer.alloc(0)),
  'a descriptor of another connection': unreadable((link) => descriptorOf(link, memory, { connection: 2 })),
  'a descriptor without the right': unreadable((link) => descriptorOf(link, memory, { rights: 2 })),
  'a descriptor of another slot': unreadable((link) => descriptorOf(link, memory, { slot: 1023 })),
  'a descriptor of no slot': unreadable((link) => descriptorOf(link, memory, { slot: 2 ** 32 - 1 })),
  'a descriptor that is over': unreadable((link) => descriptorOf(link, memory, { generation: 1 })),
  'memory where nothing is': unreadable((link) => descriptorOf(link, memory, { address: 4096 })),
  'memory of the kernel': unreadable((link) => descriptorOf(link, memory, { address: 2n ** 63n })),
  'memory that is shorter': unreadable((link) => descriptorOf(link, memory, { bytes: 10 })),
  'memory at the end of all addresses': unreadable(
    (link) => descriptorOf(link, memory, { address: 2 ** 53 - 4096, bytes: 2 ** 52 }),
    2 ** 52,
  ),
  'memory that is taken back at once': unreadable((link) => {
    const descriptor = descriptorOf(link, memory);
    addon.linkRevoke(link.id, 3, generation + 1);
    return descriptor;
  }),
  'memory of 4 PiB': async (port) => {
    const link = await open(port);
    announce(link, 1, 2 ** 52, descriptorOf(link, memory, { bytes: 2 ** 52 }));
    await answers(link);
    link.close();
  },
  'noise in the access tables': async (port) => {
    for (let round = 0; round < 20; round++) {
      const link = await open(port);
      for (let i = 0; i < 2048; i++) link.words[TABLE + i] = (Math.random() * 2 ** 32) | 0;
      for (const word of [-32, 0, -96, -64]) link.words[BUSY + word] = (Math.random() * 2 ** 32) | 0;
      announce(link, 1, MiB, descriptorOf(link, memory));
      await answers(link);
      // What it says in `busy` would have the victim wait for it as long as it lives.
      link.words[BUSY] = 0;
      link.close();
    }
  },
  'a target that is never written': async (port) => {
    const link = await open(port);
    await target(link);
    link.close();
  },
  'a target that is written while its connection ends': async (port) => {
    const link = await open(port);
    const { slot } = await target(link);
    Atomics.store(link.words, BUSY, slot + 1);
    link.put(KIND.close, 0);
    await link.record(KIND.close, 0);
    Atomics.store(link.words, BUSY, 0);
    link.close();
  },
  'a target written beyond its end': broken(async (link) => {
    const { key, length } = await target(link);
    const offset = Buffer.alloc(8);
    offset.writeUInt32LE(length - 10);
    link.put(KIND.write, 0, Buffer.concat([key, offset, Buffer.alloc(11)]));
  }),
  'a target written for another connection': broken(async (link) => {
    const { key } = await target(link);
    link.put(KIND.write, 2, Buffer.concat([key, Buffer.alloc(8), Buffer.alloc(11)]));
  }),
  'a descriptor that is longer than its message': broken((link) => tell(link, SOURCE, body(1, 100, MiB))),
  'a transfer of no bytes': broken((link) => announce(link, 1, 0, Buffer.alloc(0))),
  'a transfer out of turn': broken((link) => announce(link, 2, MiB, Buffer.alloc(0))),
  'a transfer of more than 2^53 bytes': broken((link) => announce(link, 1, 2n ** 60n, Buffer.alloc(0))),
  'more transfers than may be': broken((link) => {
    for (let number = 1; number <= 17; number++) announce(link, number, MiB, Buffer.alloc(0));
  }),
  'the end of a write that was not asked for': broken((link) => tell(link, TARGET_DONE, body(1, 0, 0))),
  'a target for nothing': broken((link) => tell(link, TARGET, body(1, 0, 0, u64(MiB)))),
  'word of nothing': broken((link) => tell(link, SOURCE_DONE, body(1, 1, MiB))),
  'a request for nothing': broken((link) => tell(link, BY_MESSAGE, body(1, 0, 0, u64(MiB)))),
  'a cancel of nothing': broken((link) => tell(link, SOURCE_CANCEL, body(1, 0, 0))),
  'a piece of nothing': broken((link) => tell(link, PIECE, body(1, 0, 0, Buffer.alloc(10)))),
};
