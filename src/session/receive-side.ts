/**
 * The receiving half of a session: takes messages off the wire at once (SESS-14), checks them, and keeps what the
 * program does not want yet, never more than the window. Small messages of one run are gathered into one delivery.
 */
import { copy } from './copy.js';
import type { Counts } from './counts.js';
import { ownMemory } from './own-memory.js';
import { OWN_MEMORY_BYTES, SLAB_BYTES, slabOffset, slabTake, slabWithRoom } from './slab.js';
import { IncomingTransfer } from './transfer/incoming.js';
import { EXIT_BYTES_MAX } from './wire.js';

/** Received bytes that wait for the program. */
interface Chunk {
  memory: Uint8Array;
  start: number;
  end: number;
  /** A block of urgent data among the others (SO_OOBINLINE): not counted against the window. */
  readonly urgent?: boolean;
}

/** What waits, in stream order. */
export type Waiting = Chunk | IncomingTransfer;

/** Memory of a chunk that waits grows with the first message, so that an idle paused socket holds little. */
const CHUNK_BYTES_MIN = 1024;
const CHUNK_BYTES_MAX = 64 * 1024;

/** What waits, as it goes to another process: bytes of the stream, or a block of urgent data among them. */
export type Unread = Uint8Array | { readonly urgent: Uint8Array };

export class ReceiveSide {
  /** Bytes that our side holds at most for its program: the peer's byte credit. */
  windowBytes = 0;
  receiveBuffers = 0;
  finReceived = false;
  /** The sender has cut the stream: nothing but its FIN may follow. */
  cut = false;
  /** In stream order: bytes, and places of transfers that are still to be fetched. */
  #queue: Waiting[] = [];
  #gathered: Uint8Array | null = null;
  #start = 0;
  #end = 0;
  /** What is gathered lies in the shared slab, so more may join it. */
  #inSlab = false;

  constructor(readonly counts: Counts) {}

  /** Whether received bytes wait for the program. */
  get hasQueued(): boolean {
    return this.#queue.length > 0;
  }

  /** Whether this run has gathered bytes to deliver. */
  get hasGathered(): boolean {
    return this.#gathered !== null;
  }

  /** Whether `length` more bytes are within what the peer may send. `past`: the peer is exiting (D7). */
  admits(length: number, past: boolean): boolean {
    const counts = this.counts;
    const held = (counts.receivedBytes - counts.consumedBytes) | 0;
    return held + length <= this.windowBytes + (past ? EXIT_BYTES_MAX : 0);
  }

  /** Whether a payload of `length` bytes can join what this run has gathered. */
  canGather(length: number): boolean {
    if (this.#gathered === null) return true;
    return this.#inSlab && length < OWN_MEMORY_BYTES && SLAB_BYTES - this.#end >= length;
  }

  /** Copies a payload for delivery at the end of the run; true: the run should end now. */
  gather(memory: Uint8Array, offset: number, length: number): boolean {
    this.counts.receivedBytes = (this.counts.receivedBytes + length) | 0;
    if (this.#gathered === null) {
      this.#inSlab = length < OWN_MEMORY_BYTES;
      if (!this.#inSlab) {
        this.#gathered = ownMemory(length);
        this.#start = 0;
      } else {
        this.#gathered = slabWithRoom(length);
        this.#start = slabOffset();
      }
      this.#end = this.#start;
    }
    copy(memory, offset, length, this.#gathered, this.#end);
    this.#end += length;
    return length >= OWN_MEMORY_BYTES;
  }

  /** The gathered bytes as a chunk; they are no longer ours. */
  takeGathered(): Chunk | null {
    if (this.#gathered === null) return null;
    const chunk = { memory: this.#gathered, start: this.#start, end: this.#end };
    if (this.#inSlab) slabTake(this.#end);
    this.#gathered = null;
    return chunk;
  }

  /** Keeps a payload until the program reads. */
  keep(memory: Uint8Array, offset: number, length: number): void {
    this.counts.receivedBytes = (this.counts.receivedBytes + length) | 0;
    let last = this.#queue.at(-1);
    if (last === undefined || last instanceof IncomingTransfer || last.memory.length - last.end < length) {
      const bytes = Math.max(length, Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, length * 4)));
      last = { memory: ownMemory(bytes), start: 0, end: 0 };
      this.#queue.push(last);
    }
    copy(memory, offset, length, last.memory, last.end);
    last.end += length;
  }

  /** A block of urgent data takes its place among the others, and is delivered by itself (OOB-5). */
  placeUrgent(memory: Uint8Array): void {
    this.#queue.push({ memory, start: 0, end: memory.length, urgent: true });
  }

  /** What comes from now on is not delivered together with what has come. */
  seal(): void {
    const last = this.#queue.at(-1);
    if (last !== undefined && !(last instanceof IncomingTransfer)) last.memory = last.memory.subarray(0, last.end);
  }

  /** The oldest of what waits: bytes, or a transfer. */
  get oldest(): Waiting | null {
    return this.#queue.at(0) ?? null;
  }

  /** The oldest of what waits is done with. */
  shift(): void {
    this.#queue.shift();
  }

  /** A transfer was announced here in the stream, and `counted` bytes came with it. */
  place(transfer: IncomingTransfer, counted: number): void {
    this.counts.receivedBytes = (this.counts.receivedBytes + counted) | 0;
    this.#queue.push(transfer);
  }

  /** The stream ends with this transfer, or, if nothing of it is here, before it. */
  cutAfter(transfer: IncomingTransfer): void {
    const at = this.#queue.indexOf(transfer);
    if (at < 0) return;
    const dropped = this.#queue.splice(transfer.ready.length > 0 ? at + 1 : at);
    for (const item of dropped) {
      if (item instanceof IncomingTransfer) this.#forget(item.initial?.length ?? 0);
      else if (item.urgent !== true) this.#forget(item.end - item.start);
    }
  }

  /** Bytes that nobody will read; they no longer count against the window. */
  #forget(bytes: number): void {
    this.counts.consumedBytes = (this.counts.consumedBytes + bytes) | 0;
  }

  /** All that waits, for another process to deliver; oldest first. */
  takeAll(): (Unread | IncomingTransfer)[] {
    return this.#queue.splice(0).map((item) => {
      if (item instanceof IncomingTransfer) return item;
      const bytes = item.memory.subarray(item.start, item.end);
      return item.urgent === true ? { urgent: bytes } : bytes;
    });
  }

  /** What waits, as {@link takeAll} gave it elsewhere; it is counted already. */
  restore(item: Unread | IncomingTransfer): void {
    if (item instanceof IncomingTransfer) this.#queue.push(item);
    else if (item instanceof Uint8Array) this.#queue.push({ memory: item, start: 0, end: item.length });
    else this.placeUrgent(item.urgent);
  }

  /** The program is gone: nothing is kept for it. */
  discard(): void {
    this.#queue = [];
    this.#gathered = null;
  }
}
