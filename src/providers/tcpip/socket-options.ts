/** WSPGetSockOpt and WSPSetSockOpt of the TCP/IP provider: what programs set is stored for the replay (SOCK-15, TC-9). */
import {
  type Out,
  SO_ACCEPTCONN,
  SO_SD_NATIVE_ADDRESS,
  SO_TYPE,
  SOCK_STREAM,
  SOL_SOCKET,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOPROTOOPT,
  WSAENOTCONN,
  wsaFromErrno,
} from '../../spi/index.js';
import type { TcpipDriver } from './handle.js';
import { isLevel, isStored, type TcpSocket } from './socket-record.js';

/** Returns 0 or a WSA code (OPT-11). */
export function getOption(
  socket: TcpSocket,
  driver: TcpipDriver,
  level: number,
  optname: number,
  optval: Out<number | string>,
  optlen: Out<number>,
): number {
  if (!isLevel(level)) return WSAEINVAL;
  if (optlen.value < 4) return WSAEFAULT;
  if (level === SOL_SOCKET && optname === SO_SD_NATIVE_ADDRESS) return nativeAddress(socket, driver, optval, optlen);
  const value = known(socket, level, optname);
  if (value === null) return WSAENOPROTOOPT;
  optval.value = value;
  optlen.value = 4;
  return 0;
}

/** Returns 0 or a WSA code (OPT-12). */
export function setOption(socket: TcpSocket, level: number, optname: number, value: number, optlen: number): number {
  if (!isLevel(level)) return WSAEINVAL;
  if (optlen < 4) return WSAEFAULT;
  if (!isStored(level, optname)) return WSAENOPROTOOPT;
  if (!Number.isInteger(value)) return WSAEINVAL;
  socket.setOption(level, optname, value);
  return 0;
}

/** Null: there is no such option. */
function known(socket: TcpSocket, level: number, optname: number): number | null {
  if (isStored(level, optname)) return socket.option(level, optname);
  if (level !== SOL_SOCKET) return null;
  if (optname === SO_TYPE) return SOCK_STREAM;
  if (optname === SO_ACCEPTCONN) return socket.listening ? 1 : 0;
  return null;
}

/** Eight bytes in C; a JavaScript number holds 53 bits exactly, and cookies count up from 1. */
function nativeAddress(
  socket: TcpSocket,
  driver: TcpipDriver,
  optval: Out<number | string>,
  optlen: Out<number>,
): number {
  if (optlen.value < 8) return WSAEFAULT;
  const fd = socket.handle?.fd ?? -1;
  if (fd < 0) return WSAENOTCONN;
  const cookie = driver.getNativeAddress(fd);
  if (typeof cookie === 'number') return wsaFromErrno(cookie);
  if (cookie > BigInt(Number.MAX_SAFE_INTEGER)) return WSAENOPROTOOPT;
  optval.value = Number(cookie);
  optlen.value = 8;
  return 0;
}
