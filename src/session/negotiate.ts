/**
 * Session negotiation (SESS-2 … SESS-10, GAP-4): the connector speaks first with an offer, the acceptor answers with a
 * message of the same shape. Fields for RDMA and for suspend/resume are here from version 1, so that later versions of
 * either side can turn them on without a new format.
 *
 *      0 u32 magic "SDN1"     4 u16 version      6 u16 size of this message
 *      8 u32 window bytes    12 u16 receive buffers posted (SESS-2)   14 u16 flags (bit 0 RDMA read, 1 RDMA write, 2 suspend/resume, 3 urgent)
 *     16 u32 max message     20 u32 max RDMA     24 u32 RDMA threshold   28 u32 reserved (0)
 *     32 16 bytes session id (suspend/resume, DUP-22)
 *
 * A longer message is accepted and its tail ignored: newer peers may append fields.
 */

const MAGIC = 0x314e4453;
const OFFER_BYTES = 48;

/** The most a negotiation message may hold, in bytes (SESS-5). */
export const NEGOTIATION_BYTES_MAX = 256;
/** The version of the session protocol that this code speaks. */
export const SESSION_VERSION = 1;
/** Smallest and largest window a peer may offer, in bytes. */
export const WINDOW_BYTES_MIN = 64 * 1024;
export const WINDOW_BYTES_MAX = 64 * 1024 * 1024;
/**
 * Fewest and most receive buffers a peer may offer. With fewer, half of them (when a report is due) could be more than
 * DATA may use (all but the control reserve of three), and a sender could wait for a report that is never due (GAP-3).
 */
export const RECEIVE_BUFFERS_MIN = 8;
export const RECEIVE_BUFFERS_MAX = 32767;

/** One side's half of the negotiation. */
export interface Offer {
  /** Protocol version the side speaks. */
  readonly version: number;
  /** Bytes the side is willing to hold for its program: the other's byte credit. */
  readonly windowBytes: number;
  /** Messages the other side may have under way: the number of receive buffers posted (SESS-2). */
  readonly receiveBuffers: number;
  /** The side's provider can serve WSPRdmaRead / WSPRdmaWrite, and the side can suspend and resume (DUP). */
  readonly rdmaRead: boolean;
  readonly rdmaWrite: boolean;
  readonly suspend: boolean;
  /** The side takes urgent data (OOB-1). */
  readonly urgent?: boolean;
  /** Largest message the side takes, header included, in bytes (SO_MAX_MSG_SIZE). */
  readonly maxMessageBytes: number;
  /** Largest single RDMA in bytes (SO_MAX_RDMA_SIZE); 0 if none. */
  readonly maxRdmaBytes: number;
  /** Size from which RDMA pays, in bytes (SO_RDMA_THRESHOLD_SIZE); 0 if none. */
  readonly rdmaThresholdBytes: number;
}

/** Encodes an offer or a reply; the result is at most {@link NEGOTIATION_BYTES_MAX} bytes. */
export function encodeOffer(offer: Offer, sessionId: Uint8Array = new Uint8Array(16)): Uint8Array {
  const bytes = new Uint8Array(OFFER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, offer.version, true);
  view.setUint16(6, OFFER_BYTES, true);
  view.setUint32(8, offer.windowBytes, true);
  view.setUint16(12, offer.receiveBuffers, true);
  view.setUint16(14, flagsOf(offer), true);
  view.setUint32(16, offer.maxMessageBytes, true);
  view.setUint32(20, offer.maxRdmaBytes, true);
  view.setUint32(24, offer.rdmaThresholdBytes, true);
  bytes.set(sessionId.subarray(0, 16), 32);
  return bytes;
}

function flagsOf({ rdmaRead, rdmaWrite, suspend, urgent }: Offer): number {
  return (rdmaRead ? 1 : 0) | (rdmaWrite ? 2 : 0) | (suspend ? 4 : 0) | (urgent === true ? 8 : 0);
}

/** Decodes what a peer sent. A string tells what is wrong with it. */
export function decodeOffer(bytes: Uint8Array): Offer | string {
  if (bytes.length < OFFER_BYTES) return `negotiation of ${bytes.length} bytes, at least ${OFFER_BYTES} needed`;
  if (bytes.length > NEGOTIATION_BYTES_MAX) {
    return `negotiation of ${bytes.length} bytes, at most ${NEGOTIATION_BYTES_MAX} allowed`;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) return 'negotiation without its magic number';
  const version = view.getUint16(4, true);
  if (version !== SESSION_VERSION) return `session protocol version ${version}, this side speaks ${SESSION_VERSION}`;
  const size = view.getUint16(6, true);
  if (size < OFFER_BYTES || size > bytes.length) return `negotiation says ${size} bytes, ${bytes.length} came`;
  const windowBytes = view.getUint32(8, true);
  if (windowBytes < WINDOW_BYTES_MIN || windowBytes > WINDOW_BYTES_MAX) {
    return `window of ${windowBytes} bytes, allowed ${WINDOW_BYTES_MIN} to ${WINDOW_BYTES_MAX}`;
  }
  const receiveBuffers = view.getUint16(12, true);
  if (receiveBuffers < RECEIVE_BUFFERS_MIN || receiveBuffers > RECEIVE_BUFFERS_MAX) {
    return `${receiveBuffers} receive buffers, allowed ${RECEIVE_BUFFERS_MIN} to ${RECEIVE_BUFFERS_MAX}`;
  }
  const flags = view.getUint16(14, true);
  const maxMessageBytes = view.getUint32(16, true);
  if (maxMessageBytes < 64) return `largest message of ${maxMessageBytes} bytes, at least 64 needed`;
  return {
    version,
    windowBytes,
    receiveBuffers,
    rdmaRead: (flags & 1) !== 0,
    rdmaWrite: (flags & 2) !== 0,
    suspend: (flags & 4) !== 0,
    ...((flags & 8) === 0 ? {} : { urgent: true }),
    maxMessageBytes,
    maxRdmaBytes: view.getUint32(20, true),
    rdmaThresholdBytes: view.getUint32(24, true),
  };
}
