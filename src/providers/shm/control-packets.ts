/**
 * Packets on a link's control connection, little-endian: u32 magic "SDC1", u16 version, u16 type, then the fields below.
 *
 *   HELLO   (+ memfd)  16 bytes isolate id, u32 pid, proof, u32 ring bytes, u32 slots  connector → acceptor, first packet
 *   WELCOME            16 bytes isolate id, u32 pid, proof                             acceptor → connector
 *   REJECT             u16 length, text (≤ 200 bytes UTF-8)                         acceptor → connector, then EOF
 *   SPILL   (+ memfd)  u32 bytes in use                                            exiting side, last packet
 *
 * A proof: u64 address in the sender's memory, or 0 for "keep out", and the 16 bytes that stand there, new for each link.
 */

const MAGIC = 0x31434453;
export const CONTROL_VERSION = 2;
export const PACKET_HELLO = 1;
export const PACKET_WELCOME = 2;
export const PACKET_REJECT = 3;
export const PACKET_SPILL = 4;

export const PROOF_BYTES = 16;

/** What a peer must find in our memory to know that it is ours (D5). */
export interface Proof {
  /** 0: our memory is not to be looked for. */
  readonly address: number;
  readonly bytes: Uint8Array;
}

export type ControlPacket =
  | { type: typeof PACKET_HELLO; isolate: string; pid: number; proof: Proof; ringBytes: number; slotCount: number }
  | { type: typeof PACKET_WELCOME; isolate: string; pid: number; proof: Proof }
  | { type: typeof PACKET_REJECT; text: string }
  | { type: typeof PACKET_SPILL; bytes: number };

/** Encodes a packet; isolate ids are 32 hex digits. */
export function encodePacket(packet: ControlPacket): Uint8Array {
  const bytes = Buffer.alloc(256);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt16LE(CONTROL_VERSION, 4);
  bytes.writeUInt16LE(packet.type, 6);
  switch (packet.type) {
    case PACKET_HELLO:
      bytes.write(packet.isolate, 8, 'hex');
      bytes.writeUInt32LE(packet.pid, 24);
      putProof(bytes, packet.proof);
      bytes.writeUInt32LE(packet.ringBytes, 52);
      bytes.writeUInt32LE(packet.slotCount, 56);
      return bytes.subarray(0, 60);
    case PACKET_WELCOME:
      bytes.write(packet.isolate, 8, 'hex');
      bytes.writeUInt32LE(packet.pid, 24);
      putProof(bytes, packet.proof);
      return bytes.subarray(0, 52);
    case PACKET_REJECT: {
      const length = bytes.write(packet.text, 10, 200, 'utf8');
      bytes.writeUInt16LE(length, 8);
      return bytes.subarray(0, 10 + length);
    }
    case PACKET_SPILL:
      bytes.writeUInt32LE(packet.bytes, 8);
      return bytes.subarray(0, 12);
  }
}

function putProof(bytes: Buffer, proof: Proof): void {
  bytes.writeBigUInt64LE(BigInt(proof.address), 28);
  bytes.set(proof.bytes, 36);
}

/** Null: an address that no program has. */
function takeProof(bytes: Buffer): Proof | null {
  const address = bytes.readBigUInt64LE(28);
  if (address > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return { address: Number(address), bytes: Uint8Array.from(bytes.subarray(36, 36 + PROOF_BYTES)) };
}

/** Decodes what a peer sent; a string tells what is wrong with it. */
export function decodePacket(packet: Uint8Array): ControlPacket | string {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
  if (bytes.length < 8 || bytes.readUInt32LE(0) !== MAGIC) return 'a control packet without its magic number';
  const version = bytes.readUInt16LE(4);
  if (version !== CONTROL_VERSION) return `link protocol version ${version}, this side speaks ${CONTROL_VERSION}`;
  const type = bytes.readUInt16LE(6);
  const size = bytes.length;
  if ((type === PACKET_HELLO && size === 60) || (type === PACKET_WELCOME && size === 52)) {
    const isolate = bytes.toString('hex', 8, 24);
    const pid = bytes.readUInt32LE(24);
    const proof = takeProof(bytes);
    if (proof === null) return 'a proof at an address that no program has';
    if (type === PACKET_WELCOME) return { type, isolate, pid, proof };
    return { type, isolate, pid, proof, ringBytes: bytes.readUInt32LE(52), slotCount: bytes.readUInt32LE(56) };
  }
  if (type === PACKET_REJECT && size >= 10 && size === 10 + bytes.readUInt16LE(8)) {
    return { type, text: bytes.toString('utf8', 10) };
  }
  if (type === PACKET_SPILL && size === 12) return { type, bytes: bytes.readUInt32LE(8) };
  return `a control packet of type ${type} and ${size} bytes`;
}
