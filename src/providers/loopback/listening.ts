/** Listening and accepting (LIST-1 … LIST-9, ACC-1 … ACC-9). */
import {
  CF_ACCEPT,
  CF_DEFER,
  copySockaddr,
  FD_ACCEPT_BIT,
  INVALID_SOCKET,
  type LPWSPACCEPT,
  type LPWSPLISTEN,
  sockaddrLength,
  SOMAXCONN,
  type WSABUF,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAEISCONN,
  WSAEWOULDBLOCK,
  WSATRY_AGAIN,
} from '../../spi/index.js';
import { answerLater, CONNECT_DATA_BYTES_MAX } from './connecting.js';
import { failed, type LoopbackInstance } from './instance.js';
import type { ConnectRequest, LoopbackSocket } from './socket-record.js';
import { Wire } from './wire.js';

/** What SOMAXCONN means here (LIST-8). */
const BACKLOG_MAX = 4096;
const NOTHING = new Uint8Array(0);

export function makeListen(instance: LoopbackInstance): LPWSPLISTEN {
  return (s, backlog, lpErrno) => {
    const socket = instance.find(s, lpErrno);
    if (socket === null) return -1;
    if (socket.state === 'connected' || socket.state === 'connecting') return failed(lpErrno, WSAEISCONN);
    if (socket.state !== 'bound' && socket.state !== 'listening') return failed(lpErrno, WSAEINVAL);
    socket.state = 'listening';
    socket.backlog = backlog === SOMAXCONN ? BACKLOG_MAX : Math.max(1, Math.min(backlog, BACKLOG_MAX));
    // OBS-30: a second listen changes the backlog; the newest excess is turned away.
    for (const excess of socket.queue.splice(socket.backlog)) refuse(excess, 'listener-busy', NOTHING);
    return 0;
  };
}

/** The listener is being closed: who waits is refused. */
export function closeListener(socket: LoopbackSocket): void {
  for (const request of socket.queue.splice(0)) refuse(request, 'listener-refused', NOTHING);
}

function refuse(request: ConnectRequest, detail: string, data: Uint8Array): void {
  answerLater(request, WSAECONNREFUSED, detail, data);
}

export function makeAccept(instance: LoopbackInstance): LPWSPACCEPT {
  const { settings } = instance;
  return (s, addr, addrlen, lpfnCondition, dwCallbackData, lpErrno) => {
    const listener = instance.find(s, lpErrno);
    if (listener === null) return INVALID_SOCKET;
    if (listener.state !== 'listening') return failed(lpErrno, WSAEINVAL);
    if (typeof lpfnCondition !== 'function') return failed(lpErrno, WSAEFAULT);
    const request = listener.queue.shift();
    if (request === undefined) return failed(lpErrno, WSAEWOULDBLOCK); // OBS-31
    const { local, remote, data } = request;
    const room = sockaddrLength(local.sa_family);
    if (addr !== null && addrlen !== null && addrlen.value < room) {
      listener.queue.unshift(request);
      return failed(lpErrno, WSAEFAULT);
    }
    if (listener.event !== null) instance.upcalls.lpWPUResetEvent(listener.event, lpErrno); // ACC-6
    if (request.abandoned) return again(listener, failed(lpErrno, WSAECONNRESET));
    const callerData: WSABUF | null = settings.connectData ? { len: data.length, buf: data } : null;
    const calleeData: WSABUF | null = settings.connectData
      ? { len: CONNECT_DATA_BYTES_MAX, buf: new Uint8Array(CONNECT_DATA_BYTES_MAX) }
      : null;
    // ACC-2, ACC-3: decided here and now, before the peer is told anything.
    const decision = lpfnCondition(local, callerData, null, null, remote, calleeData, null, dwCallbackData);
    const answer = calleeData === null ? NOTHING : calleeData.buf.slice(0, calleeData.len);
    if (decision === CF_DEFER) {
      listener.queue.unshift(request); // OBS-33
      return failed(lpErrno, WSATRY_AGAIN);
    }
    if (decision !== CF_ACCEPT) {
      refuse(request, 'listener-refused', answer);
      return again(listener, failed(lpErrno, WSAECONNREFUSED)); // ACC-7, OBS-33
    }
    const socket = instance.create(lpErrno);
    if (socket === null) {
      listener.queue.unshift(request); // ACC-9
      return INVALID_SOCKET;
    }
    connect(socket, listener, request, answer);
    if (addr !== null) copySockaddr(addr, local);
    if (addrlen !== null) addrlen.value = room;
    return again(listener, socket.descriptor);
  };
}

/** The accepting end is connected from now on; its acceptance is the first that goes out (ACC-5). */
function connect(socket: LoopbackSocket, listener: LoopbackSocket, request: ConnectRequest, answer: Uint8Array): void {
  socket.local = { ...request.remote };
  socket.remote = { ...request.local };
  for (const [option, value] of listener.options) socket.options.set(option, value); // OBS-32
  socket.state = 'connected';
  socket.since = socket.instance.network.scheduler.now();
  socket.peer = request.connector;
  socket.out = new Wire(socket, request.connector);
  const { length: bytes } = answer;
  const kind = 'accept';
  socket.out.post({ kind, pieces: [], message: answer, bytes, overlapped: null, descriptor: null, targetOffset: 0 });
}

/** More are waiting, so the event must not stay quiet (OBS-31); the waiter may accept from inside it. */
function again(listener: LoopbackSocket, result: number): number {
  if (listener.queue.length > 0) listener.instance.signal(listener, FD_ACCEPT_BIT, 0);
  return result;
}
