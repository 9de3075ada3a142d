/** What bounds large transfers on one connection. */

/** Most transfers that one side has announced and the other not finished (GAP-5); a peer that announces more is refused. */
export const TRANSFERS_MAX = 16;
/**
 * Most bytes that a receiver fetches in one turn of its event loop, so that other connections have theirs. Also what it
 * holds of a transfer at most beside its window (GAP-6); a smaller window makes it smaller.
 */
export const FETCH_BYTES_MAX = 1024 * 1024;
/** Where memory for that cannot be had, less is tried, down to this many bytes. */
export const FETCH_BYTES_MIN = 64 * 1024;
/** Bytes of a transfer that travel with its announcement (XFER-5), as far as the window has room. */
export const INITIAL_BYTES = 4096;
/** Largest RDMA descriptor that is taken from a provider or a peer, in bytes (MEM-16). */
export const DESCRIPTOR_BYTES_MAX = 1024;
/**
 * How long a program that closes its socket in the middle of a transfer waits, in milliseconds, for the peer to have
 * finished reading its buffer; then the connection is closed abortively (BLOCK-5, ERR-24, GAP-8).
 */
export const CANCEL_MILLISECONDS = 2000;
