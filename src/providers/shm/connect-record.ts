/**
 * The payload of a CONNECT record, little-endian: u64 cookie of the TCP listener (its native address, D4), u16 family
 * (4 or 6), u16 connector's port, u16 listener's port, u16 bytes of connect data, 16 + 16 bytes connector's and
 * listener's address (IPv4 in the first 4), then the connect data: the session's negotiation.
 */
import { AF_INET, AF_INET6, makeSockaddr, type SOCKADDR } from '../../spi/index.js';
import { addressBytes, addressText } from './ip.js';

/** Bytes before the connect data. */
export const CONNECT_FIXED_BYTES = 48;
/** Most bytes of connect data (SESS-5). */
export const CONNECT_DATA_BYTES_MAX = 256;

export interface ConnectRecord {
  cookie: bigint;
  local: SOCKADDR;
  remote: SOCKADDR;
  data: Uint8Array;
}

export function encodeConnect(record: ConnectRecord): Uint8Array {
  const bytes = Buffer.alloc(CONNECT_FIXED_BYTES + record.data.length);
  bytes.writeBigUInt64LE(record.cookie, 0);
  bytes.writeUInt16LE(record.local.sa_family === AF_INET6 ? 6 : 4, 8);
  bytes.writeUInt16LE(record.local.sin_port, 10);
  bytes.writeUInt16LE(record.remote.sin_port, 12);
  bytes.writeUInt16LE(record.data.length, 14);
  bytes.set(addressBytes(record.local.sin_addr), 16);
  bytes.set(addressBytes(record.remote.sin_addr), 32);
  bytes.set(record.data, CONNECT_FIXED_BYTES);
  return bytes;
}

/** Decodes a copy of what a peer wrote; a string tells what is wrong with it. */
export function decodeConnect(payload: Uint8Array): ConnectRecord | string {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  if (bytes.length < CONNECT_FIXED_BYTES) return `a CONNECT of ${bytes.length} bytes`;
  const family = bytes.readUInt16LE(8);
  const dataBytes = bytes.readUInt16LE(14);
  if (family !== 4 && family !== 6) return `a CONNECT of family ${family}`;
  if (dataBytes > CONNECT_DATA_BYTES_MAX || CONNECT_FIXED_BYTES + dataBytes !== bytes.length) {
    return `a CONNECT of ${bytes.length} bytes with ${dataBytes} bytes of connect data`;
  }
  const saFamily = family === 4 ? AF_INET : AF_INET6;
  return {
    cookie: bytes.readBigUInt64LE(0),
    local: makeSockaddr(saFamily, addressText(bytes.subarray(16, 32), family), bytes.readUInt16LE(10)),
    remote: makeSockaddr(saFamily, addressText(bytes.subarray(32, 48), family), bytes.readUInt16LE(12)),
    data: bytes.subarray(CONNECT_FIXED_BYTES),
  };
}
