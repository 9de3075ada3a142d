/**
 * Memory that an exiting process leaves to its peer (D7, CLOSE-14): records in the ring's format, one after another, in a sealed
 * memfd of their own. The peer reads it after the ring, as if the ring went on.
 */
import { RECORD_HEADER_BYTES } from './layout.js';
import { RECORD_BROKEN, RECORD_FOUND, RECORD_NONE, type RecordSource } from './record-source.js';

/** Gathers records while the process exits. */
export class SpillWriter {
  readonly #bytesMax: number;
  readonly #cut = new Set<number>();
  #parts: Uint8Array[] = [];
  bytes = 0;

  /** `bytesMax`: the budget of one link. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Adds a record made of `count` buffers; false if the budget is spent, and from then on for every record of that
   * connection: its stream may be cut off, but never have a gap.
   */
  add(kind: number, connection: number, buffers: readonly { len: number; buf: Uint8Array }[], count: number): boolean {
    let payload = 0;
    for (let i = 0; i < count; i++) payload += buffers[i].len;
    const size = RECORD_HEADER_BYTES + payload;
    const padded = (size + 15) & ~15;
    if (this.bytes + padded > this.#bytesMax) this.#cut.add(connection);
    if (this.#cut.has(connection)) return false;
    const record = new Uint8Array(padded);
    const view = new DataView(record.buffer);
    view.setUint32(0, size, true);
    view.setUint32(4, kind, true);
    view.setUint32(8, connection, true);
    let at = RECORD_HEADER_BYTES;
    for (let i = 0; i < count; i++) {
      const { buf, len } = buffers[i];
      record.set(buf.length === len ? buf : buf.subarray(0, len), at);
      at += len;
    }
    this.#parts.push(record);
    this.bytes += padded;
    return true;
  }

  /** Copies everything to the start of `memory`. */
  copyTo(memory: ArrayBuffer): void {
    const bytes = new Uint8Array(memory);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
  }
}

/** Reads what an exiting peer left. */
export class SpillReader implements RecordSource {
  readonly bytes: Uint8Array;
  kind = 0;
  connection = 0;
  payloadOffset = 0;
  payloadBytes = 0;
  readonly #words: Int32Array;
  readonly #end: number;
  readonly #slotCount: number;
  #at = 0;
  #padded = 0;

  /** `memory` is the mapped spill, `end` the bytes of it in use (a multiple of 16). */
  constructor(
    readonly memory: ArrayBuffer,
    end: number,
    slotCount: number,
  ) {
    this.bytes = new Uint8Array(memory);
    this.#words = new Int32Array(memory);
    this.#end = end;
    this.#slotCount = slotCount;
  }

  next(): number {
    const left = this.#end - this.#at;
    if (left === 0) return RECORD_NONE;
    if (left < RECORD_HEADER_BYTES) return RECORD_BROKEN;
    const word = this.#at >> 2;
    const size = this.#words[word];
    const kind = this.#words[word + 1];
    const connection = this.#words[word + 2];
    if (size < RECORD_HEADER_BYTES || size > left) return RECORD_BROKEN;
    if (connection < 0 || connection >= this.#slotCount) return RECORD_BROKEN;
    this.kind = kind;
    this.connection = connection;
    this.payloadOffset = this.#at + RECORD_HEADER_BYTES;
    this.payloadBytes = size - RECORD_HEADER_BYTES;
    this.#padded = Math.min((size + 15) & ~15, left);
    return RECORD_FOUND;
  }

  take(): void {
    this.#at += this.#padded;
  }

  release(): void {
    // Nobody produces into it any more.
  }
}
