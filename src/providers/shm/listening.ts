/** Listening and accepting (LIST-1 … LIST-9, ACC-1 … ACC-9, ERR-6, ERR-7) behind a companion listener named after the cookie (D4). */
import { ANNOUNCEMENT_PREFIX, COMPANION_NUMBERS, companionName } from '../../proxy-driver/index.js';
import {
  CF_ACCEPT,
  CF_REJECT,
  copySockaddr,
  FD_ACCEPT_BIT,
  INVALID_SOCKET,
  isWildcard,
  type LPWSPACCEPT,
  type LPWSPLISTEN,
  sockaddrLength,
  SOMAXCONN,
  type WSABUF,
  WSAECONNREFUSED,
  WSAEFAULT,
  WSAEINVAL,
  WSAEISCONN,
  WSAEMFILE,
  WSAENOBUFS,
  WSAEWOULDBLOCK,
} from '../../spi/index.js';
import { CONNECT_DATA_BYTES_MAX, type ConnectRecord } from './connect-record.js';
import { REFUSE_BUSY, REFUSE_NO_LISTENER, REFUSE_REJECTED } from './connecting.js';
import { RECORD_ACCEPT, RECORD_REFUSE } from './layout.js';
import type { Link } from './link.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

/** What SOMAXCONN means here (LIST-8). */
const BACKLOG_MAX = 4096;
/** Connections that wait on a companion listener before links are made of them. */
const COMPANION_BACKLOG = 128;
const EADDRINUSE = -98;

/** The companion listeners of this isolate, by the record of the socket they serve. */
const companions = new WeakMap<ShmSocket, number>();

export function makeListen(state: ShmState): LPWSPLISTEN {
  return (s, backlog, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    if (socket.state === 'connected' || socket.state === 'connecting') return failed(lpErrno, WSAEISCONN);
    const limit = backlog === SOMAXCONN ? BACKLOG_MAX : Math.max(1, Math.min(backlog, BACKLOG_MAX));
    if (socket.state === 'listening') {
      // OBS-30: a second listen changes the backlog; the newest excess is turned away.
      socket.backlog = limit;
      for (const excess of socket.queue.splice(limit)) refuse(excess.link, excess.connection, REFUSE_BUSY);
      return 0;
    }
    if (socket.state !== 'bound') return failed(lpErrno, WSAEINVAL);
    // Without its native address a listener cannot be found by anyone.
    if (socket.nativeAddress === 0n || state.listeners.has(socket.nativeAddress)) return failed(lpErrno, WSAEINVAL); // LIST-9
    const id = openCompanion(state, socket.nativeAddress);
    if (id < 0) return failed(lpErrno, id === EADDRINUSE ? WSAEMFILE : WSAENOBUFS);
    companions.set(socket, id);
    // All names taken is as good: somebody on this port is announced.
    state.addon.announce(id, ANNOUNCEMENT_PREFIX, socket.local?.sin_port ?? 0);
    state.listeners.set(socket.nativeAddress, socket);
    socket.backlog = limit;
    socket.state = 'listening';
    return 0;
  };
}

/** Takes the first free numbered name: several processes may serve one listening socket (D4). */
function openCompanion(state: ShmState, cookie: bigint): number {
  let id = EADDRINUSE;
  for (let n = 0; n < COMPANION_NUMBERS && id === EADDRINUSE; n++) {
    id = state.addon.listen(companionName(cookie, n), COMPANION_BACKLOG, (fd, uid, _gid, pid) => {
      state.links.accept(fd, uid, pid);
    });
  }
  return id;
}

/** The listener is being closed: who waits is turned away, and falls back to what TCP makes of it. */
export function closeListener(state: ShmState, socket: ShmSocket): void {
  const id = companions.get(socket);
  if (id !== undefined) state.addon.unlisten(id);
  companions.delete(socket);
  state.listeners.delete(socket.nativeAddress);
  for (const { link, connection } of socket.queue.splice(0)) refuse(link, connection, REFUSE_NO_LISTENER);
}

function refuse(link: Link, connection: number, code: number): void {
  link.sendRecord(RECORD_REFUSE, connection, Uint8Array.of(code));
}

/** A CONNECT came over a link. */
export function onConnect(state: ShmState, link: Link, connection: number, record: ConnectRecord): void {
  const listener = state.listeners.get(record.cookie);
  if (listener === undefined) {
    refuse(link, connection, REFUSE_NO_LISTENER);
    return;
  }
  if (!isCredible(state, listener, record)) {
    refuse(link, connection, REFUSE_REJECTED);
    return;
  }
  if (listener.queue.length >= listener.backlog) {
    // LIST-7: no event for the listener. The connector goes on over TCP, whose queue may have room (D12).
    refuse(link, connection, REFUSE_BUSY);
    return;
  }
  const { local, remote, data } = record;
  listener.queue.push({ link, connection, local: remote, remote: local, data });
  state.signal(listener, FD_ACCEPT_BIT, 0);
}

/**
 * Whether what a connector says of both ends can be true (D5): the program, and the operator's rules, take these names
 * for those that the kernel would have given, and over TCP nobody can come from an address that is not this host's.
 */
function isCredible(state: ShmState, listener: ShmSocket, { local, remote }: ConnectRecord): boolean {
  const bound = listener.local;
  if (bound === null || remote.sin_port !== bound.sin_port || local.sin_port === 0) return false;
  if (!isWildcard(bound) && remote.sin_addr !== bound.sin_addr) return false;
  return state.isOwnAddress(local) && state.isOwnAddress(remote);
}

/** A connector gave up while it waited to be accepted; true if it was found waiting. */
export function dropWaiting(state: ShmState, link: Link, connection: number): boolean {
  for (const listener of state.listeners.values()) {
    const at = listener.queue.findIndex((waiting) => waiting.link === link && waiting.connection === connection);
    if (at < 0) continue;
    listener.queue.splice(at, 1);
    return true;
  }
  return false;
}

/** The link is gone, and with it those of its connectors that wait. */
export function dropAllWaiting(state: ShmState, link: Link): void {
  for (const listener of state.listeners.values()) {
    for (let i = listener.queue.length - 1; i >= 0; i--) {
      if (listener.queue[i].link === link) listener.queue.splice(i, 1);
    }
  }
}

export function makeAccept(state: ShmState): LPWSPACCEPT {
  return (s, addr, addrlen, lpfnCondition, dwCallbackData, lpErrno) => {
    const listener = state.find(s, lpErrno);
    if (listener === null) return INVALID_SOCKET;
    if (listener.state !== 'listening') return failed(lpErrno, WSAEINVAL);
    if (typeof lpfnCondition !== 'function') return failed(lpErrno, WSAEFAULT);
    const request = listener.queue.at(0);
    if (request === undefined) return failed(lpErrno, WSAEWOULDBLOCK);
    const addressBytes = sockaddrLength(request.remote.sa_family);
    if (addrlen !== null && addrlen.value < addressBytes) return failed(lpErrno, WSAEFAULT); // ACC-9
    listener.queue.shift();
    if (listener.event !== null) state.upcalls.lpWPUResetEvent(listener.event, lpErrno);
    const { link, connection, local, remote, data } = request;
    const callerData: WSABUF = { len: data.length, buf: data };
    const calleeData: WSABUF = { len: CONNECT_DATA_BYTES_MAX, buf: new Uint8Array(CONNECT_DATA_BYTES_MAX) };
    // ACC-2, ACC-3: decided here and now, before the peer is told anything.
    const decision = lpfnCondition(remote, callerData, null, null, local, calleeData, null, dwCallbackData);
    if (decision !== CF_ACCEPT) {
      const said = calleeData.buf.subarray(0, calleeData.len);
      link.sendRecord(RECORD_REFUSE, connection, Buffer.concat([Uint8Array.of(REFUSE_REJECTED), said]));
      return failed(lpErrno, decision === CF_REJECT ? WSAECONNREFUSED : WSAEINVAL);
    }
    const socket = state.create(lpErrno);
    if (socket === null) {
      refuse(link, connection, REFUSE_BUSY);
      return INVALID_SOCKET;
    }
    socket.local = local;
    socket.remote = remote;
    socket.link = link;
    socket.connection = connection;
    socket.state = 'connected';
    for (const [option, value] of listener.options) socket.options.set(option, value);
    link.slots[connection] = socket;
    link.resetConsumed(connection);
    link.sendRecord(RECORD_ACCEPT, connection, calleeData.buf.subarray(0, calleeData.len));
    if (addr !== null) copySockaddr(addr, remote);
    if (addrlen !== null) addrlen.value = addressBytes;
    // OBS-31: more are waiting, so the event must not stay quiet.
    if (listener.queue.length > 0) setImmediate(signalWaiting, state, listener);
    return socket.descriptor;
  };
}

function signalWaiting(state: ShmState, listener: ShmSocket): void {
  if (listener.queue.length > 0) state.signal(listener, FD_ACCEPT_BIT, 0);
}
