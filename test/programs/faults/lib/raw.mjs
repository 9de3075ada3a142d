// A peer that speaks the link's protocols itself, through the addon, and can therefore get anything in them wrong on
// purpose (docs/SHM_LAYOUT.md, docs/SESSION_PROTOCOL.md). It runs without the switch.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { decodePacket, encodePacket } from '../../../../dist/providers/shm/control-packets.js';
import { encodeConnect } from '../../../../dist/providers/shm/connect-record.js';
import * as layouts from '../../../../dist/providers/shm/layout.js';
import { RingReader } from '../../../../dist/providers/shm/ring-reader.js';
import { RingWriter } from '../../../../dist/providers/shm/ring-writer.js';
import { ANNOUNCEMENT_PREFIX, companionName, ProxyDriver } from '../../../../dist/proxy-driver/index.js';
import { encodeOffer } from '../../../../dist/session/negotiate.js';
import { encodeHeader } from '../../../../dist/session/wire.js';
import { parameters } from './talk.mjs';

export { decodePacket, encodeHeader, encodePacket };
export const { linkLayout, writeLinkHeader } = layouts;
export const KIND = {
  pad: layouts.RECORD_PAD,
  connect: layouts.RECORD_CONNECT,
  accept: layouts.RECORD_ACCEPT,
  refuse: layouts.RECORD_REFUSE,
  message: layouts.RECORD_MESSAGE,
  close: layouts.RECORD_CLOSE,
  write: layouts.RECORD_WRITE,
  duplicate: layouts.RECORD_DUPLICATE,
  duplicated: layouts.RECORD_DUPLICATED,
  attach: layouts.RECORD_ATTACH,
};
export const TYPE = { confirm: 1, data: 2, credit: 3, fin: 4 };
export const PACKET = { hello: 1, welcome: 2, reject: 3, spill: 4 };

const loaded = ProxyDriver.load();
if (loaded.driver === null) throw new Error(loaded.reason);
export const { driver } = loaded;
export const { addon } = driver;

/** Our memory is not to be looked into. */
export const NO_PROOF = { address: 0, bytes: new Uint8Array(16) };

export const RING_BYTES = layouts.RING_BYTES_MIN;
export const SLOTS = layouts.SLOTS_MIN;
export const LAYOUT = linkLayout(RING_BYTES, SLOTS);
const LOCALHOST = '127.0.0.1';

/** The cookie of the listener on a port of this host. */
export const cookieOf = (port) => {
  const fd = driver.reservePort({ address: LOCALHOST, port: 0, family: 4 });
  const found = driver.translate({ address: LOCALHOST, port, family: 4 }, driver.getEndpoint(fd));
  addon.close(fd);
  if (typeof found === 'number') throw new Error(`no listener on ${port}: ${found}`);
  return found.cookie;
};

/** A companion of the listener on a port, announced as real ones are. The addon's number of it. */
export const companionOf = (cookie, port, onAccept) => {
  const listener = addon.listen(companionName(cookie, 0), 16, onAccept);
  if (listener >= 0) addon.announce(listener, ANNOUNCEMENT_PREFIX, port);
  return listener;
};

/** A control connection to the companion of the listener on a port: its descriptor. */
export const reach = (port) => {
  const fd = addon.connect(companionName(cookieOf(port), 0));
  if (fd < 0) throw new Error(`the companion of port ${port} cannot be reached: ${fd}`);
  return fd;
};

/** Memory of our own, of the right shape: its descriptor and its mapping. */
export const makeMemory = (layout = LAYOUT) => {
  const fd = addon.allocate(layout.totalBytes);
  const memory = addon.map(fd, layout.totalBytes);
  writeLinkHeader(memory, layout);
  return { fd, memory };
};

export const OFFER = {
  version: 1,
  windowBytes: 4 << 20,
  receiveBuffers: 32767,
  rdmaRead: false,
  rdmaWrite: false,
  suspend: false,
  maxMessageBytes: 65000,
  maxRdmaBytes: 0,
  rdmaThresholdBytes: 0,
};

export const connectPayload = (port, changes = {}) =>
  encodeConnect({
    cookie: cookieOf(port),
    local: { sa_family: 2, sin_addr: LOCALHOST, sin_port: 40000 },
    remote: { sa_family: 2, sin_addr: LOCALHOST, sin_port: port },
    data: encodeOffer(OFFER),
    ...changes,
  });

/** A session message: header fields as given, then the payload. */
export const message = (type, { flags = 0, messages = 0, consumed = 0, length, payload = Buffer.alloc(0) } = {}) => {
  const bytes = Buffer.alloc(16 + payload.length);
  encodeHeader(bytes, type, flags, messages, length ?? payload.length, consumed);
  bytes.set(payload, 16);
  return bytes;
};

/** What is still to be waited for fails after a while. */
const patience = (promise, what) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`in vain: ${what}`)), 8000);
    promise.then((value) => {
      clearTimeout(timer);
      resolve(value);
    }, reject);
  });

export class RawLink {
  packets = [];
  records = [];
  closed = null;
  memory = null;
  #waiters = new Set();

  constructor(fd) {
    this.fd = fd;
    this.id = addon.linkOpen(
      fd,
      this,
      (bytes, passed) => {
        this.packets.push({ packet: decodePacket(bytes), passed });
        this.#look();
      },
      (errno) => {
        this.closed = errno;
        this.#look();
      },
    );
    if (this.id < 0) throw new Error(`linkOpen: ${this.id}`);
  }

  #look() {
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** The first value that is not undefined. */
  until(find, what) {
    const promise = new Promise((resolve) => {
      const waiter = () => {
        const found = find();
        if (found === undefined) return;
        this.#waiters.delete(waiter);
        resolve(found);
      };
      this.#waiters.add(waiter);
      waiter();
    });
    return patience(promise, what);
  }

  packet(type) {
    return this.until(() => this.packets.find(({ packet }) => packet.type === type), `a packet of type ${type}`);
  }

  async record(kind, connection) {
    const fits = (record) => record.kind === kind && (connection === undefined || record.connection === connection);
    const polling = this.passive ? setInterval(() => this.read(), 1) : null;
    const found = await this.until(() => this.records.find(fits), `a record of kind ${kind}`);
    clearInterval(polling);
    return found;
  }

  /** Resolves with the errno when the other side has ended the link. */
  over() {
    return this.until(() => this.closed ?? undefined, 'the end of the link');
  }

  sendPacket(packet, fd = -1) {
    return addon.linkSend(this.id, packet instanceof Uint8Array ? packet : encodePacket(packet), fd);
  }

  /** HELLO with memory of our own, everything right unless said otherwise. */
  hello({
    ringBytes = RING_BYTES,
    slotCount = SLOTS,
    isolate = randomBytes(16).toString('hex'),
    proof = NO_PROOF,
    fd,
    spoil,
  } = {}) {
    const made = fd === undefined ? makeMemory() : { fd, memory: null };
    spoil?.(made.memory);
    this.memory = made.memory;
    this.memoryFd = made.fd;
    const packet = { type: PACKET.hello, isolate, pid: process.pid, proof, ringBytes, slotCount };
    return this.sendPacket(packet, made.fd);
  }

  /**
   * Starts the rings; role 0 made the memory. What comes is read and kept. `passive`: only when `read()` is called, and
   * the event loop does not look after this link, which would give up one that reads nothing.
   */
  attach(role = 0, { layout = LAYOUT, passive = false } = {}) {
    const drain = () => this.read();
    this.passive = passive;
    const state = passive ? new ArrayBuffer(64) : addon.linkAttach(this.id, this.memory, role, layout.ringBytes, drain);
    this.words = new Int32Array(this.memory);
    this.writer = new RingWriter(this.memory, layout, role);
    this.reader = new RingReader(this.memory, layout, role === 0 ? 1 : 0, new Int32Array(state));
  }

  read() {
    while (this.reader.next() === 1) {
      const { kind, connection, payloadOffset, payloadBytes } = this.reader;
      const payload = Buffer.from(this.reader.bytes.slice(payloadOffset, payloadOffset + payloadBytes));
      this.records.push({ kind, connection, payload });
      this.reader.take();
    }
    this.reader.release();
    if (this.reader.producerWaits() && this.writer.consumerSleeps()) addon.linkBell(this.id);
    this.#look();
  }

  /** A record with a good header; false if there is no room. */
  put(kind, connection, payload = Buffer.alloc(0)) {
    const at = this.writer.reserve(kind, connection, payload.length);
    if (at < 0) return false;
    this.writer.bytes.set(payload, at);
    this.writer.publish();
    addon.linkBell(this.id);
    return true;
  }

  /** A link to the listener on a port, open and attached. */
  static async to(port, options) {
    const link = new RawLink(reach(port));
    link.hello(options);
    await link.packet(PACKET.welcome);
    link.attach(0, options);
    return link;
  }

  /** A connection, accepted and not confirmed. */
  async connect(port, connection = 0, changes) {
    this.put(KIND.connect, connection, connectPayload(port, changes));
    await this.record(KIND.accept, connection);
  }

  /** Our own end. */
  close() {
    addon.linkClose(this.id);
    if (this.memoryFd >= 0) addon.close(this.memoryFd);
    this.memoryFd = -1;
    if (this.memory !== null) addon.release(this.memory);
    this.memory = null;
  }
}

/** Runs test/programs/faults/tool.c with descriptors as 3, 4 …; what it prints. */
export const tool = (args, ...fds) => {
  const result = spawnSync(parameters.tool, args, { stdio: ['ignore', 'pipe', 'inherit', ...fds], encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${args.join(' ')}: ${result.status ?? result.signal}`);
  return result.stdout;
};
