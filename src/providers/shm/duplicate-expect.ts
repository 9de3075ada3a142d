/** Waiting for the process that a connection has been handed to: the remote side of a duplication (OBS-39). */
import { WSAECONNABORTED } from '../../spi/index.js';
import type { ShmSocket } from './socket-record.js';
import type { ShmState } from './state.js';
import { disconnect } from './transfer.js';

/** As they are at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setTimeout, clearTimeout, setImmediate } = globalThis;

/**
 * How long the other process may take to attach, in milliseconds. It has been told where when the wait begins, so only a
 * process that was killed or stopped then takes so long (DUP-35), or one of a hundred on one core. Less than a session's
 * patience with the silence (DUP-36).
 */
const ATTACH_MS_MAX = 10_000;
/** Most connections of one isolate that wait at a time: each has a descriptor, which a peer makes us open (D5). */
const EXPECTED_MAX = 64;
/** Connections that wait on the token's listener; one is expected. */
const BACKLOG = 4;

/** The abstract name under which the remote side of a duplicated socket is found: the token says it all (DUP-22). */
export function attachName(token: number): string {
  return `sockets-direct/1/attach/${token.toString(16)}`;
}

/** Listens for the process `pid`, which will attach with `token`. False: no listener, and nothing has changed. */
export function expectAttach(state: ShmState, socket: ShmSocket, token: number, pid: number): boolean {
  if (state.expected.has(token) || state.expected.size >= EXPECTED_MAX) return false;
  const listener = state.addon.listen(attachName(token), BACKLOG, (fd, uid, _gid, from) => {
    if (from === pid) state.links.accept(fd, uid, from);
    else state.addon.close(fd);
  });
  if (listener < 0) return false;
  // Where this process itself was busy, or stopped, for so long, the other may be here by now: the loop looks first.
  const timer = setTimeout(setImmediate, ATTACH_MS_MAX, () => {
    if (socket.expected?.token === token) giveUp(state, socket);
  });
  timer.unref();
  socket.expected = { token, pid, listener, timer };
  state.expected.set(token, socket);
  return true;
}

/** It has come, or nobody waits for it any more. */
export function stopExpecting(state: ShmState, socket: ShmSocket): void {
  const { expected } = socket;
  if (expected === null) return;
  socket.expected = null;
  clearTimeout(expected.timer);
  state.addon.unlisten(expected.listener);
  state.expected.delete(expected.token);
}

/** Nobody came: what is posted ends with an error (OBS-42). */
function giveUp(state: ShmState, socket: ShmSocket): void {
  stopExpecting(state, socket);
  socket.state = 'connected';
  disconnect(state, socket, WSAECONNABORTED);
}
