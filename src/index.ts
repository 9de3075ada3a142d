/**
 * The public API: for programs that want to know how their connections travel. Importing it changes nothing; the switch
 * is put in place by `sockets-direct/register` or `sockets-direct run`.
 */
import type { Socket } from 'node:net';
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

/**
 * Sends a block of urgent data: at once, ahead of what is written and waits, never merged with it; blocks keep their order
 * among themselves. The bytes are copied. `callback` gets null, or why not; without one a failure is thrown. `error.code`:
 * `ENOTSUP` the connection is not on a SAN provider, or its other end does not know urgent data · `EMSGSIZE` larger than
 * one message · `EAGAIN` sixteen blocks are not taken yet by the other end · `EPIPE`, `ECONNRESET` as for a write · `EINVAL`
 * empty.
 */
export function sendUrgent(socket: Socket, block: Uint8Array, callback?: (error: Error | null) => void): void {
  const error = currentRuntime().urgent.sendUrgent(socket, block);
  if (callback !== undefined) process.nextTick(callback, error);
  else if (error !== null) throw error;
}

/**
 * Has `listener` called with each block of urgent data, whether the socket is paused or not; blocks that came before wait
 * for it (sixteen at most). `'inline'` instead has them come among the socket's data, in their place, each as a chunk of its
 * own. Throws `ENOTSUP` as {@link sendUrgent} does.
 */
export function onUrgent(socket: Socket, listener: ((block: Buffer) => void) | 'inline'): void {
  currentRuntime().urgent.listenUrgent(socket, listener === 'inline' ? null : listener);
}

/**
 * Whether the socket has been given exactly what was written before the last urgent block (SIOCATMARK): to be asked in a
 * `'data'` listener. No chunk ever spans that place.
 */
export function atMark(socket: Socket): boolean {
  return currentRuntime().urgent.isAtMark(socket);
}
