/**
 * Memory that received bytes are copied into. Small deliveries share a slab, as Node's own small buffers share a pool:
 * a slab is handed out front to back and never written twice, so a slice that a program keeps stays what it was.
 */
import { ownMemory } from './own-memory.js';

/** Bytes of one slab; also the most that one delivery of gathered small messages can hold. */
export const SLAB_BYTES = 64 * 1024;
/** A message of at least this many bytes gets memory of its own: smaller ones cost less in a slab (docs/design/performance.md). */
export const OWN_MEMORY_BYTES = 32 * 1024;

let slab: Uint8Array = Buffer.alloc(0);
let used = 0;

/** The slab that the next small delivery goes to, with room for at least `bytes` (at most {@link SLAB_BYTES}). */
export function slabWithRoom(bytes: number): Uint8Array {
  if (slab.length - used < bytes) {
    slab = ownMemory(SLAB_BYTES);
    used = 0;
  }
  return slab;
}

/** Where in the slab the free part begins, in bytes. */
export function slabOffset(): number {
  return used;
}

/** Takes the slab's bytes up to `end` away for good. Eight-byte steps: views of wider types stay possible. */
export function slabTake(end: number): void {
  used = (end + 7) & ~7;
}
