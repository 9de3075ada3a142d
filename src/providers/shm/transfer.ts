/** Sending and receiving messages (XFER-18 … XFER-33), and the end of a socket (CLOSE-1 … CLOSE-10). */
import {
  beginOverlapped,
  finishOverlapped,
  type LPWSPCLOSESOCKET,
  type LPWSPGETOVERLAPPEDRESULT,
  type LPWSPRECV,
  type LPWSPSEND,
  readOverlapped,
  wantsNotification,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  type WSABUF,
  WSAECONNRESET,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENOTCONN,
  WSAEOPNOTSUPP,
  type WSAOVERLAPPED,
  WSAEWOULDBLOCK,
} from '../../spi/index.js';
import { RECORD_BYTES_MAX, RECORD_MESSAGE } from './layout.js';
import { stopExpecting } from './duplicate-expect.js';
import { SEND_DONE, SEND_GONE, SEND_NO_ROOM, SLOT_CLOSING } from './link.js';
import { closeListener } from './listening.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

const scratch = { value: 0 };

/** Ends an operation by the way its owner asked for (XFER-22, XFER-23). */
export function complete(
  state: ShmState,
  socket: ShmSocket,
  overlapped: WSAOVERLAPPED,
  error: number,
  bytes: number,
): void {
  if (wantsNotification(overlapped)) {
    state.upcalls.lpWPUCompleteOverlappedRequest(socket.handle, overlapped, error, error === 0 ? bytes : 0, scratch);
  } else finishOverlapped(overlapped, error, bytes);
}

/**
 * The bytes of all buffers together are one message. Done at once if the ring has room; else it pends, or, without an
 * overlapped structure (the nonblocking form), fails with `WSAEWOULDBLOCK`.
 */
export function makeSend(state: ShmState): LPWSPSEND {
  return (s, lpBuffers, dwBufferCount, lpNumberOfBytesSent, dwFlags, lpOverlapped, _completion, _thread, lpErrno) => {
    const socket = state.sockets[s];
    if (socket === undefined) return state.find(s, lpErrno) === null ? -1 : 0;
    const { link } = socket;
    if (socket.state !== 'connected' || link === null) {
      if (socket.state === 'detached') return failed(lpErrno, WSAEWOULDBLOCK);
      return failed(lpErrno, socket.state === 'disconnected' ? WSAECONNRESET : WSAENOTCONN);
    }
    let bytes = 0;
    for (let i = 0; i < dwBufferCount; i++) bytes += lpBuffers[i].len;
    if (dwFlags !== 0) return failed(lpErrno, WSAEINVAL); // XFER-29
    if (bytes > RECORD_BYTES_MAX) return failed(lpErrno, WSAEMSGSIZE); // XFER-3
    const fenced = state.transfers.isFenced(socket); // OBS-13
    const { connection } = socket;
    const sent = fenced ? SEND_NO_ROOM : link.send(RECORD_MESSAGE, connection, lpBuffers, dwBufferCount, bytes);
    if (sent === SEND_DONE) {
      lpNumberOfBytesSent.value = bytes;
      return 0;
    }
    if (sent === SEND_GONE) return failed(lpErrno, WSAECONNRESET);
    if (lpOverlapped === null) return failed(lpErrno, WSAEWOULDBLOCK);
    beginOverlapped(lpOverlapped); // before it is posted: its end can come first (OBS-16)
    const record = {
      kind: RECORD_MESSAGE,
      connection,
      buffers: lpBuffers,
      count: dwBufferCount,
      bytes,
      transferred: bytes,
      overlapped: lpOverlapped,
      socket,
    };
    if (fenced) state.transfers.fence(socket, record);
    else link.enqueue(record);
    return failed(lpErrno, WSA_IO_PENDING);
  };
}

/** Posts a buffer for one message, for a switch that does not take views (SESS-2). */
export function makeRecv(state: ShmState): LPWSPRECV {
  return (s, lpBuffers, dwBufferCount, lpNumberOfBytesRecvd, _flags, lpOverlapped, _completion, _thread, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    if (socket.receiver !== null) return failed(lpErrno, WSAEINVAL);
    if (socket.state !== 'connected' && socket.early.length === 0) {
      return failed(lpErrno, socket.state === 'disconnected' ? WSAECONNRESET : WSAENOTCONN);
    }
    lpNumberOfBytesRecvd.value = 0;
    beginOverlapped(lpOverlapped);
    socket.posted.push({ buffers: lpBuffers.slice(0, dwBufferCount), overlapped: lpOverlapped });
    // SESS-7: what came early is copied one to one into buffers as they are posted, never inside this call.
    if (socket.early.length > 0) setImmediate(matchPosted, state, socket);
    return failed(lpErrno, WSA_IO_PENDING);
  };
}

/** Copies messages that wait into buffers that wait, oldest to oldest. */
export function matchPosted(state: ShmState, socket: ShmSocket): void {
  while (socket.receiver === null) {
    const message = socket.early.at(0);
    const request = socket.posted.at(0);
    if (message === undefined || request === undefined) break;
    socket.early.shift();
    socket.posted.shift();
    const { buffers, overlapped } = request;
    socket.earlyBytes -= message.length;
    const taken = scatter(message, buffers);
    complete(state, socket, overlapped, taken < message.length ? WSAEMSGSIZE : 0, taken);
  }
  // The peer is gone, and has left no more: whoever posted in the hope of it is told (CLOSE-3).
  if (socket.state === 'disconnected' && socket.receiver === null && socket.early.length === 0)
    endPosted(state, socket);
}

/** Ends what is posted on a connection that is gone. */
function endPosted(state: ShmState, socket: ShmSocket): void {
  for (const { overlapped } of socket.posted.splice(0)) complete(state, socket, overlapped, WSAECONNRESET, 0);
}

function scatter(message: Uint8Array, buffers: readonly WSABUF[]): number {
  let at = 0;
  for (const { buf, len } of buffers) {
    const part = message.subarray(at, at + len);
    buf.set(part);
    at += part.length;
  }
  return at;
}

export function makeGetOverlappedResult(state: ShmState): LPWSPGETOVERLAPPEDRESULT {
  return (s, lpOverlapped, lpcbTransfer, fWait, lpdwFlags, lpErrno) => {
    if (state.find(s, lpErrno) === null) return false;
    // fWait is never true under the switch (OBS-17), and there is nothing to wait on in one thread.
    if (fWait) {
      lpErrno.value = WSAEOPNOTSUPP;
      return false;
    }
    return readOverlapped(lpOverlapped, lpcbTransfer, lpdwFlags, lpErrno);
  };
}

/** Never fails with `WSAEWOULDBLOCK`: what is not delivered yet by then is not (CLOSE-2). */
export function makeCloseSocket(state: ShmState): LPWSPCLOSESOCKET {
  return (s, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    closeSocket(state, socket);
    return 0;
  };
}

export function closeSocket(state: ShmState, socket: ShmSocket): void {
  const { link, connection } = socket;
  if (socket.state === 'listening') closeListener(state, socket);
  stopExpecting(state, socket);
  state.transfers.abort(socket, WSA_OPERATION_ABORTED);
  if (link !== null && !link.gone) {
    // A connect given up before its answer: until the peer stirs, others need not wait for it (D12).
    if (socket.state === 'connecting') link.unanswered = true;
    link.abort(socket);
    if (connection >= 0 && socket.state === 'disconnected') {
      link.sendClose(connection);
      link.release(connection);
    } else if (connection >= 0) {
      link.slots[connection] = SLOT_CLOSING;
      link.sendClose(connection);
    }
  }
  const lost = link?.takeLost(socket) ?? [];
  for (const overlapped of lost) complete(state, socket, overlapped, WSA_OPERATION_ABORTED, 0); // CLOSE-4
  socket.state = 'open';
  socket.link = null;
  socket.receiver = null;
  state.memory.closeSocket(socket);
  for (const { overlapped } of socket.posted.splice(0)) complete(state, socket, overlapped, WSA_OPERATION_ABORTED, 0);
  state.remove(socket);
  state.upcalls.lpWPUCloseSocketHandle(socket.handle, scratch); // CLOSE-6: the last up-call
}

/** The connection is gone: posted receives end (CLOSE-3), a receiver is told. The record stays until closed (CLOSE-7). */
export function disconnect(state: ShmState, socket: ShmSocket, error: number): void {
  if (socket.state !== 'connected') return;
  socket.state = 'disconnected';
  socket.disconnectError = error;
  state.memory.disconnect(socket);
  state.transfers.abort(socket, WSAECONNRESET);
  if (socket.receiver !== null) {
    if (socket.early.length === 0) socket.receiver.onDisconnect(error);
    return; // else after the early messages; see owned-receive.ts
  }
  if (socket.early.length === 0) endPosted(state, socket); // else after what came early; see matchPosted
}
