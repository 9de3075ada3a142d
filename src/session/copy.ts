/**
 * Copies received bytes out of the provider's memory. The usual ways are dear for small messages: making a view costs as much as
 * the message, and a loop over bytes is four times slower than one over words (docs/design/performance.md). So small messages
 * whose places allow it, which is nearly all on shared memory, are copied in words, over views that are kept.
 */

/** Up to this many bytes a loop over bytes beats everything else, code that has not run for a while included. */
const BYTES_MAX = 16;
/** Up to this many a loop over words beats making a view for `set`. */
const WORDS_MAX = 256;
/** Up to this many a loop over bytes beats making a view, where words do not fit. */
const UNALIGNED_MAX = 48;

/** Words over the same memory as a byte view that was seen before: messages come in runs from the same memory. */
class KeptView {
  #bytes: Uint8Array = new Uint8Array(0);
  #words: Int32Array = new Int32Array(0);

  /** Words over the memory of `bytes`, from its beginning; null if it begins at an odd place. */
  of(bytes: Uint8Array): Int32Array | null {
    if (bytes === this.#bytes) return this.#words;
    if ((bytes.byteOffset & 3) !== 0) return null;
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    this.#bytes = bytes;
    return this.#words;
  }
}

const source = new KeptView();
const target = new KeptView();

/** Copies `length` bytes from `offset` of `from` to `at` of `to`. */
export function copy(from: Uint8Array, offset: number, length: number, to: Uint8Array, at: number): void {
  if (length > BYTES_MAX) {
    if (length <= WORDS_MAX && ((offset | at) & 3) === 0) {
      const words = source.of(from);
      const targets = words === null ? null : target.of(to);
      if (words !== null && targets !== null) {
        copyWords(words, offset >> 2, length >> 2, targets, at >> 2);
        const whole = length & ~3;
        for (let i = whole; i < length; i++) to[at + i] = from[offset + i];
        return;
      }
    }
    if (length > UNALIGNED_MAX) {
      to.set(from.subarray(offset, offset + length), at);
      return;
    }
  }
  for (let i = 0; i < length; i++) to[at + i] = from[offset + i];
}

function copyWords(from: Int32Array, offset: number, count: number, to: Int32Array, at: number): void {
  for (let i = 0; i < count; i++) to[at + i] = from[offset + i];
}
