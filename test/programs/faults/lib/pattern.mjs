// A stream of bytes that everybody knows: what came can be checked without keeping it, and a gap cannot hide.
import { createCipheriv } from 'node:crypto';

/** A prime, so that no loss of whole blocks of any usual size leaves the stream looking right. */
const PERIOD = 1_048_573;
const block = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16, 2)).update(Buffer.alloc(PERIOD));
const twice = Buffer.concat([block, block, block]);

/** `length` bytes (at most twice the period) of the stream from position `at`; not to be written to. */
export const pattern = (at, length) => {
  const start = at % PERIOD;
  return twice.subarray(start, start + length);
};

/** Checks a stream as it comes. */
export class Checker {
  bytes = 0;
  good = true;

  add(chunk) {
    for (let at = 0; at < chunk.length; ) {
      const length = Math.min(chunk.length - at, PERIOD);
      const part = chunk.subarray(at, at + length);
      if (!part.equals(pattern(this.bytes, length))) this.good = false;
      this.bytes += length;
      at += length;
    }
  }
}
