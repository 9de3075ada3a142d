/**
 * The public API: for programs that want to know how their connections travel. Importing it changes nothing; the switch
 * is put in place by `sockets-direct/register` or `sockets-direct run`.
 */
import type { Stats } from './observe/index.js';
import { currentRuntime, type SocketRoute, type Status } from './runtime/index.js';

export type { LoopStats, MemoryStats, Stats } from './observe/index.js';
export type { SocketRoute, Status } from './runtime/index.js';
export { REASONS, type RouteReason } from './switch/index.js';

/**
 * How a socket's connection travels: a `net.Socket`, what TLS or HTTP/2 built on one, or a request or response that has
 * one as `socket`. On TCP `reason` is a code of {@link REASONS}. Null: not connected (yet), or not a TCP socket.
 */
export function routeOf(socket: object): SocketRoute | null {
  return currentRuntime().routeOf(socket);
}

/** Counters of this isolate since it started: connections by route and reason, bytes, links, event loop. */
export function stats(): Stats {
  return currentRuntime().stats();
}

/**
 * Whether the switch works in this isolate; if not, the reason code and, in words, what is in the way (unknown settings,
 * a missing addon …); and the SAN service providers, in order of preference, those that did not start with the reason.
 */
export function status(): Status {
  return currentRuntime().status();
}
