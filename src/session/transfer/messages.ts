/**
 * Bodies of the messages about large transfers; they follow the 16-byte header of wire.ts. All little-endian; a transfer
 * is named by a number that its sender counts up from 1; offsets and lengths are bytes of the announced part.
 *
 *     SOURCE          u32 number   u32 descriptor bytes   u64 length   descriptor   the initial portion (XFER-5)
 *     SOURCE_DONE     u32 number   u32 state              u64 offset
 *     TARGET          u32 number   u32 descriptor bytes   u64 offset   u64 length   descriptor
 *     TARGET_DONE     u32 number   u32 WSA code           u64 offset
 *     SOURCE_CANCEL   u32 number   u32 0                  u64 0
 *     BY_MESSAGE      u32 number   u32 flags              u64 offset   u64 length
 *     PIECE           u32 number   u32 0                  u64 offset   bytes
 *
 * The first sixteen bytes are of one shape, so that one pair of functions reads and writes them.
 */
import { DESCRIPTOR_BYTES_MAX } from './limits.js';

/** Bytes of number, word and value. */
export const HEAD_BYTES = 16;
/** Bytes of a body with a length as well. */
export const RANGE_BYTES = 24;

/** {@link Head.word} of SOURCE_DONE: so far, and more is being fetched. */
export const DONE_SO_FAR = 0;
/** All of it is with the receiver's program. */
export const DONE_ALL = 1;
/** The answer to SOURCE_CANCEL: nothing of the sender's memory is being read any more. */
export const DONE_CANCELLED = 2;
/** The receiver has no memory to fetch it into, and gives the connection up (XFER-15). */
export const DONE_NO_MEMORY = 3;

/** {@link Head.word} of BY_MESSAGE: RDMA does not work on this connection; nothing more should be announced. */
export const BY_MESSAGE_FOR_GOOD = 1;

/** The sixteen bytes that all bodies begin with. */
export interface Head {
  number: number;
  word: number;
  /** Below 2^53. */
  value: number;
}

/** Writes a body's first sixteen bytes into `body`. */
export function putHead(body: Uint8Array, number: number, word: number, value: number): void {
  putUint32(body, 0, number);
  putUint32(body, 4, word);
  putUint64(body, 8, value);
}

/** A body of sixteen bytes. */
export function headBody(number: number, word: number, value: number): Uint8Array {
  const body = new Uint8Array(HEAD_BYTES);
  putHead(body, number, word, value);
  return body;
}

/** A body of BY_MESSAGE, or of TARGET with its descriptor. */
export function rangeBody(
  number: number,
  word: number,
  offset: number,
  length: number,
  descriptor?: Uint8Array,
): Uint8Array {
  const body = new Uint8Array(RANGE_BYTES + (descriptor?.length ?? 0));
  putHead(body, number, word, offset);
  putUint64(body, HEAD_BYTES, length);
  if (descriptor !== undefined) body.set(descriptor, RANGE_BYTES);
  return body;
}

/** Reads the first sixteen bytes of a body; null: too short, or a value of 2^53 or more. */
export function readHead(memory: Uint8Array, at: number, bytes: number): Head | null {
  if (bytes < HEAD_BYTES) return null;
  const value = readUint64(memory, at + 8);
  return value < 0 ? null : { number: readUint32(memory, at), word: readUint32(memory, at + 4), value };
}

/** The length in a body of BY_MESSAGE or TARGET; -1: too short, or out of range. */
export function readLength(memory: Uint8Array, at: number, bytes: number): number {
  return bytes < RANGE_BYTES ? -1 : readUint64(memory, at + HEAD_BYTES);
}

/** A copy of the `size` descriptor bytes at `start` of a body; null: it has not so many, or nobody has so large ones. */
export function readDescriptor(
  memory: Uint8Array,
  at: number,
  bytes: number,
  start: number,
  size: number,
): Uint8Array | null {
  if (size > DESCRIPTOR_BYTES_MAX || start + size > bytes) return null;
  return Uint8Array.prototype.slice.call(memory, at + start, at + start + size);
}

function putUint32(body: Uint8Array, at: number, value: number): void {
  body[at] = value;
  body[at + 1] = value >>> 8;
  body[at + 2] = value >>> 16;
  body[at + 3] = value >>> 24;
}

function putUint64(body: Uint8Array, at: number, value: number): void {
  putUint32(body, at, value % 0x1_0000_0000);
  putUint32(body, at + 4, Math.floor(value / 0x1_0000_0000));
}

function readUint32(memory: Uint8Array, at: number): number {
  return (memory[at] | (memory[at + 1] << 8) | (memory[at + 2] << 16) | (memory[at + 3] << 24)) >>> 0;
}

function readUint64(memory: Uint8Array, at: number): number {
  const value = readUint32(memory, at + 4) * 0x1_0000_0000 + readUint32(memory, at);
  return Number.isSafeInteger(value) ? value : -1;
}
