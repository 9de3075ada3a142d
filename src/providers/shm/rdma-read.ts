/** WSPRdmaRead (XFER-7, XFER-31): the peer's memory, copied by this process alone. See transfers.ts. */
import {
  type LPFN_WSPRDMAREAD,
  MEM_READ,
  MEM_WRITE,
  type Out,
  WSA_IO_PENDING,
  type WSABUFEX,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOTCONN,
  WSAEOPNOTSUPP,
} from '../../spi/index.js';
import { type Descriptor, NO_SLOT, readDescriptor } from './descriptor.js';
import type { Registration } from './memory.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';
import { Transfer } from './transfers.js';

/** SO_MAX_RDMA_SIZE: most bytes of one call. They are copied in pieces; a limit keeps the counts within 32 bits. */
export const RDMA_BYTES_MAX = 256 * 1024 * 1024;
/** OBS-8, OBS-15. */
const BUFFERS_MAX = 4;

/** What the parameters of an RDMA call come to. */
export interface RdmaRequest {
  readonly target: Descriptor;
  readonly registrations: readonly Registration[];
  readonly bytes: number;
}

/**
 * Checks what reads and writes have in common: the connection, the descriptor, its range, and that every local buffer
 * lies in memory that is registered on this socket for that use. Or the WSA code of what is wrong.
 */
export function checkRdma(
  state: ShmState,
  socket: ShmSocket,
  lpBuffers: readonly WSABUFEX[],
  count: number,
  descriptor: Uint8Array,
  descriptorBytes: number,
  offset: number,
  flags: number,
  writing: boolean,
): RdmaRequest | number {
  if (socket.state !== 'connected' || socket.link === null) {
    return socket.state === 'disconnected' ? WSAECONNRESET : WSAENOTCONN;
  }
  if (flags !== 0 || !(count >= 1 && count <= BUFFERS_MAX) || count > lpBuffers.length) return WSAEINVAL;
  const target = readDescriptor(descriptor, descriptorBytes);
  // Another connection's is as unknown here as one that never was (MEM-7).
  if (target === null || target.connection !== socket.connection) return WSAEINVAL;
  if ((target.rights & (writing ? MEM_WRITE : MEM_READ)) === 0) return WSAEFAULT; // MEM-10
  const registrations: Registration[] = [];
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const { handle, buf, len } = lpBuffers[i];
    const known = state.memory.find(socket, handle, buf, len, writing ? MEM_READ : MEM_WRITE);
    if (known === null) return WSAEFAULT; // OBS-15, XFER-30
    registrations.push(known);
    bytes += len;
  }
  if (bytes > RDMA_BYTES_MAX) return WSAEINVAL; // XFER-3
  if (!(offset >= 0) || offset + bytes > target.bytes) return WSAEFAULT;
  return { target, registrations, bytes };
}

export function makeRdmaRead(state: ShmState): LPFN_WSPRDMAREAD {
  return (
    s,
    lpBuffers,
    count,
    lpDescriptor,
    size,
    offset,
    lpRead,
    flags,
    lpOverlapped,
    _c,
    _t,
    lpErrno: Out<number>,
  ) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    const request = checkRdma(state, socket, lpBuffers, count, lpDescriptor, size, offset, flags, false);
    if (typeof request === 'number') return failed(lpErrno, request);
    const { target, registrations, bytes } = request;
    if (socket.link?.reach.read !== true || (target.slot === NO_SLOT && bytes > 0))
      return failed(lpErrno, WSAEOPNOTSUPP);
    lpRead.value = 0;
    const buffers = lpBuffers.slice(0, count);
    state.transfers.start(new Transfer(socket, false, lpOverlapped, buffers, registrations, target, offset, bytes));
    return failed(lpErrno, WSA_IO_PENDING);
  };
}
