/**
 * Why a connection or listener is on TCP: a closed list, one code each, shown by `ss`, `routeOf`, channels and counters
 * (DESIGN D9). Codes are part of the public interface: they are added to, never renamed.
 */
import {
  WSAEACCES,
  WSAEADDRNOTAVAIL,
  WSAECONNABORTED,
  WSAEINVAL,
  WSAEMFILE,
  WSAENETDOWN,
  WSAENOBUFS,
  WSAEPROTONOSUPPORT,
  WSAETIMEDOUT,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEHOSTUNREACH,
} from '../spi/index.js';

/** Each code with a sentence for people. */
export const REASONS = {
  'switch-off': 'The switch is turned off by configuration.',
  'platform-unsupported': 'The switch runs on Linux, on x64 and arm64.',
  'addon-unavailable': 'The native addon is missing, does not load here, or is not permitted.',
  'bindings-unavailable':
    'This Node does not let the switch reach the sockets’ internals (for example under --permission).',
  'node-unknown':
    'This version of Node lacks, or does otherwise, something that the switch stands on; the detail names it.',
  'bad-configuration': 'The configuration has unknown or bad values.',
  'kernel-unsupported': 'The kernel lacks, or forbids here, something the switch needs, such as sock_diag or memfd.',
  'no-provider': 'No SAN service provider is installed.',
  'provider-failed': 'The SAN service provider failed to start, or failed this socket.',
  excluded: 'An include or exclude rule keeps this connection on TCP, on this side or on the peer’s.',
  'not-local': 'No SAN service provider serves the other address: it is not one of this host.',
  'no-listener': 'Nobody listens at the address on this host, as far as the kernel says.',
  'no-companion': 'Nobody who listens there runs the switch, or nobody listens there at all.',
  'uid-not-allowed': 'The listener belongs to another user, who is not on the allow list.',
  'uid-mismatch': 'The companion listener and the TCP listener do not belong to the same user.',
  'listener-busy': 'The listener did not answer in time, or its accept queue is full.',
  'listener-refused': 'The listener does not take connections on the SAN.',
  'listener-shared': 'The listening socket is shared in a way that the switch does not serve.',
  'tls-client':
    'TLS stands on the connecting socket in a way that cannot be moved: TLS inside TLS, or a TLS server’s side.',
  'tls-unknown': 'The TLS of this version of Node has something that the switch does not know.',
  'link-failed': 'The link to the other process broke while the connection was being set up.',
  'protocol-mismatch': 'The two sides speak different versions of a protocol.',
  'out-of-resources': 'There was not enough memory, or not enough descriptors, for the SAN.',
  'bind-failed': 'The TCP socket could not be bound to a local port beforehand.',
  'peer-used-tcp': 'The peer connected by TCP.',
  'handle-unsupported': 'The switch does not take over this kind of handle.',
  cancelled: 'The program gave the connect up before its route was decided.',
} as const;

export type RouteReason = keyof typeof REASONS;

/** Whether a word, which may come from a provider, is on the list. */
export function isRouteReason(word: unknown): word is RouteReason {
  return typeof word === 'string' && Object.hasOwn(REASONS, word);
}

/**
 * Whether a connect that ended with this code has failed for good: TCP/IP is sure to fail as well (CONN-13). Providers
 * return these three only if they can guarantee it (CONN-14).
 */
export function isAuthoritative(wsa: number): boolean {
  return wsa === WSAECONNRESET || wsa === WSAECONNREFUSED || wsa === WSAEHOSTUNREACH;
}

/**
 * What the program sees for an authoritative code. `WSAECONNRESET` means "nobody listens" on a connect (CONN-13), which
 * TCP shows as ECONNREFUSED (TRAP-13).
 */
export function programError(wsa: number): number {
  return wsa === WSAECONNRESET ? WSAECONNREFUSED : wsa;
}

const BY_CODE: ReadonlyMap<number, RouteReason> = new Map([
  [WSAEADDRNOTAVAIL, 'no-companion'],
  [WSAETIMEDOUT, 'listener-busy'],
  [WSAEACCES, 'uid-not-allowed'],
  [WSAENOBUFS, 'out-of-resources'],
  [WSAEMFILE, 'out-of-resources'],
  [WSAEPROTONOSUPPORT, 'protocol-mismatch'],
  [WSAECONNABORTED, 'link-failed'],
  [WSAENETDOWN, 'link-failed'],
]);

/** The reason for a failed connect, if the provider gave no finer one (`SO_SD_CONNECT_DETAIL`). */
export function reasonFromConnect(wsa: number): RouteReason {
  return BY_CODE.get(wsa) ?? 'provider-failed';
}

/** The reason for a failed companion call other than connect (ERR-2). */
export function reasonFromCompanion(wsa: number): RouteReason {
  return wsa === WSAENOBUFS || wsa === WSAEMFILE ? 'out-of-resources' : 'provider-failed';
}

/** The reason for a failed WSPListen. `WSAEINVAL`: nothing tells the provider who listens, or somebody here does (LIST-9). */
export function reasonFromListen(wsa: number): RouteReason {
  return wsa === WSAEINVAL ? 'listener-shared' : reasonFromCompanion(wsa);
}

/** Why connects to a listener stay on TCP, without asking. */
export interface KnownReason {
  readonly reason: RouteReason;
  /** It holds for a while, as against one that was found out just now. */
  readonly remembered: boolean;
}

/** Reasons that hold for the listener, not for the moment: worth remembering for a while (negative-cache.ts). */
const LASTING: ReadonlySet<RouteReason> = new Set([
  'excluded',
  'no-companion',
  'uid-not-allowed',
  'uid-mismatch',
  'listener-refused',
  'listener-shared',
  'protocol-mismatch',
]);

/** Whether the next connect to the same listener is sure enough to end the same way. */
export function isLasting(reason: RouteReason): boolean {
  return LASTING.has(reason);
}
