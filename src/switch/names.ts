/**
 * Addresses as the switch compares them. A program's IPv6 socket may speak IPv4 (`::ffff:a.b.c.d`); providers and the
 * address table see plain IPv4 then, the program sees its own form again (SW-26).
 */
import { SocketAddress } from 'node:net';
import { AF_INET, AF_INET6, isWildcard, makeSockaddr, type SOCKADDR } from '../spi/index.js';

const MAPPED = '::ffff:';

/** The program's name in the form that providers get: canonical text, IPv4 if it is IPv4-mapped. Null: not an address. */
export function plainName(name: SOCKADDR): SOCKADDR | null {
  if (name.sa_family === AF_INET) return name;
  if (name.sa_family !== AF_INET6) return null;
  const text = canonical(name.sin_addr);
  if (text === null) return null;
  if (text.startsWith(MAPPED) && text.includes('.'))
    return makeSockaddr(AF_INET, text.slice(MAPPED.length), name.sin_port);
  return makeSockaddr(AF_INET6, text, name.sin_port, name.sin6_scope_id ?? 0);
}

/** A provider's name in the form that a socket of `family` shows: IPv4 on an IPv6 socket is mapped. */
export function programName(name: SOCKADDR, family: number): SOCKADDR {
  if (family !== AF_INET6 || name.sa_family !== AF_INET) {
    return makeSockaddr(name.sa_family, name.sin_addr, name.sin_port, name.sin6_scope_id ?? 0);
  }
  return makeSockaddr(AF_INET6, MAPPED + name.sin_addr, name.sin_port);
}

/**
 * What TCP makes of a wildcard destination: this host. IPv4: the socket's own address if it is bound to one, else
 * 127.0.0.1; IPv6: always ::1. Other names come back as they are.
 */
export function destination(remote: SOCKADDR, local: SOCKADDR | null): SOCKADDR {
  if (!isWildcard(remote)) return remote;
  if (remote.sa_family === AF_INET6) return makeSockaddr(AF_INET6, '::1', remote.sin_port);
  const bound = local !== null && local.sa_family === AF_INET && !isWildcard(local);
  return makeSockaddr(AF_INET, bound ? local.sin_addr : '127.0.0.1', remote.sin_port);
}

/** 127.0.0.0/8: all of it is this host, whatever the address list has of it. */
export function isLoopback4(name: SOCKADDR): boolean {
  return name.sa_family === AF_INET && name.sin_addr.startsWith('127.');
}

/** fe80::/10: means nothing without an interface. */
export function isLinkLocal(name: SOCKADDR): boolean {
  return name.sa_family === AF_INET6 && /^fe[89ab]/.test(name.sin_addr);
}

function canonical(text: string): string | null {
  if (text === '::1' || text === '::') return text;
  try {
    return new SocketAddress({ address: text, family: 'ipv6' }).address;
  } catch {
    return null; // not an address: the caller stays on TCP, which reports it to the program
  }
}
