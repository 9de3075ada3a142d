/** Memory that can be recognised. */
import { createHash } from 'node:crypto';

export const sumOf = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

/** Bytes that tell their place and their seed; `bytes` is a multiple of four. */
export function patternOf(bytes: number, seed: number): Buffer {
  const memory = Buffer.alloc(bytes);
  const words = new Uint32Array(memory.buffer, memory.byteOffset, bytes >> 2);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b);
  return memory;
}
