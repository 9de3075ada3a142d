/** Posting requests to a send queue: WSPSend, WSPRdmaRead, WSPRdmaWrite (XFER-18 … XFER-33). */
import {
  beginOverlapped,
  type LPFN_WSPRDMAWRITE,
  type LPWSPGETOVERLAPPEDRESULT,
  type LPWSPSEND,
  MEM_READ,
  MEM_WRITE,
  type Out,
  readOverlapped,
  WSA_IO_PENDING,
  WSAEFAULT,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENETDOWN,
  WSAENOTCONN,
  WSAEOPNOTSUPP,
  WSAEWOULDBLOCK,
} from '../../spi/index.js';
import { findPieces, hold } from './completion.js';
import { failed, type LoopbackInstance } from './instance.js';
import { BUFFERS_MAX } from './receiving.js';
import { DESCRIPTOR_BYTES, type Piece } from './registration.js';
import type { LoopbackSocket } from './socket-record.js';
import { joined, messageRequest, type Wire } from './wire.js';

/** The send queue of a connected socket; null: the code is in `lpErrno` (OBS-14). */
function wireOf(socket: LoopbackSocket, lpErrno: Out<number>): Wire | null {
  if (socket.state === 'connected' && socket.out !== null) return socket.out;
  lpErrno.value = socket.state === 'disconnected' ? socket.lost : WSAENOTCONN;
  return null;
}

export function makeSend(instance: LoopbackInstance): LPWSPSEND {
  const { settings } = instance;
  return (s, lpBuffers, dwBufferCount, lpNumberOfBytesSent, dwFlags, lpOverlapped, _routine, _thread, lpErrno) => {
    const socket = instance.find(s, lpErrno);
    if (socket === null) return -1;
    if (dwFlags !== 0) return failed(lpErrno, WSAEINVAL); // XFER-29
    const wire = wireOf(socket, lpErrno);
    if (wire === null) return -1;
    let bytes = 0;
    for (let i = 0; i < dwBufferCount; i++) bytes += lpBuffers[i].len;
    if (bytes > settings.maxMessageBytes) return failed(lpErrno, WSAEMSGSIZE); // XFER-3
    if (settings.ownsReceiveBuffers) {
      if ((wire.full || wire.hasWaiting) && !instance.exiting) {
        if (lpOverlapped === null) return failed(lpErrno, WSAEWOULDBLOCK);
        beginOverlapped(lpOverlapped);
        wire.wait({ buffers: lpBuffers, count: dwBufferCount, bytes, overlapped: lpOverlapped });
        return failed(lpErrno, WSA_IO_PENDING);
      }
      wire.post(messageRequest(joined(lpBuffers, dwBufferCount, bytes)));
      lpNumberOfBytesSent.value = bytes;
      return 0;
    }
    if (lpOverlapped === null || dwBufferCount < 1 || dwBufferCount > BUFFERS_MAX) return failed(lpErrno, WSAEINVAL);
    const pieces = findPieces(socket, lpBuffers, dwBufferCount, MEM_READ);
    if (pieces === null) return failed(lpErrno, WSAEFAULT);
    if (wire.full || isDown(instance)) return failed(lpErrno, WSAENETDOWN); // OBS-15
    beginOverlapped(lpOverlapped);
    hold(pieces);
    wire.post({
      kind: 'send',
      pieces,
      message: null,
      bytes,
      overlapped: lpOverlapped,
      descriptor: null,
      targetOffset: 0,
    });
    return failed(lpErrno, WSA_IO_PENDING);
  };
}

function isDown({ network }: LoopbackInstance): boolean {
  return network.random.chance(network.faults.postNetDown);
}

/** Both directions have the same shape: local buffers, and a place in the peer's memory. */
export function makeRdma(instance: LoopbackInstance, kind: 'read' | 'write'): LPFN_WSPRDMAWRITE {
  const { settings } = instance;
  const rights = kind === 'read' ? MEM_WRITE : MEM_READ;
  return (
    s,
    lpBuffers,
    dwBufferCount,
    lpDescriptor,
    dwDescriptorLength,
    dwOffset,
    _bytes,
    dwFlags,
    lpOverlapped,
    _routine,
    _thread,
    lpErrno,
  ) => {
    const socket = instance.find(s, lpErrno);
    if (socket === null) return -1;
    if (kind === 'read' && settings.rdmaRead === 'refused') return failed(lpErrno, WSAEOPNOTSUPP);
    if (dwFlags !== 0 || dwBufferCount < 1 || dwBufferCount > BUFFERS_MAX) return failed(lpErrno, WSAEINVAL);
    const wire = wireOf(socket, lpErrno);
    if (wire === null) return -1;
    const pieces: Piece[] = [];
    let bytes = 0;
    for (let i = 0; i < dwBufferCount; i++) {
      const piece = socket.memory.findWith(lpBuffers[i], lpBuffers[i].handle, rights);
      if (piece === null) return failed(lpErrno, WSAEFAULT);
      pieces.push(piece);
      bytes += piece.bytes;
    }
    if (bytes > settings.maxRdmaBytes) return failed(lpErrno, WSAEMSGSIZE);
    if (dwDescriptorLength !== DESCRIPTOR_BYTES || lpDescriptor.length < DESCRIPTOR_BYTES)
      return failed(lpErrno, WSAEFAULT);
    if (wire.full || isDown(instance)) return failed(lpErrno, WSAENETDOWN);
    beginOverlapped(lpOverlapped);
    hold(pieces);
    const descriptor = Uint8Array.from(lpDescriptor.subarray(0, DESCRIPTOR_BYTES));
    wire.post({ kind, pieces, message: null, bytes, overlapped: lpOverlapped, descriptor, targetOffset: dwOffset });
    return failed(lpErrno, WSA_IO_PENDING);
  };
}

export function makeGetOverlappedResult(instance: LoopbackInstance): LPWSPGETOVERLAPPEDRESULT {
  return (s, lpOverlapped, lpcbTransfer, fWait, lpdwFlags, lpErrno) => {
    const socket = instance.find(s, lpErrno);
    if (socket === null) return false;
    // The switch never waits (OBS-17), and in one thread there is nothing to wait on.
    if (fWait) {
      lpErrno.value = WSAEOPNOTSUPP;
      return false;
    }
    socket.out?.poll();
    return readOverlapped(lpOverlapped, lpcbTransfer, lpdwFlags, lpErrno);
  };
}
