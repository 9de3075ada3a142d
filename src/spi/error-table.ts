/**
 * The result codes as a table: name, value, Linux errno, meaning; and the two mappings (reference 3.5).
 *
 * Errno numbers are those of asm-generic, equal on x64 and arm64, so that this folder needs no import.
 */

import * as code from './errors.js';

/** One code. `errno` is null where Linux has no equivalent; `error` is false for codes that report progress. */
export interface WsaErrorEntry {
  readonly name: string;
  readonly value: number;
  readonly errno: string | null;
  readonly error: boolean;
  readonly meaning: string;
}

const ERRNO: ReadonlyMap<string, number> = new Map([
  ['EPERM', 1],
  ['EINTR', 4],
  ['EIO', 5],
  ['EBADF', 9],
  ['EAGAIN', 11],
  ['ENOMEM', 12],
  ['EACCES', 13],
  ['EFAULT', 14],
  ['EINVAL', 22],
  ['ENFILE', 23],
  ['EMFILE', 24],
  ['EPIPE', 32],
  ['ENOTSOCK', 88],
  ['EDESTADDRREQ', 89],
  ['EMSGSIZE', 90],
  ['EPROTOTYPE', 91],
  ['ENOPROTOOPT', 92],
  ['EPROTONOSUPPORT', 93],
  ['ESOCKTNOSUPPORT', 94],
  ['EOPNOTSUPP', 95],
  ['EPFNOSUPPORT', 96],
  ['EAFNOSUPPORT', 97],
  ['EADDRINUSE', 98],
  ['EADDRNOTAVAIL', 99],
  ['ENETDOWN', 100],
  ['ENETUNREACH', 101],
  ['ENETRESET', 102],
  ['ECONNABORTED', 103],
  ['ECONNRESET', 104],
  ['ENOBUFS', 105],
  ['EISCONN', 106],
  ['ENOTCONN', 107],
  ['ESHUTDOWN', 108],
  ['ETIMEDOUT', 110],
  ['ECONNREFUSED', 111],
  ['EHOSTDOWN', 112],
  ['EHOSTUNREACH', 113],
  ['EALREADY', 114],
  ['EINPROGRESS', 115],
  ['ECANCELED', 125],
]);

/** Every code of errors.ts except `NO_ERROR`, by value. */
export const WSA_ERRORS: readonly WsaErrorEntry[] = [
  entry('WSA_INVALID_HANDLE', code.WSA_INVALID_HANDLE, 'EBADF', 'not an open handle'),
  entry('WSA_NOT_ENOUGH_MEMORY', code.WSA_NOT_ENOUGH_MEMORY, 'ENOMEM', 'not enough memory'),
  entry('WSA_INVALID_PARAMETER', code.WSA_INVALID_PARAMETER, 'EINVAL', 'invalid parameter'),
  entry('WSA_OPERATION_ABORTED', code.WSA_OPERATION_ABORTED, 'ECANCELED', 'given up: the socket was closed locally'),
  progress('WSA_IO_INCOMPLETE', code.WSA_IO_INCOMPLETE, 'EINPROGRESS', 'the operation is not finished yet'),
  progress('WSA_IO_PENDING', code.WSA_IO_PENDING, 'EINPROGRESS', 'the operation was started'),
  entry('WSAEINTR', code.WSAEINTR, 'EINTR', 'a blocking call was interrupted'),
  entry('WSAEACCES', code.WSAEACCES, 'EACCES', 'permission denied'),
  entry('WSAEFAULT', code.WSAEFAULT, 'EFAULT', 'unusable memory or length'),
  entry('WSAEINVAL', code.WSAEINVAL, 'EINVAL', 'invalid argument or state'),
  entry('WSAEMFILE', code.WSAEMFILE, 'EMFILE', 'no more descriptors'),
  entry('WSAEWOULDBLOCK', code.WSAEWOULDBLOCK, 'EAGAIN', 'nothing is ready, or it goes on in the background'),
  entry('WSAEINPROGRESS', code.WSAEINPROGRESS, null, 'a blocking call is in progress (never from a provider)'),
  entry('WSAEALREADY', code.WSAEALREADY, 'EALREADY', 'a connect is already running'),
  entry('WSAENOTSOCK', code.WSAENOTSOCK, 'ENOTSOCK', 'not an open socket'),
  entry('WSAEDESTADDRREQ', code.WSAEDESTADDRREQ, 'EDESTADDRREQ', 'a destination address is needed'),
  entry('WSAEMSGSIZE', code.WSAEMSGSIZE, 'EMSGSIZE', 'message too large'),
  entry('WSAEPROTOTYPE', code.WSAEPROTOTYPE, 'EPROTOTYPE', 'the socket type does not fit the protocol'),
  entry('WSAENOPROTOOPT', code.WSAENOPROTOOPT, 'ENOPROTOOPT', 'unknown option or control code'),
  entry('WSAEPROTONOSUPPORT', code.WSAEPROTONOSUPPORT, 'EPROTONOSUPPORT', 'protocol not supported'),
  entry('WSAESOCKTNOSUPPORT', code.WSAESOCKTNOSUPPORT, 'ESOCKTNOSUPPORT', 'socket type not supported'),
  entry('WSAEOPNOTSUPP', code.WSAEOPNOTSUPP, 'EOPNOTSUPP', 'operation not offered'),
  entry('WSAEPFNOSUPPORT', code.WSAEPFNOSUPPORT, 'EPFNOSUPPORT', 'protocol family not supported'),
  entry('WSAEAFNOSUPPORT', code.WSAEAFNOSUPPORT, 'EAFNOSUPPORT', 'address family not supported'),
  entry('WSAEADDRINUSE', code.WSAEADDRINUSE, 'EADDRINUSE', 'address in use'),
  entry('WSAEADDRNOTAVAIL', code.WSAEADDRNOTAVAIL, 'EADDRNOTAVAIL', 'not an address of this provider'),
  entry('WSAENETDOWN', code.WSAENETDOWN, 'ENETDOWN', 'the network subsystem has failed'),
  entry('WSAENETUNREACH', code.WSAENETUNREACH, 'ENETUNREACH', 'network unreachable'),
  entry('WSAENETRESET', code.WSAENETRESET, 'ENETRESET', 'connection broken by keep-alive failure'),
  entry('WSAECONNABORTED', code.WSAECONNABORTED, 'ECONNABORTED', 'connection broken locally or by the transport'),
  entry('WSAECONNRESET', code.WSAECONNRESET, 'ECONNRESET', 'reset by the peer; connect: nobody listens there'),
  entry('WSAENOBUFS', code.WSAENOBUFS, 'ENOBUFS', 'no buffer space'),
  entry('WSAEISCONN', code.WSAEISCONN, 'EISCONN', 'already connected'),
  entry('WSAENOTCONN', code.WSAENOTCONN, 'ENOTCONN', 'not connected'),
  entry('WSAESHUTDOWN', code.WSAESHUTDOWN, 'EPIPE', 'that direction was shut down'),
  entry('WSAETIMEDOUT', code.WSAETIMEDOUT, 'ETIMEDOUT', 'no answer'),
  entry('WSAECONNREFUSED', code.WSAECONNREFUSED, 'ECONNREFUSED', 'refused by the other side'),
  entry('WSAEHOSTDOWN', code.WSAEHOSTDOWN, 'EHOSTDOWN', 'the host is down'),
  entry('WSAEHOSTUNREACH', code.WSAEHOSTUNREACH, 'EHOSTUNREACH', 'the destination does not exist'),
  entry('WSAEPROCLIM', code.WSAEPROCLIM, null, 'too many users of the provider'),
  entry('WSASYSNOTREADY', code.WSASYSNOTREADY, null, 'the network subsystem is not ready'),
  entry('WSAVERNOTSUPPORTED', code.WSAVERNOTSUPPORTED, null, 'version not supported'),
  entry('WSANOTINITIALISED', code.WSANOTINITIALISED, null, 'not started, or cleaned up'),
  entry('WSAEINVALIDPROVIDER', code.WSAEINVALIDPROVIDER, null, 'the provider does not keep the contract'),
  entry('WSAEPROVIDERFAILEDINIT', code.WSAEPROVIDERFAILEDINIT, null, 'the provider could not be initialised'),
  entry('WSASYSCALLFAILURE', code.WSASYSCALLFAILURE, 'EIO', 'a system call failed that should not'),
  entry('WSATRY_AGAIN', code.WSATRY_AGAIN, 'EAGAIN', 'temporary failure'),
  entry('WSANO_RECOVERY', code.WSANO_RECOVERY, null, 'permanent failure'),
];

/** Errnos that are not some code's own, or whose code would be ambiguous. */
const FROM_ERRNO: ReadonlyMap<string, number> = new Map([
  ['EPERM', code.WSAEACCES],
  ['EBADF', code.WSAENOTSOCK],
  ['EAGAIN', code.WSAEWOULDBLOCK],
  ['EINPROGRESS', code.WSAEWOULDBLOCK],
  ['EINVAL', code.WSAEINVAL],
  ['ENFILE', code.WSAEMFILE],
  ['ESHUTDOWN', code.WSAESHUTDOWN],
]);

const byValue = new Map(WSA_ERRORS.map((row) => [row.value, row]));
const byErrno = new Map<number, number>();
for (const row of WSA_ERRORS) if (row.errno !== null) byErrno.set(errnoNumber(row.errno), row.value);
for (const [name, value] of FROM_ERRNO) byErrno.set(errnoNumber(name), value);

/** Name of a code, e.g. `WSAECONNRESET`; `NO_ERROR` for 0; `WSA(12345)` for one that is not known. */
export function wsaName(value: number): string {
  if (value === 0) return 'NO_ERROR';
  return byValue.get(value)?.name ?? `WSA(${value})`;
}

/** What a code means, in a few words; for messages. */
export function wsaMeaning(value: number): string {
  if (value === 0) return 'success';
  return byValue.get(value)?.meaning ?? 'unknown code';
}

/**
 * The code for a Linux errno, given as number (either sign, as system calls and libuv report it) or as name. 0 gives 0.
 * One without a code of its own gives `WSASYSCALLFAILURE`. `EINPROGRESS` (a connect under way) gives `WSAEWOULDBLOCK`.
 */
export function wsaFromErrno(errno: number | string): number {
  const value = typeof errno === 'string' ? (ERRNO.get(errno) ?? Number.NaN) : Math.abs(errno);
  return value === 0 ? 0 : (byErrno.get(value) ?? code.WSASYSCALLFAILURE);
}

/**
 * The Linux errno for a code, positive (negate it for libuv). 0 gives 0. A code without an equivalent, or an unknown one,
 * gives EIO, so that a failure never looks like success. On a connect, the switch decides what the program sees for
 * `WSAECONNRESET`, which means "nobody listens" there (TRAP-13).
 */
export function errnoFromWsa(value: number): number {
  return value === 0 ? 0 : errnoNumber(byValue.get(value)?.errno ?? 'EIO');
}

/** As {@link errnoFromWsa}, but the name: what Node shows as `error.code`. Empty for 0. */
export function errnoNameFromWsa(value: number): string {
  return value === 0 ? '' : (byValue.get(value)?.errno ?? 'EIO');
}

function errnoNumber(name: string): number {
  const value = ERRNO.get(name);
  if (value === undefined) throw new TypeError(`no number is known for errno ${name}`);
  return value;
}

function entry(name: string, value: number, errno: string | null, meaning: string): WsaErrorEntry {
  return { name, value, errno, error: true, meaning };
}

function progress(name: string, value: number, errno: string, meaning: string): WsaErrorEntry {
  return { name, value, errno, error: false, meaning };
}
