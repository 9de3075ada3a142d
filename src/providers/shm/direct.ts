/**
 * What the provider shows to a program that loads it directly, not through the switch (SP-3, SP-16): its native family in
 * place of IP. A native address is a number that programs of this user agree on; no TCP socket stands behind it, nobody is
 * asked where it is, and nothing falls back. Everything else is as under the switch: messages, connect data, registered
 * memory, events.
 */
import {
  AF_INET,
  type LPWSPACCEPT,
  makeSockaddr,
  type Out,
  SIO_ADDRESS_LIST_QUERY,
  SIO_SD_LISTENER_HINT,
  type SOCKADDR,
  type SOCKET,
  SOCKET_ERROR,
  WSAEAFNOSUPPORT,
  WSAEALREADY,
  WSAEFAULT,
  WSAEINVAL,
  WSAEISCONN,
  WSAENOPROTOOPT,
  WSAENOTCONN,
  type WSPPROC_TABLE,
} from '../../spi/index.js';
import { CONNECT_DATA_BYTES_MAX } from './connect-record.js';
import { connectTo } from './connecting.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';

/**
 * The native address family. `sin_addr` is the address: a decimal number from 1 to 2^53 - 1, or '' for none; `sin_port` is
 * 0. Ours, outside what is assigned.
 */
export const AF_SD_SHM = 0x7f01;
/** Bytes of such an address in `namelen`. */
export const SOCKADDR_SD_SHM_SIZE = 8;

/** Native addresses that programs choose have the highest bit; the kernel's cookies count up from 1 (D4). */
const CHOSEN = 1n << 63n;
/** What stands in the place of the names that the link's records have room for. */
const ANY = makeSockaddr(AF_INET, '127.0.0.1', 1);

/** `WSPGetSockName` and `WSPGetPeerName`: null under the switch, which knows the names itself (SP-8, SW-26). */
type GetName = (s: SOCKET, name: SOCKADDR, namelen: Out<number>, lpErrno: Out<number>) => number;

/** The two functions that a direct program finds beside the seventeen. */
export interface DirectProcs {
  lpWSPGetSockName: GetName;
  lpWSPGetPeerName: GetName;
}

/** Changes a table that is filled for the switch into the one for a program. */
export function fillDirectTable(state: ShmState, table: WSPPROC_TABLE): void {
  const { lpWSPSocket, lpWSPBind, lpWSPIoctl } = table;
  table.lpWSPSocket = (af, type, protocol, info, group, flags, lpErrno) =>
    af === AF_SD_SHM
      ? lpWSPSocket(AF_INET, type, protocol, info, group, flags, lpErrno)
      : failed(lpErrno, WSAEAFNOSUPPORT);
  table.lpWSPBind = (s, name, namelen, lpErrno) => {
    const native = readName(name, namelen);
    if (native === null) return failed(lpErrno, WSAEFAULT);
    const result = lpWSPBind(s, ANY, 16, lpErrno);
    const socket = state.sockets[s];
    if (result === 0 && socket !== undefined) socket.nativeAddress = native;
    return result;
  };
  table.lpWSPConnect = (s, name, namelen, lpCallerData, lpCalleeData, _sqos, _gqos, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return SOCKET_ERROR;
    if (socket.state === 'connecting') return failed(lpErrno, WSAEALREADY);
    if (socket.state === 'connected') return failed(lpErrno, WSAEISCONN);
    if (socket.state !== 'bound') return failed(lpErrno, WSAEINVAL);
    const cookie = readName(name, namelen);
    if (cookie === null || cookie === 0n) return failed(lpErrno, WSAEFAULT);
    if (lpCallerData !== null && lpCallerData.len > CONNECT_DATA_BYTES_MAX) return failed(lpErrno, WSAEINVAL);
    // Nobody names the listener's user here: it must be ours.
    const listener = { cookie, uid: process.geteuid?.() ?? -1 };
    return connectTo(state, socket, ANY, listener, lpCallerData, lpCalleeData, lpErrno);
  };
  table.lpWSPAccept = acceptNatively(state, table.lpWSPAccept);
  table.lpWSPIoctl = (s, code, ...rest) => {
    // There are no IP addresses in this family.
    const isIp = code === SIO_ADDRESS_LIST_QUERY || code === SIO_SD_LISTENER_HINT;
    return isIp ? failed(rest[rest.length - 1] as Out<number>, WSAENOPROTOOPT) : lpWSPIoctl(s, code, ...rest);
  };
  const names: DirectProcs = {
    lpWSPGetSockName: (s, name, namelen, lpErrno) => {
      const socket = state.find(s, lpErrno);
      if (socket === null) return SOCKET_ERROR;
      if (socket.state === 'open') return failed(lpErrno, WSAEINVAL);
      return writeName(
        name,
        namelen,
        socket.remote === null || isAccepted(socket) ? socket.nativeAddress : 0n,
        lpErrno,
      );
    },
    lpWSPGetPeerName: (s, name, namelen, lpErrno) => {
      const socket = state.find(s, lpErrno);
      if (socket === null) return SOCKET_ERROR;
      if (socket.state !== 'connected') return failed(lpErrno, WSAENOTCONN);
      return writeName(name, namelen, isAccepted(socket) ? 0n : socket.nativeAddress, lpErrno);
    },
  };
  Object.assign(table, names);
}

/** Who connects has no native address of its own; who was connected to has the listener's. */
const accepted = new WeakSet<ShmSocket>();

function isAccepted(socket: ShmSocket): boolean {
  return accepted.has(socket);
}

/** The condition function and the caller see native names. */
function acceptNatively(state: ShmState, inner: LPWSPACCEPT): LPWSPACCEPT {
  return (s, addr, addrlen, lpfnCondition, dwCallbackData, lpErrno) => {
    const listener = state.find(s, lpErrno);
    if (listener === null) return SOCKET_ERROR;
    if (typeof lpfnCondition !== 'function') return failed(lpErrno, WSAEFAULT);
    if (addr !== null && addrlen !== null && addrlen.value < SOCKADDR_SD_SHM_SIZE) return failed(lpErrno, WSAEFAULT);
    const callee = nameOf(listener.nativeAddress);
    const condition: typeof lpfnCondition = (_caller, callerData, sqos, gqos, _callee, calleeData, group, data) =>
      lpfnCondition(nameOf(0n), callerData, sqos, gqos, callee, calleeData, group, data);
    const result = inner(s, null, null, condition, dwCallbackData, lpErrno);
    const socket = state.sockets[result];
    if (result < 0 || socket === undefined) return result;
    socket.nativeAddress = listener.nativeAddress;
    accepted.add(socket);
    if (addr !== null && addrlen !== null) writeName(addr, addrlen, 0n, lpErrno);
    return result;
  };
}

/** The number that stands for an address; 0: none is named; null: it is no native address. */
function readName({ sa_family, sin_addr, sin_port }: SOCKADDR, namelen: number): bigint | null {
  if (sa_family !== AF_SD_SHM || namelen < SOCKADDR_SD_SHM_SIZE || sin_port !== 0) return null;
  if (sin_addr === '') return 0n;
  if (!/^[1-9]\d{0,15}$/.test(sin_addr) || Number(sin_addr) > Number.MAX_SAFE_INTEGER) return null;
  return CHOSEN | BigInt(sin_addr);
}

function nameOf(native: bigint): SOCKADDR {
  return { sa_family: AF_SD_SHM, sin_port: 0, sin_addr: native === 0n ? '' : String(native & ~CHOSEN) };
}

function writeName(name: SOCKADDR, namelen: Out<number>, native: bigint, lpErrno: Out<number>): number {
  if (namelen.value < SOCKADDR_SD_SHM_SIZE) return failed(lpErrno, WSAEFAULT);
  Object.assign(name, nameOf(native));
  namelen.value = SOCKADDR_SD_SHM_SIZE;
  return 0;
}
