/**
 * Buffers for received data, and what V8's garbage collector does with them. It scavenges when 32 MB of young buffers have
 * been made, has those that are dead freed by another thread, and compares the heap with its limit at once, when all of
 * them still count. In a program whose limit happens to be near, each 32 MB then start a marking of the whole heap, for memory
 * that is dead already: large writes took three times the time (docs/design/performance.md).
 */
import { setFlagsFromString } from 'node:v8';

/** A process that has received so many bytes in such buffers receives in bulk; until then nothing is touched. */
const BULK_BYTES = 32 * 1024 * 1024;
/** This one, Node 24's, compares in another way, and freeing at once gains nothing. */
const V8_WITHOUT_GAIN = 13;

let left = BULK_BYTES;

/** Uninitialised memory of exactly `bytes`, not shared with anything. */
export function ownMemory(bytes: number): Uint8Array {
  if (left > 0) {
    left -= bytes;
    if (left <= 0) freeAtOnce();
  }
  return Buffer.allocUnsafeSlow(bytes);
}

/**
 * From now on dead buffers are freed within the scavenge. V8 reads the flag for nothing else (but debug builds), each time anew, and leaves it out
 * of the hash by which code caches are accepted. Who has given it, either way, keeps what was given.
 */
function freeAtOnce(): void {
  const given = process.execArgv.some((argument) => /array.buffer.sweeping/.test(argument));
  const gains = Number.parseInt(process.versions.v8, 10) !== V8_WITHOUT_GAIN;
  if (gains && !given) setFlagsFromString('--no-concurrent-array-buffer-sweeping');
}
