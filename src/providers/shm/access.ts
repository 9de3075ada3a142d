/**
 * What the peer of a link may reach of our memory by itself: the owner's side of the access table (docs/SHM_LAYOUT.md).
 * A slot stands for one piece of memory; its generation, in the link's memory, says for how long. The table holds the
 * memory until the peer cannot be writing into it any more, whatever becomes of its registration (MEM-18, D5).
 */
import type { Addon } from '../../proxy-driver/index.js';
import { ACCESS_SLOTS, BUSY_OFFSET, GUARD_STRIDE } from './layout.js';

/** As it is at load: a program’s fake timers, put in place later, must not keep memory. */
const { setTimeout } = globalThis;

/** How long a writer may take before it is looked at again, in milliseconds. A piece is at most a mebibyte. */
const LOOK_AGAIN_MS = 10;

export class AccessTable {
  readonly #addon: Addon;
  readonly #link: number;
  /** The link's memory, while it is mapped. */
  #words: Int32Array | null;
  readonly #busyIndex: number;
  /** By slot, as far as they have been used; odd while the memory is within reach. What we write is never read back. */
  readonly #generations: number[] = [];
  readonly #buffers: (Uint8Array | null)[] = [];
  readonly #free: number[] = [];
  /** Slots that were given back while the peer was writing. */
  #kept: number[] = [];
  #looking = false;
  #closed = false;

  constructor(addon: Addon, link: number, memory: ArrayBuffer, ownEnd: 0 | 1) {
    this.#addon = addon;
    this.#link = link;
    this.#words = new Int32Array(memory);
    this.#busyIndex = (BUSY_OFFSET + ownEnd * GUARD_STRIDE) >> 2;
  }

  /** Puts memory within reach: its slot, or -1: all are taken, or the link has ended. */
  expose(buffer: Uint8Array): number {
    if (this.#closed) return -1;
    if (this.#kept.length > 0) this.#look();
    const slot = this.#free.pop() ?? this.#generations.length;
    if (slot >= ACCESS_SLOTS) return -1;
    const generation = ((this.#generations[slot] ?? 0) + 1) >>> 0;
    this.#generations[slot] = generation;
    this.#buffers[slot] = buffer;
    this.#addon.linkExpose(this.#link, slot, generation);
    return slot;
  }

  generation(slot: number): number {
    return this.#generations[slot];
  }

  /**
   * Takes memory out of reach, if it is not yet. False: the peer is writing into it at this moment (MEM-15). It can
   * begin nothing new.
   */
  revoke(slot: number): boolean {
    if (this.#closed) return !this.#isBusy(slot);
    let generation = this.#generations[slot];
    if ((generation & 1) !== 0) generation = this.#generations[slot] = (generation + 1) >>> 0;
    return this.#addon.linkRevoke(this.#link, slot, generation) === 0;
  }

  /** Gives a revoked slot back. Memory that is still being written is held until it is not. */
  release(slot: number): void {
    if (this.#isBusy(slot)) {
      this.#kept.push(slot);
      this.#lookLater();
    } else this.#reuse(slot);
  }

  /** The link has ended, so nothing is within reach; the peer may be in the middle of writing. */
  close(): void {
    this.#closed = true;
  }

  /** The link's memory is about to go. */
  forget(): void {
    this.#closed = true;
    this.#words = null;
    this.#buffers.length = 0;
  }

  /** Whether the peer is, or says it is, in the middle of writing into memory of ours. */
  get isWritten(): boolean {
    return this.#buffers.some((buffer, slot) => buffer !== null && this.#isBusy(slot));
  }

  #isBusy(slot: number): boolean {
    return this.#words !== null && Atomics.load(this.#words, this.#busyIndex) === slot + 1;
  }

  #reuse(slot: number): void {
    this.#buffers[slot] = null;
    this.#free.push(slot);
  }

  #look(): void {
    const kept = this.#kept;
    this.#kept = kept.filter((slot) => this.#isBusy(slot));
    for (const slot of kept) if (!this.#kept.includes(slot)) this.#reuse(slot);
  }

  #lookLater(): void {
    if (this.#looking) return;
    this.#looking = true;
    setTimeout(() => {
      this.#looking = false;
      if (this.#closed) return; // the link's end sees to it
      this.#look();
      if (this.#kept.length > 0) this.#lookLater();
    }, LOOK_AGAIN_MS).unref();
  }
}

/** Links that have ended and whose peers say that they are still writing. An honest one is done in no time. */
let retiring = 0;
const RETIRING_MAX = 64;

/**
 * Calls back as soon as nobody writes into memory of ours through a link that has ended: at once, as a rule. A peer
 * that never says so costs at most {@link RETIRING_MAX} links' memory: what it writes then, it could write anyway (D5).
 */
export function whenUnwritten(access: AccessTable, pid: number, release: () => void): void {
  if (!access.isWritten || retiring >= RETIRING_MAX || !isAlive(pid)) {
    release();
    return;
  }
  retiring++;
  const look = (): void => {
    if (access.isWritten && isAlive(pid)) {
      setTimeout(look, LOOK_AGAIN_MS).unref();
      return;
    }
    retiring--;
    release();
  };
  setTimeout(look, LOOK_AGAIN_MS).unref();
}

/** Whether a process of that number exists. */
function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
