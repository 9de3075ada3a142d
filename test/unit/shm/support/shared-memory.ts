/** The memory of the links that are opened from now on, as a peer that keeps to no rule sees it. */
import { ACCESS_SLOTS, BUSY_OFFSET, GUARD_STRIDE } from '../../../../src/providers/shm/layout.js';
import { driver } from './mini-switch.js';

export interface SharedMemory {
  readonly words: Int32Array;
  /** 0: the end that made it. */
  readonly end: number;
}

/** Newest last. */
export const memories: SharedMemory[] = [];

const { addon } = driver;
const attach = addon.linkAttach;
addon.linkAttach = (link, memory, role, ...rest) => {
  memories.push({ words: new Int32Array(memory), end: role });
  return attach(link, memory, role, ...rest);
};

/** The word in which the other end says that it is writing into memory of this one. */
export const busyIndex = (end: number): number => (BUSY_OFFSET + end * GUARD_STRIDE) >> 2;

/** Of the guards and the access tables: every word that decides about one-sided access. */
export function accessWords(): number[] {
  const words = [0, 1].flatMap((end) => [busyIndex(end), busyIndex(end) - 32]);
  for (let i = 0; i < 2 * ACCESS_SLOTS; i++) words.push((4096 >> 2) + i);
  return words;
}
