/** Socket addresses between the SPI's shape and Node's (SW-26). */
import { networkInterfaces } from 'node:os';
import { AF_INET, AF_INET6, makeSockaddr, type SOCKADDR } from '../spi/index.js';
import type { NodeAddress } from './node-shapes.js';

const MAPPED = '::ffff:';

/** Fills `out` as `getsockname` of a TCP handle does: the same keys in the same order, link-local addresses with zone. */
export function fillNodeAddress(name: SOCKADDR, out: NodeAddress): void {
  const scope = name.sin6_scope_id ?? 0;
  out.address = scope === 0 ? name.sin_addr : `${name.sin_addr}%${zoneName(scope)}`;
  out.family = name.sa_family === AF_INET6 ? 'IPv6' : 'IPv4';
  out.port = name.sin_port;
}

/** A textual address, perhaps with a zone, as `net` passes it to `connect`/`connect6`. */
export function sockaddrFromText(family: 4 | 6, address: string, port: number): SOCKADDR {
  if (family === 4) return makeSockaddr(AF_INET, address, port);
  const percent = address.indexOf('%');
  if (percent < 0) return makeSockaddr(AF_INET6, address, port);
  return makeSockaddr(AF_INET6, address.slice(0, percent), port, zoneIndex(address.slice(percent + 1)));
}

/** Where a TCP handle is bound; null if it is not. */
export function boundAddress(handle: { getsockname(out: NodeAddress): number }): SOCKADDR | null {
  const out: NodeAddress = {};
  if (handle.getsockname(out) !== 0 || out.address === undefined || out.port === undefined) return null;
  return sockaddrFromText(out.family === 'IPv6' ? 6 : 4, out.address, out.port);
}

/** Where a TCP handle is connected to; null if it is not. */
export function peerAddress(handle: { getpeername(out: NodeAddress): number }): SOCKADDR | null {
  const out: NodeAddress = {};
  if (handle.getpeername(out) !== 0 || out.address === undefined || out.port === undefined) return null;
  return sockaddrFromText(out.family === 'IPv6' ? 6 : 4, out.address, out.port);
}

/** What an IPv6 (dual-stack) listener shows of an IPv4 peer. */
export function mapToV6(name: SOCKADDR): SOCKADDR {
  if (name.sa_family === AF_INET6) return name;
  return makeSockaddr(AF_INET6, MAPPED + name.sin_addr, name.sin_port);
}

function zoneName(index: number): string {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some((entry) => entry.family === 'IPv6' && entry.scopeid === index)) return name;
  }
  return String(index);
}

function zoneIndex(zone: string): number {
  const entry = networkInterfaces()[zone]?.find((address) => address.family === 'IPv6' && address.scopeid > 0);
  if (entry?.family === 'IPv6') return entry.scopeid;
  return /^\d+$/.test(zone) ? Number(zone) : 0;
}
