/**
 * WSPRdmaWrite (XFER-10 … XFER-14, XFER-31): into the peer's memory by this process alone where the system permits that
 * (transfers.ts), else by copying through the ring: the bytes travel as records, the receiving provider checks key,
 * rights and range and puts them in place without its switch. Either way the order among messages of the connection is
 * kept, so a "transfer complete" sent afterwards is never early (OBS-13).
 *
 * A WRITE record: 16 bytes key, u32 offset into the target, u32 zero, then the bytes.
 */
import {
  beginOverlapped,
  type LPFN_WSPRDMAWRITE,
  WSA_IO_PENDING,
  type WSABUF,
  WSAECONNRESET,
  type WSAOVERLAPPED,
} from '../../spi/index.js';
import { type Descriptor, NO_SLOT } from './descriptor.js';
import { RECORD_BYTES_MAX, RECORD_WRITE } from './layout.js';
import { SEND_DONE, SEND_GONE, SEND_NO_ROOM } from './link.js';
import { checkRdma } from './rdma-read.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';
import { Transfer } from './transfers.js';
import type { QueuedRecord } from './transmit-queue.js';

const WRITE_HEADER_BYTES = 24;

export function makeRdmaWrite(state: ShmState): LPFN_WSPRDMAWRITE {
  return (s, lpBuffers, count, lpDescriptor, size, offset, lpWritten, flags, lpOverlapped, _c, _t, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    const request = checkRdma(state, socket, lpBuffers, count, lpDescriptor, size, offset, flags, true);
    if (typeof request === 'number') return failed(lpErrno, request);
    const { target, registrations, bytes } = request;
    lpWritten.value = 0;
    const buffers = lpBuffers.slice(0, count);
    if (socket.link?.reach.write === true && target.slot !== NO_SLOT) {
      state.transfers.start(new Transfer(socket, true, lpOverlapped, buffers, registrations, target, offset, bytes));
      return failed(lpErrno, WSA_IO_PENDING);
    }
    beginOverlapped(lpOverlapped);
    const sent = sendCopies(state, socket, gather(buffers, bytes), target, offset, lpOverlapped);
    return failed(lpErrno, sent ? WSA_IO_PENDING : WSAECONNRESET);
  };
}

/** A copy: the operation may pend, and then its parts outlive this call. */
function gather(buffers: readonly WSABUF[], bytes: number): Uint8Array {
  const all = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const { buf, len } of buffers) {
    all.set(buf.subarray(0, len), at);
    at += len;
  }
  return all;
}

/** False: the link is gone, and the operation never began. */
function sendCopies(
  state: ShmState,
  socket: ShmSocket,
  all: Uint8Array,
  target: Descriptor,
  offset: number,
  lpOverlapped: WSAOVERLAPPED,
): boolean {
  const { link, connection } = socket;
  const key = Buffer.from(target.key, 'hex');
  let at = 0;
  do {
    const part = all.subarray(at, at + RECORD_BYTES_MAX - WRITE_HEADER_BYTES);
    const header = Buffer.alloc(WRITE_HEADER_BYTES);
    header.set(key, 0);
    header.writeUInt32LE(offset + at, 16);
    const buffers: WSABUF[] = [
      { len: WRITE_HEADER_BYTES, buf: header },
      { len: part.length, buf: part },
    ];
    at += part.length;
    const bytes = WRITE_HEADER_BYTES + part.length;
    const last = at >= all.length;
    const overlapped = last ? lpOverlapped : null;
    const fenced = state.transfers.isFenced(socket);
    const sent = fenced ? SEND_NO_ROOM : (link?.send(RECORD_WRITE, connection, buffers, 2, bytes) ?? SEND_GONE);
    if (sent === SEND_GONE) return false;
    if (sent === SEND_DONE) {
      if (last) state.transfers.end(socket, lpOverlapped, 0, all.length);
      continue;
    }
    const kind = RECORD_WRITE;
    const record: QueuedRecord = {
      kind,
      connection,
      buffers,
      count: 2,
      bytes,
      transferred: all.length,
      overlapped,
      socket,
    };
    if (fenced) state.transfers.fence(socket, record);
    else link?.enqueue(record);
  } while (at < all.length);
  return true;
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
