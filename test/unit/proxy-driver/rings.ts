/**
 * The TypeScript half of a link in its smallest form, to test the native half with: "messages" are units of the tail
 * counter, nothing is stored in the rings. It keeps to the sleep protocol (D6) as the shm provider does.
 */
import { strict as assert } from 'node:assert';
import { type Addon, ISOLATE_AWAKE, LINK_STATE, loadAddon } from '../../../src/proxy-driver/index.js';

export const RING_BYTES = 512 * 1024;
export const MEMORY_BYTES = 4096 * 3 + 2 * RING_BYTES;
/** What one message adds to the tail. */
const UNIT = 16;

// Control lines of direction d, as word indexes (docs/SHM_LAYOUT.md).
const line = (direction: number, offset: number): number => (256 + direction * 512 + offset) / 4;
const TAIL = 0;
const HEAD = 128;
const SLEEPING = 256;

export function addonForTests(): Addon {
  const { addon, reason } = loadAddon();
  assert.equal(reason, null);
  assert.ok(addon);
  return addon;
}

let names = 0;
/** An abstract name that no other test uses. */
export function freshName(): string {
  return `sockets-direct-test/${process.pid}.${Date.now()}.${names++}`;
}

export class TestEnd {
  readonly link: number;
  memory: ArrayBuffer | null = null;
  state: Int32Array = new Int32Array(16);
  received = 0;
  drains = 0;
  closed: number | null = null;
  readonly packets: { bytes: Uint8Array; fd: number }[] = [];
  onMessages: (count: number) => void = () => undefined;
  onPacket: (bytes: Uint8Array, fd: number) => void = (bytes, fd) => this.packets.push({ bytes, fd });
  onClosed: (errno: number) => void = () => undefined;
  /** Whether drain consumes; otherwise it makes no progress, like a program that cannot make sense of the ring. */
  consuming = true;
  readonly #addon: Addon;
  readonly #isolate: Int32Array;
  #words: Int32Array = new Int32Array(1024);
  #rx = 0;
  #tx = 0;

  constructor(addon: Addon, fd: number, isolate: Int32Array = new Int32Array(addon.isolate())) {
    this.#addon = addon;
    this.#isolate = isolate;
    this.link = addon.linkOpen(
      fd,
      this,
      (bytes, passed) => this.onPacket(bytes, passed),
      (errno) => {
        assert.equal(this.closed, null, 'onClosed comes once');
        this.closed = errno;
        this.onClosed(errno);
      },
    );
    assert.ok(this.link > 0, `linkOpen: ${this.link}`);
  }

  /** Role 0 writes direction 0. */
  attach(role: 0 | 1, memory: ArrayBuffer): void {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#tx = role;
    this.#rx = 1 - role;
    this.state = new Int32Array(this.#addon.linkAttach(this.link, memory, role, RING_BYTES, () => this.#drain()));
  }

  #drain(): void {
    this.drains++;
    if (!this.consuming) return;
    const tail = Atomics.load(this.#words, line(this.#rx, TAIL));
    const count = ((tail - this.state[LINK_STATE.RX_HEAD]) >>> 0) / UNIT;
    this.state[LINK_STATE.RX_HEAD] = tail;
    Atomics.store(this.#words, line(this.#rx, HEAD), tail);
    this.received += count;
    this.onMessages(count);
  }

  /** One store makes them visible; the doorbell only for a sleeper. */
  send(count = 1): void {
    const words = this.#words;
    Atomics.add(words, line(this.#tx, TAIL), count * UNIT);
    const sleeping = line(this.#tx, SLEEPING);
    if (Atomics.load(words, sleeping) !== 0 && Atomics.exchange(words, sleeping, 0) !== 0)
      this.#addon.linkBell(this.link);
    if (this.#isolate[ISOLATE_AWAKE] === 0) this.#addon.wake();
  }

  /** Whether this end has told the other that it sleeps. */
  get asleep(): boolean {
    return Atomics.load(this.#words, line(this.#rx, SLEEPING)) !== 0;
  }

  close(): void {
    assert.equal(this.#addon.linkClose(this.link), 0);
    if (this.memory !== null && this.memory.byteLength > 0) assert.equal(this.#addon.release(this.memory), 0);
  }
}

/** The memory of a link, mapped. */
export function mapped(addon: Addon, fd: number, bytes = MEMORY_BYTES): ArrayBuffer {
  const memory = addon.map(fd, bytes);
  assert.ok(typeof memory !== 'number', 'mapped');
  return memory;
}

/** Two connected control sockets. */
export async function controlPair(addon: Addon): Promise<[number, number]> {
  const name = freshName();
  let listener = 0;
  const accepted = new Promise<number>((resolve) => {
    listener = addon.listen(name, 4, resolve);
    assert.ok(listener > 0, `listen: ${listener}`);
  });
  const connected = addon.connect(name);
  assert.ok(connected >= 0, `connect: ${connected}`);
  const alive = setInterval(() => undefined, 1000); // nothing of the addon's keeps the loop alive
  const fd = await accepted;
  clearInterval(alive);
  assert.equal(addon.unlisten(listener), 0);
  return [connected, fd];
}

/** Both ends of a link, in this isolate. */
export async function linkPair(addon: Addon, isolate?: Int32Array): Promise<[TestEnd, TestEnd]> {
  const [a, b] = await controlPair(addon);
  const fd = addon.allocate(MEMORY_BYTES);
  const pair: [TestEnd, TestEnd] = [new TestEnd(addon, a, isolate), new TestEnd(addon, b, isolate)];
  pair[0].attach(0, mapped(addon, fd));
  pair[1].attach(1, mapped(addon, fd));
  assert.equal(addon.close(fd), 0);
  return pair;
}
