/** The producing end of a ring (D3). One store makes a record visible; until then nobody sees it. */
import {
  CONTROL_HEAD,
  CONTROL_OFFSET,
  CONTROL_SLEEPING,
  CONTROL_STRIDE,
  CONTROL_TAIL,
  CONTROL_WAITING,
  CONTROL_WANTED,
  type LinkLayout,
  RECORD_HEADER_BYTES,
  RECORD_PAD,
} from './layout.js';

/** `reserve()`: there is no room now. */
export const NO_ROOM = -1;
/** `reserve()`: the peer's head makes no sense. */
export const BROKEN = -2;

export class RingWriter {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #base: number;
  readonly #ringBytes: number;
  readonly #tailIndex: number;
  readonly #headIndex: number;
  readonly #sleepingIndex: number;
  readonly #waitingIndex: number;
  readonly #wantedIndex: number;
  /** Free running byte counts mod 2^32: what is published, what is reserved, what the peer has taken. */
  #tail = 0;
  #reserved = 0;
  #head = 0;

  constructor(memory: ArrayBuffer, layout: LinkLayout, direction: 0 | 1) {
    this.#words = new Int32Array(memory);
    this.#bytes = new Uint8Array(memory);
    this.#base = layout.ringOffset[direction];
    this.#ringBytes = layout.ringBytes;
    const control = CONTROL_OFFSET + direction * CONTROL_STRIDE;
    this.#tailIndex = (control + CONTROL_TAIL) >> 2;
    this.#headIndex = (control + CONTROL_HEAD) >> 2;
    this.#sleepingIndex = (control + CONTROL_SLEEPING) >> 2;
    this.#waitingIndex = (control + CONTROL_WAITING) >> 2;
    this.#wantedIndex = (control + CONTROL_WANTED) >> 2;
  }

  /** The link's memory, for the payload that `reserve()` made room for. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The peer's head as last seen. */
  get head(): number {
    return this.#head;
  }

  /**
   * Makes room for a record with `payload` bytes and writes its header; returns where in the memory the payload goes,
   * {@link NO_ROOM} or {@link BROKEN}. Nothing is visible before `publish()`; a second `reserve()` without it starts over.
   */
  reserve(kind: number, connection: number, payload: number): number {
    const size = RECORD_HEADER_BYTES + payload;
    const padded = (size + 15) & ~15;
    let tail = this.#tail;
    let position = tail & (this.#ringBytes - 1);
    const toEnd = this.#ringBytes - position;
    const need = toEnd < padded ? padded + toEnd : padded;
    if (this.#ringBytes - ((tail - this.#head) | 0) < need) {
      if (!this.look()) return BROKEN;
      if (this.#ringBytes - ((tail - this.#head) | 0) < need) return NO_ROOM;
    }
    const words = this.#words;
    if (toEnd < padded) {
      const pad = (this.#base + position) >> 2;
      words[pad] = toEnd;
      words[pad + 1] = RECORD_PAD;
      tail = (tail + toEnd) | 0;
      position = 0;
    }
    const word = (this.#base + position) >> 2;
    words[word] = size;
    words[word + 1] = kind;
    words[word + 2] = connection;
    words[word + 3] = 0;
    this.#reserved = (tail + padded) | 0;
    return this.#base + position + RECORD_HEADER_BYTES;
  }

  /** Makes what was reserved visible. True: the consumer says that it sleeps, and the caller must ring. SYNC POINT: publish. */
  publish(): boolean {
    this.#tail = this.#reserved;
    Atomics.store(this.#words, this.#tailIndex, this.#tail);
    return this.consumerSleeps();
  }

  /** Takes the consumer's word that it sleeps; true once for each time it said so. SYNC POINT: sleeping. */
  consumerSleeps(): boolean {
    const words = this.#words;
    return Atomics.load(words, this.#sleepingIndex) !== 0 && Atomics.exchange(words, this.#sleepingIndex, 0) !== 0;
  }

  /**
   * Reads the peer's head; false if it makes no sense: ahead of what was published, or less than it was. One that went
   * back and forth would keep whoever waits for room looking for ever.
   */
  look(): boolean {
    const head = Atomics.load(this.#words, this.#headIndex);
    const taken = (head - this.#head) | 0;
    if (taken < 0 || taken > ((this.#tail - this.#head) | 0)) return false;
    this.#head = head;
    return true;
  }

  /**
   * Asks the consumer to say when its head has come to where it returns: half a ring on, so that the two do not change
   * turns at every record. The caller must look once more afterwards. SYNC POINT: waiting.
   */
  wait(): number {
    const used = (this.#tail - this.#head) | 0;
    const wanted = (this.#head + Math.min(used, this.#ringBytes >> 1)) | 0;
    Atomics.store(this.#words, this.#wantedIndex, wanted);
    Atomics.store(this.#words, this.#waitingIndex, 1);
    return wanted;
  }
}
