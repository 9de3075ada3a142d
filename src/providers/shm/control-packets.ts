/**
 * Packets on a link's control connection, little-endian: u32 magic "SDC1", u16 version, u16 type, then the fields below.
 *
 *   HELLO   (+ memfd)  16 bytes isolate id, u32 pid, u32 ring bytes, u32 slots      connector → acceptor, first packet
 *   WELCOME            16 bytes isolate id, u32 pid                                 acceptor → connector
 *   REJECT             u16 length, text (≤ 200 bytes UTF-8)                         acceptor → connector, then EOF
 *   SPILL   (+ memfd)  u32 bytes in use                                            exiting side, last packet
 */

const MAGIC = 0x31434453;
export const CONTROL_VERSION = 1;
export const PACKET_HELLO = 1;
export const PACKET_WELCOME = 2;
export const PACKET_REJECT = 3;
export const PACKET_SPILL = 4;

export type ControlPacket =
  | { type: typeof PACKET_HELLO; isolate: string; pid: number; ringBytes: number; slotCount: number }
  | { type: typeof PACKET_WELCOME; isolate: string; pid: number }
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
      bytes.writeUInt32LE(packet.ringBytes, 28);
      bytes.writeUInt32LE(packet.slotCount, 32);
      return bytes.subarray(0, 36);
    case PACKET_WELCOME:
      bytes.write(packet.isolate, 8, 'hex');
      bytes.writeUInt32LE(packet.pid, 24);
      return bytes.subarray(0, 28);
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

/** Decodes what a peer sent; a string tells what is wrong with it. */
export function decodePacket(packet: Uint8Array): ControlPacket | string {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
  if (bytes.length < 8 || bytes.readUInt32LE(0) !== MAGIC) return 'a control packet without its magic number';
  const version = bytes.readUInt16LE(4);
  if (version !== CONTROL_VERSION) return `link protocol version ${version}, this side speaks ${CONTROL_VERSION}`;
  const type = bytes.readUInt16LE(6);
  const size = bytes.length;
  if (type === PACKET_HELLO && size === 36) {
    return {
      type,
      isolate: bytes.toString('hex', 8, 24),
      pid: bytes.readUInt32LE(24),
      ringBytes: bytes.readUInt32LE(28),
      slotCount: bytes.readUInt32LE(32),
    };
  }
  if (type === PACKET_WELCOME && size === 28) {
    return { type, isolate: bytes.toString('hex', 8, 24), pid: bytes.readUInt32LE(24) };
  }
  if (type === PACKET_REJECT && size >= 10 && size === 10 + bytes.readUInt16LE(8)) {
    return { type, text: bytes.toString('utf8', 10) };
  }
  if (type === PACKET_SPILL && size === 12) return { type, bytes: bytes.readUInt32LE(8) };
  return `a control packet of type ${type} and ${size} bytes`;
}
