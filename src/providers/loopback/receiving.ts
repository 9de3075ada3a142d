/** The receiving end: messages into posted buffers (XFER-18 … XFER-32), or to a receiver as views (owned receive). */
import {
  beginOverlapped,
  type LPWSPRECV,
  MEM_WRITE,
  type OwnedReceive,
  RUN_BEFORE,
  RUN_STOP,
  RUN_VIOLATION,
  WSA_IO_PENDING,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENETDOWN,
  WSAENOTCONN,
} from '../../spi/index.js';
import { findPieces, finish, hold, scatter } from './completion.js';
import { failed, type LoopbackInstance } from './instance.js';
import type { LoopbackSocket, PostedReceive } from './socket-record.js';

/** Most buffers of one operation (OBS-8, OBS-15). */
export const BUFFERS_MAX = 4;
/** Receives that one step tells of. */
const BATCH = 16;

/** A message has come. If nobody has posted a buffer for it, it waits here (SESS-6, SESS-8). */
export function arrive(socket: LoopbackSocket, message: Uint8Array): void {
  socket.inbound.push(message);
  match(socket);
  schedule(socket);
}

/** Copies messages that wait into buffers that wait, oldest to oldest, one to one (SESS-7). */
function match(socket: LoopbackSocket): void {
  while (socket.inbound.length > 0) {
    const request = socket.posted.shift();
    if (request === undefined) return;
    const message = socket.inbound.shift() ?? new Uint8Array(0);
    const taken = scatter(message, request.pieces);
    const error = taken < 0 ? WSAEFAULT : taken < message.length ? WSAEMSGSIZE : 0;
    socket.received.push({ ...request, error, bytes: error === 0 ? taken : 0 });
  }
}

/** The connection is gone: buffers that are still posted end with the code, behind what has arrived (CLOSE-3). */
export function flushReceives(socket: LoopbackSocket, error: number): void {
  for (const request of socket.posted.splice(0)) socket.received.push({ ...request, error, bytes: 0 });
  schedule(socket);
}

/** Somebody is to be told of something, in a callback of its own: never inside the call that posted (OBS-16). */
function schedule(socket: LoopbackSocket): void {
  if (socket.receiving || !isDue(socket)) return;
  socket.receiving = true;
  socket.instance.network.later(tell, socket);
}

function isDue(socket: LoopbackSocket): boolean {
  if (socket.received.length > 0) return true;
  if (socket.receiver === null) return false;
  return socket.inbound.length > 0 || (socket.lost !== 0 && !socket.disconnectTold);
}

function tell(socket: LoopbackSocket): void {
  socket.receiving = false;
  if (socket.state === 'closed') return;
  if (socket.received.length > 0) {
    const { network } = socket.instance;
    // With delays each completion has a time of its own; without, a step tells of all, as draining a queue does.
    let budget = network.faults.delayTicksMax > 0 ? 1 + network.random.below(BATCH) : BATCH;
    try {
      for (; budget > 0; budget--) {
        const first = socket.received.shift();
        if (first === undefined) break;
        finish(socket, first);
      }
    } finally {
      schedule(socket);
    }
  } else run(socket);
}

/** One run of messages for the receiver; after the last of them, that the connection is gone. */
function run(socket: LoopbackSocket): void {
  const { receiver, inbound } = socket;
  if (receiver === null) return;
  if (inbound.length === 0) {
    if (socket.lost === 0 || socket.disconnectTold) return;
    socket.disconnectTold = true;
    receiver.onDisconnect(socket.lost === WSAECONNRESET && !socket.peerDied ? 0 : socket.lost);
    return;
  }
  let result: number;
  do {
    const message = inbound[0];
    result = receiver.onMessage(message, 0, message.length);
    if (result === RUN_BEFORE) break;
    inbound.shift();
  } while (result !== RUN_STOP && result !== RUN_VIOLATION && inbound.length > 0);
  if (result === RUN_VIOLATION) {
    inbound.length = 0;
    socket.out?.breakOff();
    return;
  }
  schedule(socket);
  receiver.onRunEnd();
}

export function makeRecv(instance: LoopbackInstance): LPWSPRECV {
  return (s, lpBuffers, dwBufferCount, lpNumberOfBytesRecvd, lpFlags, lpOverlapped, _routine, _thread, lpErrno) => {
    const socket = instance.find(s, lpErrno);
    if (socket === null) return -1;
    if (socket.receiver !== null || lpFlags.value !== 0) return failed(lpErrno, WSAEINVAL);
    if (dwBufferCount < 1 || dwBufferCount > BUFFERS_MAX) return failed(lpErrno, WSAEINVAL); // OBS-15
    if (socket.state !== 'connected' && (socket.state !== 'disconnected' || socket.inbound.length === 0)) {
      return failed(lpErrno, socket.state === 'disconnected' ? socket.lost : WSAENOTCONN); // OBS-14
    }
    const pieces = findPieces(socket, lpBuffers, dwBufferCount, MEM_WRITE);
    if (pieces === null) return failed(lpErrno, WSAEFAULT);
    const { settings, network } = instance;
    if (socket.posted.length + socket.received.length >= settings.queueDepth) return failed(lpErrno, WSAENETDOWN);
    if (network.random.chance(network.faults.postNetDown)) return failed(lpErrno, WSAENETDOWN);
    lpNumberOfBytesRecvd.value = 0;
    beginOverlapped(lpOverlapped); // before it is posted: its end can come first (OBS-16)
    hold(pieces);
    const request: PostedReceive = { pieces, overlapped: lpOverlapped };
    socket.posted.push(request);
    match(socket);
    schedule(socket);
    return failed(lpErrno, WSA_IO_PENDING);
  };
}

/** The owned-receive addition: messages as views, consumed counters that the peer sees at once, the end of a process. */
export function makeOwnedReceive(instance: LoopbackInstance): OwnedReceive {
  const { sockets } = instance;
  return {
    SdpSetReceiver(s, receiver, lpErrno) {
      const socket = instance.find(s, lpErrno);
      if (socket === null) return -1;
      if (receiver !== null && socket.posted.length > 0) return failed(lpErrno, WSAEINVAL);
      if (socket.state !== 'connected' && socket.state !== 'disconnected') return failed(lpErrno, WSAENOTCONN);
      socket.receiver = receiver;
      schedule(socket);
      return 0;
    },
    SdpSetConsumed(s, total) {
      const socket = sockets.get(s);
      if (socket !== undefined) socket.consumed = total;
    },
    SdpPeerConsumed: (s) => sockets.get(s)?.peer?.consumed ?? 0,
    SdpBeginExit() {
      instance.exiting = true;
      for (const { out } of sockets.values()) out?.admitAll();
    },
    SdpEndExit() {
      // What was sent lies in memory that the peers hold already.
    },
    SdpPeerOf(s) {
      const peer = sockets.get(s)?.peer;
      if (!peer) return null;
      return { pid: process.pid, uid: process.geteuid?.() ?? 0, link: 0, self: peer.instance === instance };
    },
  };
}
