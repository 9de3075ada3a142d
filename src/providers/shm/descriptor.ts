/**
 * RDMA buffer descriptors: what travels in control messages so that a peer can name memory of ours (MEM-7, MEM-16).
 *
 *   0 u32 connection   4 u32 rights (MEM_READ, MEM_WRITE)   8 u32 slot of the access table   12 u32 generation
 *  16 u64 address     24 u64 length in bytes               32 16 bytes key
 *
 * With slot and generation the peer asks the access table whether the memory is still its to reach, with the address it
 * reaches it. The key is for what comes through the ring instead: nobody guesses it (MEM-8). An address is a number:
 * user space ends far below 2^53.
 */

export const DESCRIPTOR_BYTES = 48;
const KEY_OFFSET = 32;
/** No slot: the memory can be written through the ring only. */
export const NO_SLOT = 0xffffffff;

export interface Descriptor {
  connection: number;
  rights: number;
  slot: number;
  generation: number;
  address: number;
  bytes: number;
  /** 32 hex digits. */
  key: string;
}

export function writeDescriptor(into: Uint8Array, from: Descriptor): void {
  const bytes = Buffer.from(into.buffer, into.byteOffset, DESCRIPTOR_BYTES);
  bytes.writeUInt32LE(from.connection, 0);
  bytes.writeUInt32LE(from.rights, 4);
  bytes.writeUInt32LE(from.slot, 8);
  bytes.writeUInt32LE(from.generation, 12);
  bytes.writeBigUInt64LE(BigInt(from.address), 16);
  bytes.writeBigUInt64LE(BigInt(from.bytes), 24);
  bytes.write(from.key, KEY_OFFSET, 'hex');
}

/** Reads what a peer sent, whatever it is; null: no descriptor of ours looks like that. */
export function readDescriptor(from: Uint8Array, size: number): Descriptor | null {
  if (size !== DESCRIPTOR_BYTES || from.length < DESCRIPTOR_BYTES) return null;
  const bytes = Buffer.from(from.buffer, from.byteOffset, DESCRIPTOR_BYTES);
  const address = Number(bytes.readBigUInt64LE(16));
  const length = Number(bytes.readBigUInt64LE(24));
  if (!Number.isSafeInteger(address) || !Number.isSafeInteger(length) || !Number.isSafeInteger(address + length)) {
    return null;
  }
  return {
    connection: bytes.readUInt32LE(0),
    rights: bytes.readUInt32LE(4),
    slot: bytes.readUInt32LE(8),
    generation: bytes.readUInt32LE(12),
    address,
    bytes: length,
    key: bytes.toString('hex', KEY_OFFSET),
  };
}
