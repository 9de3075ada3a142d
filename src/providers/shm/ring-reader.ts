/**
 * The consuming end of a ring. Everything is copied from shared memory once, checked, then used: the peer may change
 * any word at any time (D5), and the worst it gains is that its link ends.
 */
import { LINK_STATE } from '../../proxy-driver/index.js';
import {
  CONTROL_HEAD,
  CONTROL_OFFSET,
  CONTROL_STRIDE,
  CONTROL_TAIL,
  CONTROL_WAITING,
  CONTROL_WANTED,
  type LinkLayout,
  RECORD_HEADER_BYTES,
  RECORD_MESSAGE,
  RECORD_PAD,
} from './layout.js';
import { RECORD_BROKEN, RECORD_FOUND, RECORD_NONE, type RecordSource } from './record-source.js';

const { RX_HEAD } = LINK_STATE;

/** A search for a connection's messages looks at so many records at most, for it is made whenever one is closed. */
const RECORDS_SEARCHED_MAX = 1024;

export class RingReader implements RecordSource {
  readonly bytes: Uint8Array;
  kind = 0;
  connection = 0;
  payloadOffset = 0;
  payloadBytes = 0;
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #ringBytes: number;
  readonly #tailIndex: number;
  readonly #headIndex: number;
  readonly #waitingIndex: number;
  readonly #wantedIndex: number;
  readonly #slotCount: number;
  /** Our private copy of the head, for the event loop's poll; see the native state block. */
  readonly #state: Int32Array;
  #head = 0;
  #tail = 0;
  #padded = 0;

  constructor(memory: ArrayBuffer, layout: LinkLayout, direction: 0 | 1, state: Int32Array) {
    this.bytes = new Uint8Array(memory);
    this.#words = new Int32Array(memory);
    this.#base = layout.ringOffset[direction];
    this.#ringBytes = layout.ringBytes;
    this.#slotCount = layout.slotCount;
    const control = CONTROL_OFFSET + direction * CONTROL_STRIDE;
    this.#tailIndex = (control + CONTROL_TAIL) >> 2;
    this.#headIndex = (control + CONTROL_HEAD) >> 2;
    this.#waitingIndex = (control + CONTROL_WAITING) >> 2;
    this.#wantedIndex = (control + CONTROL_WANTED) >> 2;
    this.#state = state;
  }

  /**
   * Whether a message of more than `bytes` payload bytes for a connection is among what is to be taken. Nonsense ends the
   * search, as does its length; who takes the records sees what is wrong with them.
   */
  hasMessage(connection: number, bytes: number): boolean {
    const tail = Atomics.load(this.#words, this.#tailIndex);
    let left = (tail - this.#head) | 0;
    if (left < 0 || left > this.#ringBytes) return false;
    let head = this.#head;
    for (let seen = 0; left > 0 && seen < RECORDS_SEARCHED_MAX; seen++) {
      const word = (this.#base + (head & (this.#ringBytes - 1))) >> 2;
      const size = this.#words[word];
      const padded = (size + 15) & ~15;
      if (size < RECORD_HEADER_BYTES || size > left || padded > left) return false;
      const isMessage = this.#words[word + 1] === RECORD_MESSAGE && this.#words[word + 2] === connection;
      if (isMessage && size - RECORD_HEADER_BYTES > bytes) return true;
      head = (head + padded) | 0;
      left -= padded;
    }
    return false;
  }

  next(): number {
    for (;;) {
      let available = (this.#tail - this.#head) | 0;
      if (available === 0) {
        // SYNC POINT: publish
        this.#tail = Atomics.load(this.#words, this.#tailIndex);
        available = (this.#tail - this.#head) | 0;
        if (available === 0) return RECORD_NONE;
        if (available < 0 || available > this.#ringBytes || (available & 15) !== 0) return RECORD_BROKEN;
      }
      const position = this.#head & (this.#ringBytes - 1);
      const word = (this.#base + position) >> 2;
      const size = this.#words[word];
      const kind = this.#words[word + 1];
      const connection = this.#words[word + 2];
      if (size < RECORD_HEADER_BYTES || size > available) return RECORD_BROKEN;
      const padded = (size + 15) & ~15;
      if (padded > available || position + padded > this.#ringBytes) return RECORD_BROKEN;
      if (kind === RECORD_PAD) {
        // Never a whole ring: one after another, published as fast as they are read, would keep us here for ever.
        if (position === 0 || position + size !== this.#ringBytes) return RECORD_BROKEN;
        this.#head = (this.#head + size) | 0;
        continue;
      }
      if (connection < 0 || connection >= this.#slotCount) return RECORD_BROKEN;
      this.kind = kind;
      this.connection = connection;
      this.payloadOffset = this.#base + position + RECORD_HEADER_BYTES;
      this.payloadBytes = size - RECORD_HEADER_BYTES;
      this.#padded = padded;
      return RECORD_FOUND;
    }
  }

  take(): void {
    this.#head = (this.#head + this.#padded) | 0;
  }

  release(): void {
    if (this.#state[RX_HEAD] === this.#head) return;
    this.#state[RX_HEAD] = this.#head;
    Atomics.store(this.#words, this.#headIndex, this.#head);
  }

  /** Whether the producer asked to be told of as much room; true once for each time it asked. SYNC POINT: waiting. */
  producerWaits(): boolean {
    const words = this.#words;
    if (Atomics.load(words, this.#waitingIndex) === 0) return false;
    if (((this.#head - Atomics.load(words, this.#wantedIndex)) | 0) < 0) return false;
    return Atomics.exchange(words, this.#waitingIndex, 0) !== 0;
  }
}
