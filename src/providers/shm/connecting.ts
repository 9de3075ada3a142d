/** Connecting (CONN-1 … CONN-16, D12): translate, find or open a link, CONNECT, and what comes back. */
import { isIP } from 'node:net';
import {
  AF_INET6,
  FD_CONNECT_BIT,
  type LPWSPCONNECT,
  type Out,
  type SOCKADDR,
  sockaddrLength,
  type WSABUF,
  WSAEACCES,
  WSAEADDRNOTAVAIL,
  WSAEALREADY,
  WSAEFAULT,
  WSAEINVAL,
  WSAEISCONN,
  WSAENETDOWN,
  WSAENOBUFS,
  WSAEPROTONOSUPPORT,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
} from '../../spi/index.js';
import { CONNECT_DATA_BYTES_MAX, encodeConnect } from './connect-record.js';
import { RECORD_CONNECT } from './layout.js';
import { type Link, SLOT_CLOSING } from './link.js';
import type { LinkFailure, LinkWaiter } from './link-setup.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';

/** Codes of a REFUSE record. */
export const REFUSE_BUSY = 1;
export const REFUSE_NO_LISTENER = 2;
export const REFUSE_REJECTED = 3;

const ENOENT = -2;
const ENOMEM = -12;
const EMFILE = -24;
const ENFILE = -23;

/** The WSA code that goes with a detail; none of the authoritative three (CONN-13): TCP may well succeed (CONN-14). */
const CODE_OF: Readonly<Record<LinkFailure | 'no-listener' | 'listener-refused' | 'kernel-unsupported', number>> = {
  'no-listener': WSAEADDRNOTAVAIL,
  'no-companion': WSAEADDRNOTAVAIL,
  'listener-refused': WSAEADDRNOTAVAIL,
  'uid-mismatch': WSAEACCES,
  'uid-not-allowed': WSAEACCES,
  'listener-busy': WSAETIMEDOUT,
  'out-of-resources': WSAENOBUFS,
  'link-failed': WSAENETDOWN,
  'kernel-unsupported': WSAENETDOWN,
  'protocol-mismatch': WSAEPROTONOSUPPORT,
};

type ConnectFailure = keyof typeof CODE_OF;

const EMPTY = new Uint8Array(0);
const NONE_TRIED: readonly Link[] = [];
const answer = new BigUint64Array(4);

/** The listener that TCP would reach, as the kernel says (D4): its cookie and its owner's uid. */
function translate(state: ShmState, local: SOCKADDR, remote: SOCKADDR): NativeListener | ConnectFailure {
  const family = remote.sa_family === AF_INET6 ? 6 : 4;
  const status = state.addon.diag(family, remote.sin_addr, remote.sin_port, local.sin_addr, local.sin_port, answer);
  if (status === ENOENT) return 'no-listener';
  if (status === EMFILE || status === ENFILE || status === ENOMEM) return 'out-of-resources';
  if (status < 0) return 'kernel-unsupported';
  return { cookie: answer[0], uid: Number(answer[1]) };
}

export function makeConnect(state: ShmState): LPWSPCONNECT {
  return (s, name, namelen, lpCallerData, lpCalleeData, _sqos, _gqos, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    if (socket.state === 'connecting') return failed(lpErrno, WSAEALREADY);
    if (socket.state === 'connected') return failed(lpErrno, WSAEISCONN);
    if (socket.state !== 'bound' || socket.local === null) return failed(lpErrno, WSAEINVAL);
    if (namelen < sockaddrLength(name.sa_family)) return failed(lpErrno, WSAEFAULT); // CONN-16
    if (isIP(name.sin_addr) === 0 || name.sin_port < 1 || name.sin_port > 65535) return failed(lpErrno, WSAEFAULT);
    if (lpCallerData !== null && lpCallerData.len > CONNECT_DATA_BYTES_MAX) return failed(lpErrno, WSAEINVAL);
    const listener = translate(state, socket.local, name);
    return connectTo(state, socket, name, listener, lpCallerData, lpCalleeData, lpErrno);
  };
}

/** The native address of a listener, and the user that it must belong to (D4, D5). */
export interface NativeListener {
  readonly cookie: bigint;
  readonly uid: number;
}

/** The rest of WSPConnect, once it is known whom to ask, or why nobody. `name`: what the socket's peer is to be called. */
export function connectTo(
  state: ShmState,
  socket: ShmSocket,
  name: SOCKADDR,
  listener: NativeListener | ConnectFailure,
  lpCallerData: WSABUF | null,
  lpCalleeData: WSABUF | null,
  lpErrno: Out<number>,
): number {
  const link =
    typeof listener === 'string' ? listener : state.links.toListener(listener.cookie, listener.uid, name.sin_port);
  if (typeof link === 'string' || typeof listener === 'string') {
    socket.detail = typeof link === 'string' ? link : 'link-failed';
    return failed(lpErrno, CODE_OF[socket.detail as ConnectFailure]);
  }
  socket.remote = { ...name };
  socket.nativeAddress = listener.cookie;
  socket.callerData = lpCallerData === null ? EMPTY : lpCallerData.buf.slice(0, lpCallerData.len);
  socket.calleeData = lpCalleeData;
  socket.tried = NONE_TRIED;
  socket.state = 'connecting';
  ask(state, socket, link);
  // Whatever has been found out by now is told by the event, as for any nonblocking connect (CONN-5, CONN-6).
  return failed(lpErrno, WSAEWOULDBLOCK);
}

/** Asks over this link, now or when it is open. */
function ask(state: ShmState, socket: ShmSocket, link: Link): void {
  socket.link = link;
  socket.connection = -1;
  if (link.open) sendConnect(state, socket, link);
  else state.links.whenOpen(link, waiterFor(state, socket, link));
}

/**
 * Who was asked cannot have the connection, or is gone. Others that serve the same listening socket may (D4): TCP would
 * not have failed over that either. False: there is nobody else to ask.
 */
function askAnother(state: ShmState, socket: ShmSocket): boolean {
  const { link, nativeAddress } = socket;
  if (link === null) return false;
  const tried = [...socket.tried, link];
  const another = state.links.companions.another(nativeAddress, tried);
  if (another === null) return false;
  socket.tried = tried;
  ask(state, socket, another);
  return true;
}

/**
 * Who was asked has not answered for long: asks another one, if there is one, and takes the question to the first back.
 * False: there is none, and nothing has changed.
 */
export function giveUpOn(state: ShmState, socket: ShmSocket): boolean {
  const { link, connection } = socket;
  if (socket.state !== 'connecting' || link === null) return false;
  link.unanswered = true;
  if (!askAnother(state, socket)) return false;
  if (connection >= 0 && !link.gone) {
    link.slots[connection] = SLOT_CLOSING;
    link.sendClose(connection);
  }
  return true;
}

/** The socket waits for its link; it may have been closed when the link is open, or have asked another. */
function waiterFor(state: ShmState, socket: ShmSocket, asked: Link): LinkWaiter {
  const waits = (): boolean => socket.state === 'connecting' && socket.link === asked;
  return {
    onLink: (link) => {
      if (waits()) sendConnect(state, socket, link);
    },
    onNoLink: (why) => {
      if (waits()) endConnect(state, socket, why);
    },
  };
}

/** The link is open: asks for the connection. */
export function sendConnect(state: ShmState, socket: ShmSocket, link: Link): void {
  const { nativeAddress: cookie, local, remote, callerData: data } = socket;
  socket.link = link;
  const connection = link.allocate();
  if (connection < 0 || local === null || remote === null) {
    endConnect(state, socket, 'out-of-resources');
    return;
  }
  socket.connection = connection;
  link.slots[connection] = socket;
  link.resetConsumed(connection);
  link.sendRecord(RECORD_CONNECT, connection, encodeConnect({ cookie, local, remote, data }));
}

/** The connect has failed where it was tried. */
export function endConnect(state: ShmState, socket: ShmSocket, why: ConnectFailure): void {
  if (!askAnother(state, socket)) failConnect(state, socket, why);
}

function failConnect(state: ShmState, socket: ShmSocket, why: ConnectFailure): void {
  socket.detail = why;
  socket.state = 'bound';
  socket.link = null;
  socket.connection = -1;
  state.signal(socket, FD_CONNECT_BIT, CODE_OF[why]);
}

/** An ACCEPT came. */
export function onAccepted(state: ShmState, socket: ShmSocket, calleeData: Uint8Array): void {
  socket.state = 'connected';
  fillCalleeData(socket, calleeData);
  state.signal(socket, FD_CONNECT_BIT, 0);
}

/** Callee data of an answer, for the switch. */
function fillCalleeData(socket: ShmSocket, data: Uint8Array): void {
  const into = socket.calleeData;
  if (into === null) return;
  const bytes = Math.min(into.len, data.length);
  into.buf.set(data.subarray(0, bytes));
  into.len = bytes;
}

/** A REFUSE came: a code, and what the condition function said with it. */
export function onRefused(state: ShmState, socket: ShmSocket, payload: Uint8Array): void {
  const code = payload.at(0) ?? 0;
  if (code === REFUSE_NO_LISTENER && socket.link !== null) {
    state.links.companions.drop(socket.nativeAddress, socket.link);
  }
  if (askAnother(state, socket)) return;
  fillCalleeData(socket, payload.subarray(1));
  if (code === REFUSE_BUSY) failConnect(state, socket, 'listener-busy');
  else failConnect(state, socket, code === REFUSE_NO_LISTENER ? 'no-companion' : 'listener-refused');
}
