/** Random bytes of the kernel's. Those of `node:crypto` come from an async resource each, which async hooks see. */
import type { MemoryAddon } from './addon.js';

/** At most 256. */
export function randomBytes(addon: Pick<MemoryAddon, 'random'>, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  const result = addon.random(bytes);
  if (result !== 0) throw new Error(`the kernel gives no random numbers (error ${-result})`);
  return bytes;
}
