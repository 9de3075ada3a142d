/**
 * Layout of a link's shared memory, version 2. docs/SHM_LAYOUT.md draws it; native/core/layout.h asserts the same
 * numbers at compile time.
 */

/** "SDL1" little-endian, at offset 0. */
export const LINK_MAGIC = 0x314c4453;
export const LINK_VERSION = 2;
/** Where what depends on the sizes begins: behind the page of header and control lines, and two access tables. */
export const LINK_FIXED_BYTES = 12288;
/** Where the control lines of direction 0 begin, and bytes from one direction's to the other's. */
export const CONTROL_OFFSET = 256;
export const CONTROL_STRIDE = 512;
/** The control words of a direction, in lines of their own, but WANTED, which WAITING goes with; bytes from its start. */
export const CONTROL_TAIL = 0;
export const CONTROL_HEAD = 128;
export const CONTROL_SLEEPING = 256;
export const CONTROL_WAITING = 384;
export const CONTROL_WANTED = 388;

/** The word in which the other end says through which slot (+ 1) it is writing into memory of end 0; and from end to end. */
export const BUSY_OFFSET = 1280 + 128;
export const GUARD_STRIDE = 256;
/** Entries of an end's access table: so many pieces of memory can be within the other's reach at a time. */
export const ACCESS_SLOTS = 1024;

export const RING_BYTES_MIN = 512 * 1024;
export const RING_BYTES_MAX = 16 * 1024 * 1024;
/**
 * Largest payload of a record (SO_MAX_MSG_SIZE), in any ring that a peer may choose: with its header and a PAD before it no
 * more than half of it, which is what whoever waits for room waits for. One that needed more than all of it would be looked for
 * room for ever.
 */
export const RECORD_BYTES_MAX = RING_BYTES_MIN / 4 - 64;
export const SLOTS_MIN = 256;
export const SLOTS_MAX = 65536;
export const SLOTS_DEFAULT = 32768;

/** A record: u32 size (header and payload), u16 kind, u16 flags, u32 connection, u32 reserved; padded to 16. */
export const RECORD_HEADER_BYTES = 16;
/** The rest of the ring is unused; the next record is at its start. */
export const RECORD_PAD = 1;
export const RECORD_CONNECT = 2;
export const RECORD_ACCEPT = 3;
export const RECORD_REFUSE = 4;
export const RECORD_MESSAGE = 5;
export const RECORD_CLOSE = 6;
/** Bytes for a registered target of the peer (WSPRdmaWrite by copy). */
export const RECORD_WRITE = 7;
/** The connection goes to another process, which will attach with a token (duplicate.ts); the answer; the attach. */
export const RECORD_DUPLICATE = 16;
export const RECORD_DUPLICATED = 17;
export const RECORD_ATTACH = 18;

/** Where everything is in a link's memory. */
export interface LinkLayout {
  readonly totalBytes: number;
  readonly ringBytes: number;
  readonly slotCount: number;
  /** Per direction: byte offset of the ring, and of the table of consumed counters. */
  readonly ringOffset: readonly [number, number];
  readonly consumedOffset: readonly [number, number];
}

/** The layout for given sizes; both powers of two, so that every offset is page aligned. */
export function linkLayout(ringBytes: number, slotCount: number): LinkLayout {
  const table = Math.max(4096, slotCount * 4);
  const consumed0 = LINK_FIXED_BYTES;
  const consumed1 = consumed0 + table;
  const ring0 = consumed1 + table;
  const ring1 = ring0 + ringBytes;
  return {
    totalBytes: ring1 + ringBytes,
    ringBytes,
    slotCount,
    ringOffset: [ring0, ring1],
    consumedOffset: [consumed0, consumed1],
  };
}

/** Writes the header of fresh memory. */
export function writeLinkHeader(memory: ArrayBuffer, layout: LinkLayout): void {
  const words = new Uint32Array(memory, 0, 9);
  words.set([
    LINK_MAGIC,
    LINK_VERSION,
    layout.totalBytes,
    layout.ringBytes,
    layout.slotCount,
    layout.ringOffset[0],
    layout.ringOffset[1],
    layout.consumedOffset[0],
    layout.consumedOffset[1],
  ]);
}

/**
 * The layout for sizes that a peer named, or what is wrong with them. The peer only chooses two sizes; every offset is
 * our own arithmetic, never read from shared memory (D5).
 */
export function checkedLayout(ringBytes: number, slotCount: number): LinkLayout | string {
  if (ringBytes < RING_BYTES_MIN || ringBytes > RING_BYTES_MAX || (ringBytes & (ringBytes - 1)) !== 0) {
    return `ring of ${ringBytes} bytes, allowed are powers of two from ${RING_BYTES_MIN} to ${RING_BYTES_MAX}`;
  }
  if (slotCount < SLOTS_MIN || slotCount > SLOTS_MAX || (slotCount & (slotCount - 1)) !== 0) {
    return `${slotCount} slots, allowed are powers of two from ${SLOTS_MIN} to ${SLOTS_MAX}`;
  }
  return linkLayout(ringBytes, slotCount);
}

/** Compares the header that the peer wrote with the layout agreed on; a string tells the difference. */
export function checkLinkHeader(memory: ArrayBuffer, layout: LinkLayout): string | null {
  const words = new Uint32Array(memory, 0, 9).slice();
  const expected = [
    LINK_MAGIC,
    LINK_VERSION,
    layout.totalBytes,
    layout.ringBytes,
    layout.slotCount,
    ...layout.ringOffset,
    ...layout.consumedOffset,
  ];
  const wrong = expected.findIndex((value, index) => words[index] !== value);
  return wrong < 0 ? null : `link memory header: word ${wrong} is ${words[wrong]}, expected ${expected[wrong]}`;
}
