// What a hostile connector can get wrong on the control connection and with its memory. name → what it does; it is over
// when the victim has ended the link.
import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import {
  addon,
  encodePacket,
  LAYOUT,
  makeMemory,
  NO_PROOF,
  PACKET,
  RawLink,
  reach,
  RING_BYTES,
  SLOTS,
  tool,
} from './raw.mjs';
import { parameters, until } from './talk.mjs';

const SEAL = { seal: 1, shrink: 2, grow: 4, write: 8, futureWrite: 16 };
const ALL = SEAL.seal | SEAL.shrink | SEAL.grow;
const BYTES = LAYOUT.totalBytes;

/** Sends one packet as the first and waits for the end. */
const first = (packet, fd) => async (port) => {
  const link = new RawLink(reach(port));
  link.sendPacket(typeof packet === 'function' ? packet() : packet, fd);
  await link.over();
  link.close();
};

/** HELLO with the descriptor of a memfd with these seals, or of whatever a path names. */
const helloWith = (open) => async (port) => {
  const link = new RawLink(reach(port));
  const { fd, close } = await open(port);
  link.hello({ fd });
  await link.over();
  close();
  link.memoryFd = -1;
  link.close();
};

const memfd =
  (seals, bytes = BYTES) =>
  async () => {
    const child = spawn(parameters.tool, ['memfd', String(bytes), String(seals), 'sh', '-c', 'echo; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await until(child.stdout, 'data');
    const fd = openSync(`/proc/${child.pid}/fd/3`, 'r+');
    child.kill('SIGKILL'); // the memory is ours now as well
    return { fd, close: () => closeSync(fd) };
  };

const file = (path) => async () => {
  const fd = openSync(path, 'r');
  return { fd, close: () => closeSync(fd) };
};

const helloOf = (changes) => async (port) => {
  const link = new RawLink(reach(port));
  link.hello(changes);
  await link.over();
  link.close();
};

/** An open link, then one packet too many. */
const late = (packet, makeFd) => async (port) => {
  const link = await RawLink.to(port);
  const fd = makeFd === undefined ? -1 : await makeFd();
  link.sendPacket(packet, fd);
  if (fd >= 0) addon.close(fd);
  await link.over();
  link.close();
};

const spill = (bytes) => ({ type: PACKET.spill, bytes });
const sealed = (bytes) => () => addon.allocate(bytes);

/** Memory of a spill, filled by `fill`, sent, and then we are gone. */
const leave = (bytes, fill) => async (port) => {
  const link = await RawLink.to(port);
  const fd = addon.allocate(4096);
  const memory = addon.map(fd, 4096);
  fill(memory);
  link.sendPacket(spill(bytes), fd);
  addon.close(fd);
  addon.release(memory);
  link.close();
};

const packetWith = (packet, offset, value) => {
  const bytes = encodePacket(packet);
  bytes.writeUInt16LE(value, offset);
  return bytes;
};
/** An open link whose other end was told to look for us at an address of its own choosing. */
const provenBy = (proof) => async (port) => {
  const link = await RawLink.to(port, { proof: proof() });
  link.close();
};
const sixteen = () => randomBytes(16);

const HELLO = {
  type: PACKET.hello,
  isolate: 'ab'.repeat(16),
  pid: 1,
  proof: NO_PROOF,
  ringBytes: RING_BYTES,
  slotCount: SLOTS,
};
const WELCOME = { type: PACKET.welcome, isolate: 'ab'.repeat(16), pid: 1, proof: NO_PROOF };

const header = (word, value) => helloOf({ spoil: (memory) => (new Uint32Array(memory)[word] = value) });

/** Packets that the addon would not send, on an open link or a fresh connection. */
const sends =
  (fresh, ...args) =>
  async (port) => {
    const link = fresh ? new RawLink(reach(port)) : await RawLink.to(port);
    tool(['send', '3', ...args], link.fd);
    await link.over();
    link.close();
  };

export const wrongSetup = {
  garbage: first(() => randomBytes(100)),
  'three bytes': first(Buffer.from('abc')),
  'a byte that is no doorbell': first(Buffer.from('C')),
  'a packet too large': sends(true, '1', '4096', '0'),
  'a packet of no bytes': sends(true, '1', '0', '0'),
  'fifty descriptors': sends(true, '1', '1', '50'),
  'fifty descriptors later': sends(false, '1', '1', '50'),
  'another version': first(packetWith(HELLO, 4, 3)),
  'an unknown packet': first(packetWith(HELLO, 6, 9)),
  'a HELLO cut off': first(encodePacket(HELLO).subarray(0, 30)),
  'no memory': first(HELLO),
  'a device as memory': helloWith(file('/dev/null')),
  'a file as memory': helloWith(file('/proc/self/exe')),
  'a folder as memory': helloWith(file('/')),
  'a socket as memory': helloWith(async (port) => {
    const fd = reach(port);
    return { fd, close: () => addon.close(fd) };
  }),
  'memory without seals': helloWith(memfd(0)),
  'memory that can shrink': helloWith(memfd(SEAL.seal | SEAL.grow)),
  'memory that can grow': helloWith(memfd(SEAL.seal | SEAL.shrink)),
  'memory that takes more seals': helloWith(memfd(SEAL.shrink | SEAL.grow)),
  'memory sealed against writing': helloWith(memfd(ALL | SEAL.write)),
  'memory sealed against writing later': helloWith(memfd(ALL | SEAL.futureWrite)),
  'memory too small': helloWith(memfd(ALL, BYTES - 4096)),
  'memory too large': helloWith(memfd(ALL, BYTES + 4096)),
  'empty memory': helloWith(memfd(ALL, 0)),
  'a ring of no bytes': helloOf({ ringBytes: 0 }),
  'a ring too small': helloOf({ ringBytes: RING_BYTES / 2 }),
  'a ring of an odd size': helloOf({ ringBytes: RING_BYTES + 1 }),
  'a ring too large': helloOf({ ringBytes: 2 ** 31 }),
  'no slots': helloOf({ slotCount: 0 }),
  'too many slots': helloOf({ slotCount: 2 ** 17 }),
  'another magic': header(0, 1),
  'another layout': header(1, 3),
  'another size': header(2, 0xffff_ffff),
  'another ring': header(3, RING_BYTES * 2),
  'another offset': header(5, 0),
  'a proof where nothing is': provenBy(() => ({ address: 4096, bytes: sixteen() })),
  'a proof in the kernel': provenBy(() => ({ address: Number.MAX_SAFE_INTEGER, bytes: sixteen() })),
  'a proof of other bytes': provenBy(() => ({ address: addon.addressOf(Buffer.alloc(64)), bytes: sixteen() })),
  'a proof beyond any address': helloOf({ proof: { address: 2 ** 60, bytes: sixteen() } }),
  'a second HELLO': late(HELLO, sealed(BYTES)),
  'a WELCOME': late(WELCOME),
  'a REJECT': late({ type: PACKET.reject, text: 'no' }),
  'a SPILL first': first(spill(16)),
  'a SPILL without memory': late(spill(16)),
  'a SPILL of no bytes': late(spill(0), sealed(4096)),
  'a SPILL of 2 GiB': late(spill(2 ** 31), sealed(4096)),
  'a SPILL of 4 GiB': late(spill(2 ** 32 - 1), sealed(4096)),
  'a SPILL of another size': late(spill(5000), sealed(4096)),
  'a SPILL without seals': late(spill(4096), async () => (await memfd(0, 4096)()).fd),
  'two SPILLs': async (port) => {
    const link = await RawLink.to(port);
    for (let i = 0; i < 2; i++) {
      const fd = addon.allocate(4096);
      link.sendPacket(spill(16), fd);
      addon.close(fd);
    }
    await link.over();
    link.close();
  },
  'a SPILL of nonsense': leave(4096, (memory) => new Uint8Array(memory).set(randomBytes(4096))),
  'a SPILL of an odd size': leave(17, (memory) => new Uint32Array(memory).set([17, 6, 3, 0])),
  'a SPILL for nobody': leave(32, (memory) => new Uint32Array(memory).set([32, 5, 4, 0])),
  'memory that is spoiled and punched full of holes': async (port) => {
    const link = await RawLink.to(port);
    const said = tool(['spoil', '3', String(BYTES)], link.memoryFd);
    for (const what of ['truncate', 'grow', 'seal']) {
      if (!said.includes(`${what}: Operation not permitted`)) throw new Error(said);
    }
    if (!said.includes('punch: done')) throw new Error(said);
    // All zero now: whatever we publish is nonsense.
    Atomics.store(link.words, 256 >> 2, 64);
    addon.linkBell(link.id);
    await link.over();
    link.close();
  },
  'descriptors with doorbells': async (port) => {
    const link = await RawLink.to(port);
    tool(['send', '3', '200', '1', '1'], link.fd);
    link.close();
  },
  'two hundred connections and no word': async (port) => {
    const links = Array.from({ length: 200 }, () => {
      for (;;) {
        try {
          return new RawLink(reach(port));
        } catch {
          // The backlog of the companion is full for a moment.
        }
      }
    });
    for (const link of links) link.close();
  },
  'memory left unused': async (port) => {
    const { fd, memory } = makeMemory();
    const link = await RawLink.to(port);
    addon.close(fd);
    addon.release(memory);
    link.close();
  },
};
