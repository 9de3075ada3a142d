/**
 * The session protocol's wire format, version 1 (GAP-1): little-endian, a 16-byte header in front of every message.
 *
 *     0        1        2                 4                                   8
 *     +--------+--------+-----------------+-----------------------------------+
 *     | type   | flags  | messages        | length                            |
 *     +--------+--------+-----------------+-----------------------------------+
 *     | consumed                          | reserved (0)                      |
 *     +-----------------------------------+-----------------------------------+
 *
 * `messages`: how many messages the sender of this header has taken off the wire so far, mod 2^16. `length`: payload
 * bytes that follow. `consumed`: how many payload bytes the sender's program has read so far, mod 2^32. Both counts are
 * cumulative, so a lost or repeated report cannot skew them, and both ride on every message (GAP-3).
 */

/** Bytes of the header in front of every session message. */
export const SESSION_HEADER_BYTES = 16;

/** The connector's word that it stays on the SAN; only now does the listener's program see the connection (D12). */
export const MESSAGE_CONFIRM = 1;
/** Bytes of the stream. */
export const MESSAGE_DATA = 2;
/** Nothing but the two counts (GAP-3). */
export const MESSAGE_CREDIT = 3;
/** No more data will follow in this direction (CLOSE-1, CLOSE-13, GAP-7). */
export const MESSAGE_FIN = 4;
/** Urgent data (OOB-2); without a payload: the program has taken a block. */
export const MESSAGE_URGENT = 11;
/** The sender's end goes to another process: fall silent, and say so (DUP-12); it is silent (DUP-13); go on (DUP-28). */
export const MESSAGE_SUSPEND = 12;
export const MESSAGE_SUSPENDED = 13;
export const MESSAGE_RESUME = 14;
// 5 to 10 and 16 are large transfers, sent only where both offers allow them; their bodies are in transfer/messages.ts.
/** A large piece of the stream that the receiver is to fetch (XFER-5, XFER-6). */
export const MESSAGE_SOURCE = 5;
/** How far the receiver is with an announced transfer, and whether it is done with it (XFER-8). */
export const MESSAGE_SOURCE_DONE = 6;
/** Where the sender is to put a part of a transfer by WSPRdmaWrite (XFER-10). */
export const MESSAGE_TARGET = 7;
/** That part is in place, or could not be put there (XFER-13). */
export const MESSAGE_TARGET_DONE = 8;
/** The sender ends the stream inside an announced transfer: what was not fetched, and what is behind it, never comes. */
export const MESSAGE_SOURCE_CANCEL = 9;
/** The receiver asks for a part of a transfer in PIECE messages, because RDMA does not work. */
export const MESSAGE_BY_MESSAGE = 10;
/** Bytes of an announced transfer, in its place in the stream. */
export const MESSAGE_PIECE = 16;

/** On DATA or FIN: stands for a CONFIRM as well, where that could not go by itself. */
export const FLAG_CONFIRM = 1;
/** On DATA or PIECE: sent past the window because the sender's process is exiting (D7); at most {@link EXIT_BYTES_MAX} a connection. */
export const FLAG_EXIT = 2;

/** Bytes that one connection may send past its window when its process exits: what a kernel socket buffer would keep. */
export const EXIT_BYTES_MAX = 4 * 1024 * 1024;

/** Writes a header at the start of `header` (at least 16 bytes). */
export function encodeHeader(
  header: Uint8Array,
  type: number,
  flags: number,
  messages: number,
  length: number,
  consumed: number,
): void {
  header[0] = type;
  header[1] = flags;
  header[2] = messages;
  header[3] = messages >>> 8;
  header[4] = length;
  header[5] = length >>> 8;
  header[6] = length >>> 16;
  header[7] = length >>> 24;
  header[8] = consumed;
  header[9] = consumed >>> 8;
  header[10] = consumed >>> 16;
  header[11] = consumed >>> 24;
}

/** Reads a little-endian 32-bit value as a signed number (counts are compared by difference, mod 2^32). */
export function readInt32(memory: Uint8Array, offset: number): number {
  return memory[offset] | (memory[offset + 1] << 8) | (memory[offset + 2] << 16) | (memory[offset + 3] << 24);
}

/** Reads a little-endian 16-bit value. */
export function readUint16(memory: Uint8Array, offset: number): number {
  return memory[offset] | (memory[offset + 1] << 8);
}
