/** The owned-receive addition (D2): messages as views, consumed counters, and the hand-over at exit (D7). */
import { type OwnedReceive, RUN_BEFORE, RUN_STOP, RUN_VIOLATION, WSAEINVAL, WSAENOTCONN } from '../../spi/index.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

export function makeOwnedReceive(state: ShmState): OwnedReceive {
  return {
    SdpSetReceiver(s, receiver, lpErrno) {
      const socket = state.find(s, lpErrno);
      if (socket === null) return -1;
      if (receiver !== null && (socket.receiver !== null || socket.posted.length > 0))
        return failed(lpErrno, WSAEINVAL);
      if (socket.state !== 'connected' && socket.state !== 'disconnected') return failed(lpErrno, WSAENOTCONN);
      socket.receiver = receiver;
      if (receiver !== null && (socket.early.length > 0 || socket.state === 'disconnected')) {
        setImmediate(deliverEarly, socket);
      }
      return 0;
    },
    SdpSetConsumed(s, total) {
      const socket = state.sockets[s];
      if (socket === undefined) return;
      socket.consumed = total;
      if (socket.state === 'connected') socket.link?.setConsumed(socket.connection, total);
    },
    SdpPeerConsumed(s) {
      const socket = state.sockets[s];
      if (socket === undefined) return 0;
      if (socket.link === null) return socket.finalConsumed;
      return socket.link.gone ? socket.finalConsumed : socket.link.peerConsumed(socket.connection);
    },
    SdpArrived(s, bytes) {
      const socket = state.sockets[s];
      if (socket === undefined) return false;
      if (socket.early.some(({ length }) => length > bytes)) return true;
      return socket.link?.hasArrived(socket.connection, bytes) === true;
    },
    SdpBeginExit() {
      state.transfers.endAll(); // first: what waits behind a transfer is to be sent
      for (const link of state.links.all) link.beginExit();
    },
    SdpEndExit() {
      for (const link of state.links.all) link.endExit();
    },
    SdpPeerOf(s) {
      const link = state.sockets[s]?.link;
      if (!link) return null;
      // Only of our own process may an isolate's name be believed.
      const self = link.pid === process.pid && link.isolate === state.links.isolate;
      return { pid: link.pid, uid: link.uid, link: link.id, self, reach: link.reach };
    },
  };
}

/**
 * One run of the messages that came before the receiver (SESS-6 … SESS-8), in a callback of its own; after the last of
 * them, the news that the connection is gone, if it is.
 */
function deliverEarly(socket: ShmSocket): void {
  const receiver = socket.receiver;
  if (receiver === null) return;
  if (socket.early.length === 0) {
    if (socket.state === 'disconnected') receiver.onDisconnect(socket.disconnectError);
    return;
  }
  let result: number;
  do {
    const message = socket.early[0];
    result = receiver.onMessage(message, 0, message.length);
    if (result === RUN_BEFORE) break;
    socket.early.shift();
    socket.earlyBytes -= message.length;
  } while (result !== RUN_STOP && result !== RUN_VIOLATION && socket.early.length > 0);
  if (result === RUN_VIOLATION) {
    socket.link?.fail('a session message that makes no sense');
    return;
  }
  if (socket.early.length > 0 || socket.state === 'disconnected') setImmediate(deliverEarly, socket);
  receiver.onRunEnd();
}
