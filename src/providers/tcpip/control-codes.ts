/** WSPIoctl of the TCP/IP provider: the host's addresses, their changes, and where a destination is (TC-10, TC-11). */
import {
  AF_INET,
  AF_INET6,
  guidText,
  makeAddressList,
  type Out,
  SAN_EXTENSIONS,
  SIO_ADDRESS_LIST_CHANGE,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SIO_ROUTING_INTERFACE_QUERY,
  SIO_SD_LISTENER_AT,
  type SOCKADDR,
  sockaddrLength,
  WSAEAFNOSUPPORT,
  WSAEFAULT,
  WSAEINVAL,
  WSAENETUNREACH,
  WSAENOPROTOOPT,
  WSAEOPNOTSUPP,
  WSAEWOULDBLOCK,
  wsaFromErrno,
} from '../../spi/index.js';
import type { TcpipDriver } from './handle.js';
import { listenerAt } from './socket-options.js';
import type { TcpSocket } from './socket-record.js';

/** The answer to `SIO_ROUTING_INTERFACE_QUERY`: the address TCP would connect from, and this project's addition. */
export interface RoutedSockaddr extends SOCKADDR {
  /** The routing table says that the destination is this host (DESIGN D4). */
  sd_local: boolean;
}

/** Returns 0 or a WSA code. `WSAEWOULDBLOCK` for a notice that is armed and will be signalled (ADDR-11). */
export function control(
  socket: TcpSocket,
  driver: TcpipDriver,
  code: number,
  input: unknown,
  output: Out<unknown>,
  bytesReturned: Out<number>,
): number {
  bytesReturned.value = 0;
  switch (code) {
    case SIO_ADDRESS_LIST_QUERY:
      output.value = makeAddressList(driver.getAddressList());
      return 0;
    case SIO_ADDRESS_LIST_CHANGE:
      socket.armed = true;
      return WSAEWOULDBLOCK;
    case SIO_ROUTING_INTERFACE_QUERY:
      return routingInterface(driver, input, output, bytesReturned);
    case SIO_SD_LISTENER_AT:
      return listener(driver, input, output, bytesReturned);
    case SIO_GET_EXTENSION_FUNCTION_POINTER: {
      const guid = guidText(input);
      return SAN_EXTENSIONS.some((extension) => extension.guid === guid) ? WSAEOPNOTSUPP : WSAEINVAL;
    }
    default:
      return WSAENOPROTOOPT;
  }
}

function listener(driver: TcpipDriver, input: unknown, output: Out<unknown>, bytesReturned: Out<number>): number {
  const name = input as Partial<SOCKADDR> | null;
  if (typeof name?.sin_addr !== 'string' || typeof name.sin_port !== 'number') return WSAEFAULT;
  const cookie = listenerAt(driver, name.sa_family === AF_INET6 ? 6 : 4, name.sin_addr, name.sin_port);
  if (typeof cookie === 'number') return wsaFromErrno(cookie);
  if (cookie > BigInt(Number.MAX_SAFE_INTEGER)) return WSAENOPROTOOPT;
  output.value = Number(cookie);
  bytesReturned.value = 8;
  return 0;
}

function routingInterface(
  driver: TcpipDriver,
  input: unknown,
  output: Out<unknown>,
  bytesReturned: Out<number>,
): number {
  const name = input as Partial<SOCKADDR> | null;
  if (typeof name?.sin_addr !== 'string') return WSAEFAULT;
  const { sa_family: family } = name;
  if (family !== AF_INET && family !== AF_INET6) return WSAEAFNOSUPPORT;
  const route = driver.getRoute(name.sin_addr);
  if (typeof route === 'number') return wsaFromErrno(route);
  if (route.source === '') return WSAENETUNREACH;
  const answer: RoutedSockaddr = { sa_family: family, sin_port: 0, sin_addr: route.source, sd_local: route.local };
  output.value = answer;
  bytesReturned.value = sockaddrLength(family);
  return 0;
}
