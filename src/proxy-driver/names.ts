/** The name space of companion listeners: abstract Unix sockets, version 1 (D4). */

/** The native address of a listening TCP socket's n-th companion: named after the socket's cookie, which is never reused. */
export function companionName(cookie: bigint, n: number): string {
  return `${companionPrefix(cookie)}${n}`;
}

/** What the names of all companions of a listening socket begin with; a number follows. */
export function companionPrefix(cookie: bigint): string {
  return `sockets-direct/1/${cookie}.`;
}

/** How many numbers there are: so many processes and threads can serve one listening socket on the SAN. */
export const COMPANION_NUMBERS = 64;

/**
 * What listeners announce themselves under: this, the TCP port, a dot and a number. That nobody on a port is on the SAN
 * costs a connector two system calls that way; asking the kernel and the companion needs a bound socket first.
 */
export const ANNOUNCEMENT_PREFIX = 'sockets-direct/1/port/';

const PATTERN = /^sockets-direct\/1\/(\d{1,20})\.(\d{1,2})$/;

/** The way back (ADDR-12); null: not a companion's name. */
export function parseCompanionName(name: string): { cookie: bigint; n: number } | null {
  const match = PATTERN.exec(name);
  if (match === null) return null;
  const [, cookie = '', n = ''] = match;
  return { cookie: BigInt(cookie), n: Number(n) };
}
