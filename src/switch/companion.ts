/** Making a companion socket: the part that connect and listen share (SOCK-1, SOCK-5). */
import {
  INVALID_SOCKET,
  IPPROTO_TCP,
  out,
  SAN_SET_OPTIONS,
  SO_GROUP_PRIORITY,
  SOCK_STREAM,
  type SOCKADDR,
  sockaddrLength,
  type SOCKET,
  SOL_SOCKET,
  WSA_FLAG_OVERLAPPED,
  WSAENOPROTOOPT,
} from '../spi/index.js';
import type { BaseProvider } from './base-provider.js';
import { reasonFromCompanion, type RouteReason } from './reasons.js';
import type { SanProvider } from './san-provider.js';

const errno = out(0);

/**
 * WSPSocket, at once WSPBind to the TCP socket's name, then WSPSetSockOpt for each option that the program has set and
 * that is a provider's business (OPT-3). If one of them fails, the socket is closed and the reason returned: the TCP/IP
 * provider goes on (SOCK-16, ERR-2).
 */
export function openCompanion(
  provider: SanProvider,
  base: BaseProvider,
  tcp: SOCKET,
  name: SOCKADDR,
): SOCKET | RouteReason {
  const { procs, owner } = provider;
  owner.createdHandle = INVALID_SOCKET;
  const s = procs.lpWSPSocket(name.sa_family, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, errno);
  if (s === INVALID_SOCKET) return reasonFromCompanion(errno.value);
  // Read before the close, which needs an errno of its own.
  let failure = owner.createdHandle === INVALID_SOCKET ? 'provider-failed' : bind(provider, s, name);
  failure ??= replay(provider, base, tcp, s);
  if (failure === null) return s;
  provider.close(s);
  return failure;
}

function bind(provider: SanProvider, s: SOCKET, name: SOCKADDR): RouteReason | null {
  if (provider.procs.lpWSPBind(s, name, sockaddrLength(name.sa_family), errno) === 0) return null;
  return reasonFromCompanion(errno.value);
}

/**
 * An option that the provider does not know is not supported by it, and left out (SOCK-15, GAP-13). Group options go only to
 * a provider with QoS; for the others TCP/IP keeps them (OPT-8).
 */
function replay(provider: SanProvider, base: BaseProvider, tcp: SOCKET, s: SOCKET): RouteReason | null {
  for (const optname of SAN_SET_OPTIONS) {
    const value = base.option(tcp, optname);
    if (value === 0 || (optname === SO_GROUP_PRIORITY && !provider.qos)) continue;
    if (provider.procs.lpWSPSetSockOpt(s, SOL_SOCKET, optname, value, 4, errno) === 0) continue;
    if (errno.value !== WSAENOPROTOOPT) return reasonFromCompanion(errno.value);
  }
  return null;
}
