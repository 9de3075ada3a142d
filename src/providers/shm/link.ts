/**
 * A link (D3): one memfd with a ring each way and one control connection, between two isolates. All their connections
 * share it. This file moves records; setting a link up is in link-setup.ts, the meaning of control records in
 * link-records.ts.
 */
import {
  RUN_BEFORE,
  RUN_STOP,
  RUN_VIOLATION,
  WSA_OPERATION_ABORTED,
  type WSABUF,
  type WSAOVERLAPPED,
} from '../../spi/index.js';
import { type Addon, LINK_STATE } from '../../proxy-driver/index.js';
import { AccessTable, whenUnwritten } from './access.js';
import { encodePacket, PACKET_SPILL } from './control-packets.js';
import { type LinkLayout, RECORD_CLOSE, RECORD_MESSAGE } from './layout.js';
import { OUT_OF_REACH, type Reach } from './reach.js';
import { RECORD_BROKEN, RECORD_FOUND, RECORD_NONE, type RecordSource } from './record-source.js';
import { RingReader } from './ring-reader.js';
import { BROKEN, RingWriter } from './ring-writer.js';
import type { ShmSocket } from './socket-record.js';
import { SpillReader, SpillWriter } from './spill.js';
import { isTooMany, type QueuedRecord } from './transmit-queue.js';

const { TX_WAITING, TX_WANTED, PROGRESS } = LINK_STATE;

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

/** `send()`: in the ring; or no room: queue it; or the link is gone. */
export const SEND_DONE = 0;
export const SEND_NO_ROOM = 1;
export const SEND_GONE = 2;

/** Messages taken in one run at most, so that a peer that never stops cannot keep the loop. */
const RUN_MESSAGES_MAX = 8192;
/** Up to this many bytes a loop beats the call. */
const COPY_LOOP_BYTES_MAX = 16;

/** What a link needs of the provider. */
export interface LinkHost {
  readonly addon: Addon;
  /** Word 0 of the isolate's block: the event loop is awake, or knows already that the program sends. */
  readonly awake: Int32Array;
  /** Most bytes that a link may leave to its peer at exit (D7). */
  readonly spillBytesMax: number;
  /** A control record came; `payload` is a copy. Returns what is wrong with it, or null. */
  onRecord(link: Link, kind: number, connection: number, payload: Uint8Array): string | null;
  /** A queued record of the switch's is in the ring (0), or never will be (a WSA code). */
  onSent(socket: ShmSocket, overlapped: WSAOVERLAPPED, error: number, bytes: number): void;
  /** A message waits for a receiver, or for a posted buffer. */
  onEarly(socket: ShmSocket): void;
  /** The link is gone; its sockets have been told. `violation` is empty unless the peer broke the rules. */
  onLinkGone(link: Link, violation: string): void;
}

/** A connection slot that we closed, until the peer closes as well. */
export const SLOT_CLOSING = 'closing';
export type Slot = ShmSocket | typeof SLOT_CLOSING | undefined;

export class Link {
  /** The peer, as the kernel names it. */
  readonly pid: number;
  readonly uid: number;
  readonly role: 0 | 1;
  /** The addon's number of this link. */
  readonly id: number;
  /** The peer's isolate, from its HELLO or WELCOME. */
  isolate = '';
  /** Whether records may flow. */
  open = false;
  /** The control connection is gone; what the peer left is being read. */
  ending = false;
  gone = false;
  /** A connect was given up without an answer, and nothing has come since: the peer's loop is busy or stopped. */
  unanswered = false;
  /** Memory that is mapped but not in use yet, while the link is being set up. */
  unattached: ArrayBuffer | null = null;
  readonly slots: Slot[] = [];
  /** What of the peer's memory we can reach by ourselves, and the peer of ours. */
  reach: Reach = OUT_OF_REACH;
  access: AccessTable | null = null;
  /** Whether the link's memory is kept from being swapped out (SP-15). */
  locked = false;
  readonly #host: LinkHost;
  #memory: ArrayBuffer | null = null;
  #layout!: LinkLayout;
  #writer!: RingWriter;
  #reader!: RingReader;
  #state!: Int32Array;
  #ownConsumed = 0;
  #peerConsumed = 0;
  #words!: Int32Array;
  #queue: QueuedRecord[] = [];
  /** What was queued when the link ended; its operations are still to be ended. */
  #lost: QueuedRecord[] = [];
  #freeIds: number[] = [];
  #nextId: number;
  #spill: SpillWriter | null = null;
  #left: SpillReader | null = null;

  constructor(host: LinkHost, id: number, role: 0 | 1, uid: number, pid: number) {
    this.#host = host;
    this.id = id;
    this.role = role;
    this.uid = uid;
    this.pid = pid;
    this.#nextId = role;
  }

  /** Number of connections, those being closed included. */
  get connections(): number {
    let count = 0;
    for (const slot of this.slots) if (slot !== undefined) count++;
    return count;
  }

  /** Starts the rings over mapped memory. */
  attach(memory: ArrayBuffer, layout: LinkLayout): void {
    const sending = this.role;
    const receiving = this.role === 0 ? 1 : 0;
    this.#memory = memory;
    this.#layout = layout;
    this.#words = new Int32Array(memory);
    const state = this.#host.addon.linkAttach(this.id, memory, this.role, layout.ringBytes, () => this.drain());
    this.#state = new Int32Array(state);
    this.#writer = new RingWriter(memory, layout, sending);
    this.#reader = new RingReader(memory, layout, receiving, this.#state);
    this.#ownConsumed = layout.consumedOffset[sending] >> 2;
    this.#peerConsumed = layout.consumedOffset[receiving] >> 2;
    this.access = new AccessTable(this.#host.addon, this.id, memory, this.role);
    this.locked = this.#host.addon.lock(memory) === 0;
    this.open = true;
  }

  /** A free connection id of our half (the connector of the link has the even ones), or -1. */
  allocate(): number {
    const free = this.#freeIds.pop();
    if (free !== undefined) return free;
    const id = this.#nextId;
    if (id >= this.#layout.slotCount) return -1;
    this.#nextId += 2;
    return id;
  }

  /** The slot is free on both sides. */
  release(connection: number): void {
    this.slots[connection] = undefined;
    if ((connection & 1) === this.role) this.#freeIds.push(connection);
  }

  /** Whether a message of more than `bytes` bytes waits in the ring for a connection. */
  hasArrived(connection: number, bytes: number): boolean {
    return this.open && !this.gone && this.#reader.hasMessage(connection, bytes);
  }

  // ---------------------------------------------------------------- sending

  /** Puts a record made of `count` buffers (`bytes` in all) in the ring. */
  send(kind: number, connection: number, buffers: readonly WSABUF[], count: number, bytes: number): number {
    if (!this.open) return SEND_GONE;
    if (this.ending) return SEND_DONE; // nobody reads any more; what the peer left still does the talking
    if (this.#queue.length > 0) return SEND_NO_ROOM;
    return this.#put(kind, connection, buffers, count, bytes);
  }

  #put(kind: number, connection: number, buffers: readonly WSABUF[], count: number, bytes: number): number {
    if (this.#spill !== null && this.#spill.bytes > 0) return this.#toSpill(kind, connection, buffers, count);
    const writer = this.#writer;
    let at = writer.reserve(kind, connection, bytes);
    if (at < 0) {
      if (at === BROKEN) {
        this.fail('the head of its ring is not where it can be');
        return SEND_GONE;
      }
      return this.#spill === null ? SEND_NO_ROOM : this.#toSpill(kind, connection, buffers, count);
    }
    const memory = writer.bytes;
    for (let i = 0; i < count; i++) {
      const { buf, len } = buffers[i];
      if (len <= COPY_LOOP_BYTES_MAX) for (let j = 0; j < len; j++) memory[at + j] = buf[j];
      else if (buf.length === len) memory.set(buf, at);
      else memory.set(buf.subarray(0, len), at);
      at += len;
    }
    if (writer.publish()) this.#host.addon.linkBell(this.id);
    if (this.#host.awake[0] === 0) this.#host.addon.wake();
    return SEND_DONE;
  }

  /** Keeps a record until there is room. Never sends it here: an operation does not end inside the call that starts it. */
  enqueue(record: QueuedRecord): void {
    this.#queue.push(record);
    if (isTooMany(this.#queue.length, this)) this.fail('it takes nothing and asks for ever more');
    else if (this.#queue.length === 1 && this.#wait()) setImmediate(flushLink, this);
  }

  /** Waits for room; true: some has come between the look that found none and the word that we wait. SYNC POINT: waiting */
  #wait(): boolean {
    const wanted = this.#writer.wait();
    this.#state[TX_WANTED] = wanted;
    this.#state[TX_WAITING] = 1;
    return this.#writer.look() && ((this.#writer.head - wanted) | 0) >= 0;
  }

  /** For `setImmediate`: room has come already, and nobody will say so. */
  flushLater(): void {
    if (this.open && !this.gone) this.#flush();
  }

  /** A record of the provider's own: in the ring, or queued as a copy. */
  sendRecord(kind: number, connection: number, payload: Uint8Array): void {
    const buffers = [{ len: payload.length, buf: payload }];
    const sent = this.send(kind, connection, buffers, 1, payload.length);
    if (sent !== SEND_NO_ROOM) return;
    const bytes = payload.length;
    this.enqueue({ kind, connection, buffers, count: 1, bytes, transferred: 0, overlapped: null, socket: null });
  }

  /** Sends what waits; true if an operation of the switch's ended, which is an event of its own. */
  #flush(): boolean {
    while (this.#queue.length > 0) {
      const { kind, connection, buffers, count, bytes, overlapped, socket, transferred } = this.#queue[0];
      const sent = this.#put(kind, connection, buffers, count, bytes);
      if (sent === SEND_GONE) return false;
      if (sent === SEND_NO_ROOM) {
        if (this.#wait()) continue;
        return false;
      }
      this.#queue.shift();
      this.#state[PROGRESS]++;
      if (overlapped === null || socket === null) continue;
      if (this.#queue.length === 0) this.#state[TX_WAITING] = 0;
      // The rest waits for its turn, not for room. Where each finds some, 2 GiB later the head would count as before what was wanted.
      else this.#state[TX_WANTED] = this.#writer.head;
      this.#host.onSent(socket, overlapped, 0, transferred);
      return true;
    }
    this.#state[TX_WAITING] = 0;
    return false;
  }

  /** Ends the switch's queued operations of a socket that is being closed (CLOSE-4, CLOSE-5). */
  abort(socket: ShmSocket): void {
    const mine = this.#queue.filter((record) => record.socket === socket);
    if (mine.length === 0) return;
    this.#queue = this.#queue.filter((record) => record.socket !== socket);
    if (this.#queue.length === 0) this.#state[TX_WAITING] = 0; // nobody waits for room any more
    for (const { overlapped } of mine) {
      if (overlapped !== null) this.#host.onSent(socket, overlapped, WSA_OPERATION_ABORTED, 0);
    }
  }

  /** The link is gone: the switch's operations of a socket that will never be sent, once each (CLOSE-3). */
  takeLost(socket: ShmSocket): WSAOVERLAPPED[] {
    const mine = this.#lost.filter((record) => record.socket === socket);
    if (mine.length > 0) this.#lost = this.#lost.filter((record) => record.socket !== socket);
    return mine.flatMap(({ overlapped }) => overlapped ?? []);
  }

  // ---------------------------------------------------------------- receiving

  /** One event: called by the event loop as long as there is work. */
  drain(): void {
    if (!this.open || this.gone) return;
    this.unanswered = false;
    if (this.#state[TX_WAITING] !== 0 && this.#flush()) return;
    this.#run(this.#reader);
  }

  /** Takes one run of messages of one connection, or one record of another kind. */
  #run(source: RecordSource): void {
    if (!this.open) return; // the flush may have ended it
    const found = source.next();
    if (found === RECORD_NONE) {
      this.#give(source);
      return;
    }
    if (found === RECORD_BROKEN) {
      this.fail('a record that makes no sense');
      return;
    }
    const { kind, connection } = source;
    if (kind !== RECORD_MESSAGE) {
      const payload = source.bytes.slice(source.payloadOffset, source.payloadOffset + source.payloadBytes);
      source.take();
      this.#give(source);
      const wrong = this.#host.onRecord(this, kind, connection, payload);
      if (wrong !== null) this.fail(wrong);
      return;
    }
    const slot = this.slots[connection];
    if (slot === undefined || slot === SLOT_CLOSING || slot.state === 'disconnected') {
      source.take();
      this.#give(source);
      if (slot === undefined) this.fail(`a message for connection ${connection}, which is not open`);
      return;
    }
    const receiver = slot.receiver;
    if (receiver === null || slot.early.length > 0) {
      this.#keepEarly(slot, source);
      return;
    }
    let wrong = false;
    for (let taken = 0; taken < RUN_MESSAGES_MAX; taken++) {
      const result = receiver.onMessage(source.bytes, source.payloadOffset, source.payloadBytes);
      if (result === RUN_BEFORE) {
        if (taken === 0) this.#state[PROGRESS]++; // it is `onRunEnd` that gets on
        break;
      }
      wrong = result === RUN_VIOLATION;
      source.take();
      if (wrong || result === RUN_STOP || this.gone) break;
      if (source.next() !== RECORD_FOUND || source.kind !== RECORD_MESSAGE || source.connection !== connection) break;
    }
    if (wrong) {
      this.fail('a session message that makes no sense');
      return;
    }
    this.#give(source);
    receiver.onRunEnd();
  }

  /** Gives room back, and says so to a producer that waits for it. */
  #give(source: RecordSource): void {
    if (this.gone || source !== this.#reader) return;
    this.#reader.release();
    if (this.#reader.producerWaits() && this.#writer.consumerSleeps()) this.#host.addon.linkBell(this.id);
  }

  /** A message before anybody takes it is kept, and never costs the connection (SESS-6 … SESS-8, ERR-9). */
  #keepEarly(slot: ShmSocket, source: RecordSource): void {
    const bytes = source.payloadBytes;
    slot.earlyBytes += bytes;
    if (slot.earlyBytes > this.#layout.ringBytes) {
      this.fail('more early messages than a ring holds');
      return;
    }
    slot.early.push(source.bytes.slice(source.payloadOffset, source.payloadOffset + bytes));
    source.take();
    this.#give(source);
    if (slot.posted.length > 0) this.#host.onEarly(slot);
  }

  // ---------------------------------------------------------------- consumed counters (GAP-3)

  setConsumed(connection: number, total: number): void {
    if (this.open) this.#words[this.#ownConsumed + connection] = total;
  }

  peerConsumed(connection: number): number {
    return this.open ? Atomics.load(this.#words, this.#peerConsumed + connection) : 0;
  }

  /** A slot begins a new connection: our counter starts over. */
  resetConsumed(connection: number): void {
    this.setConsumed(connection, 0);
  }

  // ---------------------------------------------------------------- exit of this process (D7)

  /**
   * From now on nothing waits: what the ring cannot hold goes to the spill, in order. What waited is placed, and nobody
   * is told: an exiting program hears of nothing any more, and might do anything if it did.
   */
  beginExit(): void {
    if (!this.open || this.ending || this.#spill !== null) return;
    this.#spill = new SpillWriter(this.#host.spillBytesMax);
    const queue = this.#queue;
    this.#queue = [];
    for (const { kind, connection, buffers, count, bytes } of queue) this.#put(kind, connection, buffers, count, bytes);
  }

  #toSpill(kind: number, connection: number, buffers: readonly WSABUF[], count: number): number {
    // Past the budget the rest is lost, as bytes that a kernel socket buffer had no room for would be.
    this.#spill?.add(kind, connection, buffers, count);
    return SEND_DONE;
  }

  /** Hands the spill to the peer: a descriptor in flight outlives us. */
  endExit(): void {
    const spill = this.#spill;
    if (spill === null || spill.bytes === 0) return;
    const addon = this.#host.addon;
    const size = (spill.bytes + 4095) & ~4095;
    const fd = addon.allocate(size);
    if (fd < 0) return;
    const memory = addon.map(fd, size);
    if (typeof memory !== 'number') {
      spill.copyTo(memory);
      addon.release(memory);
      addon.linkSend(this.id, encodePacket({ type: PACKET_SPILL, bytes: spill.bytes }), fd);
    }
    addon.close(fd);
  }

  // ---------------------------------------------------------------- the end

  /** The peer's spill: read after the ring, when the control connection has ended. False: it makes no sense. */
  keepSpill(bytes: number, fd: number): boolean {
    const size = Math.ceil(bytes / 4096) * 4096; // not by bits: the peer may say up to 2^32 - 1
    const memory = this.#left === null && bytes > 0 ? this.#host.addon.map(fd, size) : -1;
    if (typeof memory === 'number') return false;
    this.#left = new SpillReader(memory, bytes, this.#layout.slotCount);
    return true;
  }

  /** The control connection has ended; the ring has been drained. Reads what an exiting peer left, then ends. */
  onControlEnd(): void {
    if (this.gone) return;
    this.ending = true;
    this.#readLeft();
  }

  #readLeft(): void {
    if (this.gone) return;
    const left = this.#left;
    if (left === null || left.next() === RECORD_NONE) {
      this.end('');
      return;
    }
    setImmediate(readLeft, this);
    this.#run(left);
  }

  /** For `setImmediate`: one run per callback, as from the ring. */
  continueLeft(): void {
    this.#readLeft();
  }

  /** The peer broke the rules: it loses the link, and nothing more (D5). */
  fail(violation: string): void {
    this.end(violation);
  }

  /** Ends the link: every socket is told, each in a callback of its own; memory and descriptor go. */
  end(violation: string): void {
    if (this.gone) return;
    for (const slot of this.slots) {
      if (slot === undefined || slot === SLOT_CLOSING) continue;
      slot.finalConsumed = this.peerConsumed(slot.connection);
    }
    this.gone = true;
    this.open = false;
    this.reach = OUT_OF_REACH;
    this.access?.close();
    this.#host.addon.linkClose(this.id);
    this.#lost = this.#queue;
    this.#queue = [];
    this.#host.onLinkGone(this, violation);
    setImmediate(releaseLink, this);
  }

  /** Unmaps, once nothing on the stack can look into the memory. */
  releaseMemory(): void {
    this.access?.forget();
    if (this.#memory !== null) this.#host.addon.release(this.#memory);
    if (this.unattached !== null) this.#host.addon.release(this.unattached);
    this.unattached = null;
    if (this.#left !== null) this.#host.addon.release(this.#left.memory);
    this.#memory = null;
    this.#left = null;
  }

  /** Tells the peer that we are done with a connection. */
  sendClose(connection: number): void {
    this.sendRecord(RECORD_CLOSE, connection, EMPTY);
  }
}

const EMPTY = new Uint8Array(0);

function flushLink(link: Link): void {
  link.flushLater();
}

function readLeft(link: Link): void {
  link.continueLeft();
}

function releaseLink(link: Link): void {
  if (link.access === null) link.releaseMemory();
  else whenUnwritten(link.access, link.pid, () => link.releaseMemory());
}
