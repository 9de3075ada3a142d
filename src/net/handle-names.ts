/**
 * The names of a connection that is sent to another process, in the message that goes with it: Node's own line of JSON
 * gets one key more, which a receiver without the switch does not look at. So a program that asks at once who is at the
 * other end is told, although the connection itself takes a moment to follow.
 */
import { AF_INET, AF_INET6, makeSockaddr, type SOCKADDR } from '../spi/index.js';

/** What Node's messages with a handle begin with, where they are JSON (`serialization: 'json'`, the default). */
const BEGINS = '{"cmd":"NODE_HANDLE"';
const KEY = '{"sockets-direct":';
const PATTERN = /\{"sockets-direct":(\[[^\]]{0,400}\]),"cmd":"NODE_HANDLE"/;

/** Both ends as a program sees them. */
export interface Names {
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
}

/** The names alone. */
export function namesOf({ local, remote }: Names): Names {
  return { local, remote };
}

/** The message with the names in it; as it was where it is none of those. */
export function addNames(message: unknown, { local, remote }: Names): unknown {
  if (typeof message !== 'string' || !message.startsWith(BEGINS)) return message;
  const list = [local, remote].flatMap((name) => [
    name.sa_family,
    name.sin_addr,
    name.sin_port,
    name.sin6_scope_id ?? 0,
  ]);
  return `${KEY}${JSON.stringify(list)},${message.slice(1)}`;
}

/** The names in what has come on a channel; null: there are none. */
export function findNames(bytes: Uint8Array): Names | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!text.includes(KEY)) return null;
  const found = PATTERN.exec(text.toString('latin1'));
  if (found === null) return null;
  try {
    const list = JSON.parse(found[1]) as unknown[];
    const local = nameOf(list.slice(0, 4));
    const remote = nameOf(list.slice(4, 8));
    return local === null || remote === null ? null : { local, remote };
  } catch {
    return null;
  }
}

/** Names that have come as an object of {@link namesOf}; null: something else has. */
export function takeNames(value: unknown): Names | null {
  const { local, remote } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const [own, others] = [local, remote].map((name) => {
    if (typeof name !== 'object' || name === null) return null;
    const { sa_family, sin_addr, sin_port, sin6_scope_id = 0 } = name as Record<string, unknown>;
    return nameOf([sa_family, sin_addr, sin_port, sin6_scope_id]);
  });
  return own === null || others === null ? null : { local: own, remote: others };
}

function nameOf([family, address, port, scope]: unknown[]): SOCKADDR | null {
  if ((family !== AF_INET && family !== AF_INET6) || typeof address !== 'string') return null;
  return isSize(port) && isSize(scope) ? makeSockaddr(family, address, port, scope) : null;
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}
