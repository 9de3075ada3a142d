/** WSPGetSockOpt and WSPSetSockOpt of the TCP/IP provider: what programs set is stored for the replay (SOCK-15, TC-9). */
import { isIP } from 'node:net';
import { constants } from 'node:os';
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
import type { NodeName, SharedHandle, TcpipDriver } from './handle.js';
import { isLevel, isStored, type TcpSocket } from './socket-record.js';

const { EACCES, EINVAL } = constants.errno;

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
  if (fd < 0 && socket.shared === null) return WSAENOTCONN;
  const cookie = socket.shared === null ? driver.getNativeAddress(fd) : sharedAddress(socket.shared, driver);
  if (typeof cookie === 'number') return wsaFromErrno(cookie);
  if (cookie > BigInt(Number.MAX_SAFE_INTEGER)) return WSAENOPROTOOPT;
  optval.value = Number(cookie);
  optlen.value = 8;
  return 0;
}

/** The listening socket of another process. Nobody else can have bound that name while that process listens for us. */
function sharedAddress(handle: SharedHandle, driver: TcpipDriver): bigint | number {
  const name: NodeName = {};
  if (handle.getsockname(name) !== 0) return -EINVAL;
  return listenerAt(driver, name.family === 'IPv6' ? 6 : 4, name.address ?? '', name.port ?? 0);
}

/**
 * The SO_COOKIE of the socket that listens there, found as those find it who connect to it (D4), or -errno. It must be our
 * user's, for who answers in its place must be (D5).
 */
export function listenerAt(driver: TcpipDriver, family: 4 | 6, address: string, port: number): bigint | number {
  if (isIP(address) !== family) return -EINVAL;
  const found = driver.translate(
    { family, address, port },
    { family, address: family === 6 ? '::' : '0.0.0.0', port: 0 },
  );
  if (typeof found === 'number') return found;
  return found.uid === process.geteuid?.() ? found.cookie : -EACCES;
}
