/**
 * What goes over a Unix socket: frames of a 12-byte header (u32 length of the payload, u32 kind, u32 argument; little
 * endian) and a payload. The peer is a program of the same user; what it sends is checked all the same.
 */

/** The connector's name and its destination (JSON), with its connect data in the argument's number of last bytes. */
export const CONNECT = 1;
/** The connection is accepted; the payload is the callee's data. */
export const ACCEPT = 2;
/** It is refused; the argument says why, the payload is the callee's data. */
export const REFUSE = 3;
/** One message. */
export const MESSAGE = 4;
/** An RDMA write: the argument is its number, the payload 16 bytes of key, a u64 offset, and the bytes. */
export const WRITE = 5;
/** Its end: the argument is the number, the payload a u32 code. */
export const WRITTEN = 6;

export const HEADER_BYTES = 12;
/** Most bytes of a payload: the largest message or RDMA write, and what goes before it. */
export const PAYLOAD_BYTES_MAX = (1 << 20) + 64;

export interface Frame {
  readonly kind: number;
  readonly argument: number;
  readonly payload: Buffer;
}

export function header(kind: number, argument: number, bytes: number): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32LE(bytes, 0);
  head.writeUInt32LE(kind, 4);
  head.writeUInt32LE(argument, 8);
  return head;
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** The next whole frame, with memory of its own; null: there is none yet. Throws at what cannot be a frame. */
  next(): Frame | null {
    if (this.#bytes.length < HEADER_BYTES) return null;
    const length = this.#bytes.readUInt32LE(0);
    if (length > PAYLOAD_BYTES_MAX) throw new RangeError(`a frame of ${length} bytes`);
    const end = HEADER_BYTES + length;
    if (this.#bytes.length < end) return null;
    const kind = this.#bytes.readUInt32LE(4);
    const argument = this.#bytes.readUInt32LE(8);
    const payload = Buffer.from(this.#bytes.subarray(HEADER_BYTES, end));
    this.#bytes = this.#bytes.subarray(end);
    return { kind, argument, payload };
  }
}
