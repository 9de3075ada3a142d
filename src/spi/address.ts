/**
 * Socket addresses. The SPI uses IP families only, never a SAN's native one (SW-23); IPv4 and IPv6 alike (GAP-17).
 */

/** Address family: not given. */
export const AF_UNSPEC = 0;
/** Address family: IPv4. */
export const AF_INET = 2;
/** Address family: IPv6 (Winsock's value; Linux has 10). */
export const AF_INET6 = 23;
/** Socket type: stream. The only one a SAN provider sees (SOCK-9, SW-24). */
export const SOCK_STREAM = 1;
/** Protocol, and option level: TCP (SOCK-9). */
export const IPPROTO_TCP = 6;
/** Option level: IPv6. */
export const IPPROTO_IPV6 = 41;

/** Size in bytes of a `sockaddr_in`: what `namelen`/`addrlen` say for {@link AF_INET} (OBS-5). */
export const SOCKADDR_IN_SIZE = 16;
/** Size in bytes of a `sockaddr_in6`: what `namelen`/`addrlen` say for {@link AF_INET6}. */
export const SOCKADDR_IN6_SIZE = 28;

/**
 * A socket address. One shape for both families, so that an out-parameter can be reused for either.
 * `sin_addr` is the textual IP address without brackets, scope or port; `sin_port` is in host order, 0–65535.
 */
export interface SOCKADDR {
  /** {@link AF_INET} or {@link AF_INET6} (Winsock values). */
  sa_family: number;
  sin_port: number;
  sin_addr: string;
  /** Interface index of a link-local IPv6 address; 0 or absent: none. */
  sin6_scope_id?: number;
}

/** One entry of a {@link SOCKET_ADDRESS_LIST}; `iSockaddrLength` in bytes, as {@link sockaddrLength}. */
export interface SOCKET_ADDRESS {
  lpSockaddr: SOCKADDR;
  iSockaddrLength: number;
}

/**
 * What `SIO_ADDRESS_LIST_QUERY` yields: the IP addresses of the provider's NICs, ports 0, no masks (ADDR-8, OBS-43).
 * `iAddressCount` equals `Address.length`.
 */
export interface SOCKET_ADDRESS_LIST {
  iAddressCount: number;
  Address: SOCKET_ADDRESS[];
}

/** The size in bytes that goes with a family in `namelen`/`addrlen`; 0 for a family this SPI does not know. */
export function sockaddrLength(family: number): number {
  return family === AF_INET ? SOCKADDR_IN_SIZE : family === AF_INET6 ? SOCKADDR_IN6_SIZE : 0;
}

/** Makes a {@link SOCKADDR}. `address` must be a textual IP of that family; it is not checked here. */
export function makeSockaddr(family: number, address: string, port: number, scopeId = 0): SOCKADDR {
  return { sa_family: family, sin_port: port, sin_addr: address, sin6_scope_id: scopeId };
}

/** Copies every field of `from` into `to`, an out-parameter that its owner reuses. */
export function copySockaddr(to: SOCKADDR, from: SOCKADDR): void {
  to.sa_family = from.sa_family;
  to.sin_port = from.sin_port;
  to.sin_addr = from.sin_addr;
  to.sin6_scope_id = from.sin6_scope_id ?? 0;
}

/** Whether the address is the wildcard of its family (SOCK-12, SOCK-13): 0.0.0.0 or ::. */
export function isWildcard(name: SOCKADDR): boolean {
  return name.sa_family === AF_INET6 ? name.sin_addr === '::' : name.sin_addr === '0.0.0.0';
}

/** `192.0.2.1:80`, `[::1]:80`, `[fe80::1%2]:80`: for messages and names, never parsed back. */
export function formatSockaddr(name: SOCKADDR): string {
  if (name.sa_family !== AF_INET6) return `${name.sin_addr}:${name.sin_port}`;
  const scope = name.sin6_scope_id ? `%${name.sin6_scope_id}` : '';
  return `[${name.sin_addr}${scope}]:${name.sin_port}`;
}

/** Wraps addresses in a {@link SOCKET_ADDRESS_LIST}, the answer to `SIO_ADDRESS_LIST_QUERY`. */
export function makeAddressList(addresses: readonly SOCKADDR[]): SOCKET_ADDRESS_LIST {
  const Address = addresses.map((lpSockaddr) => ({
    lpSockaddr,
    iSockaddrLength: sockaddrLength(lpSockaddr.sa_family),
  }));
  return { iAddressCount: Address.length, Address };
}
