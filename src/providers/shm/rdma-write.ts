/**
 * WSPRdmaWrite (XFER-10 … XFER-14, XFER-31) by copying through the ring: the bytes travel as records, the receiving
 * provider checks key, rights and range and puts them in place without its switch. Order among messages of the
 * connection is kept, so a "transfer complete" sent afterwards is never early (OBS-13).
 *
 * A WRITE record: 16 bytes key, u32 offset into the target, u32 zero, then the bytes.
 */
import {
  beginOverlapped,
  type LPFN_WSPRDMAWRITE,
  MEM_READ,
  WSA_IO_PENDING,
  type WSABUF,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOTCONN,
} from '../../spi/index.js';
import { RECORD_WRITE } from './layout.js';
import { SEND_DONE, SEND_GONE } from './link.js';
import { DESCRIPTOR_BYTES, descriptorKey } from './memory.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';
import { complete, maxMessageBytes } from './transfer.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

const WRITE_HEADER_BYTES = 24;

export function makeRdmaWrite(state: ShmState): LPFN_WSPRDMAWRITE {
  const bytesMax = maxMessageBytes(state.options.ringBytes) - WRITE_HEADER_BYTES;
  return (
    s,
    lpBuffers,
    count,
    lpDescriptor,
    descriptorBytes,
    offset,
    lpWritten,
    flags,
    lpOverlapped,
    _c,
    _t,
    lpErrno,
  ) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    const { link, connection } = socket;
    if (socket.state !== 'connected' || link === null) {
      return failed(lpErrno, socket.state === 'disconnected' ? WSAECONNRESET : WSAENOTCONN);
    }
    if (flags !== 0 || descriptorKey(lpDescriptor, descriptorBytes) === null) return failed(lpErrno, WSAEINVAL);
    const targetBytes = Number(new DataView(lpDescriptor.buffer, lpDescriptor.byteOffset).getBigUint64(0, true));
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const { handle, buf, len } = lpBuffers[i];
      const source = state.memory.local.get(handle);
      const inside =
        source !== undefined && source.socket === socket && contains(source.buffer, source.bytes, buf, len);
      if (!inside || (source.flags & MEM_READ) === 0) return failed(lpErrno, WSAEFAULT); // OBS-15, XFER-30
      bytes += len;
    }
    if (offset + bytes > targetBytes) return failed(lpErrno, WSAEFAULT);
    const all = gather(lpBuffers, count, bytes);
    beginOverlapped(lpOverlapped);
    lpWritten.value = 0;
    let at = 0;
    do {
      const part = all.subarray(at, at + bytesMax);
      const header = Buffer.alloc(WRITE_HEADER_BYTES);
      header.set(lpDescriptor.subarray(DESCRIPTOR_BYTES - 16, DESCRIPTOR_BYTES), 0);
      header.writeUInt32LE(offset + at, 16);
      const buffers: WSABUF[] = [
        { len: WRITE_HEADER_BYTES, buf: header },
        { len: part.length, buf: part },
      ];
      at += part.length;
      const size = WRITE_HEADER_BYTES + part.length;
      const sent = link.send(RECORD_WRITE, connection, buffers, 2, size);
      if (sent === SEND_GONE) return failed(lpErrno, WSAECONNRESET);
      const last = at >= bytes;
      if (sent === SEND_DONE && last) setImmediate(complete, state, socket, lpOverlapped, 0, bytes);
      if (sent !== SEND_DONE) {
        const overlapped = last ? lpOverlapped : null;
        const kind = RECORD_WRITE;
        link.enqueue({ kind, connection, buffers, count: 2, bytes: size, transferred: bytes, overlapped, socket });
      }
    } while (at < bytes);
    return failed(lpErrno, WSA_IO_PENDING);
  };
}

/** A copy: the operation may pend, and then its parts outlive this call. */
function gather(buffers: readonly WSABUF[], count: number, bytes: number): Uint8Array {
  const all = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let i = 0; i < count; i++) {
    all.set(buffers[i].buf.subarray(0, buffers[i].len), at);
    at += buffers[i].len;
  }
  return all;
}

function contains(outer: Uint8Array, bytes: number, inner: Uint8Array, length: number): boolean {
  if (outer.buffer !== inner.buffer || length > inner.length) return false;
  const start = inner.byteOffset - outer.byteOffset;
  return start >= 0 && start + length <= bytes;
}

/** A WRITE record came. A string tells what is wrong with it. */
export function onWrite(state: ShmState, socket: ShmSocket, payload: Uint8Array): string | null {
  if (payload.length < WRITE_HEADER_BYTES) return `an RDMA write of ${payload.length} bytes`;
  const view = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  return state.memory.write(
    socket,
    view.toString('hex', 0, 16),
    view.readUInt32LE(16),
    view.subarray(WRITE_HEADER_BYTES),
  );
}
