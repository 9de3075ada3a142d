/** What control records mean: CONNECT, ACCEPT, REFUSE, CLOSE, WRITE. Every one is checked against the state it finds. */
import { WSAECONNRESET } from '../../spi/index.js';
import { CONNECT_DATA_BYTES_MAX, decodeConnect } from './connect-record.js';
import { endConnect, onAccepted, onRefused } from './connecting.js';
import { attachCame, duplicateCame, duplicatedCame } from './duplicate.js';
import {
  RECORD_ACCEPT,
  RECORD_ATTACH,
  RECORD_CLOSE,
  RECORD_CONNECT,
  RECORD_DUPLICATE,
  RECORD_DUPLICATED,
  RECORD_REFUSE,
  RECORD_WRITE,
} from './layout.js';
import { type Link, type LinkHost, SLOT_CLOSING } from './link.js';
import { dropAllWaiting, dropWaiting, onConnect } from './listening.js';
import { onWrite } from './rdma-write.js';
import type { ShmSocket } from './socket-record.js';
import type { ShmState } from './state.js';
import { complete, disconnect, matchPosted } from './transfer.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

export function makeLinkHost(state: ShmState): LinkHost {
  return {
    addon: state.addon,
    awake: new Int32Array(state.addon.isolate()),
    spillBytesMax: state.options.spillBytesMax,
    onSent: (socket, overlapped, error, bytes) => complete(state, socket, overlapped, error, bytes),
    onEarly: (socket) => matchPosted(state, socket),
    onLinkGone: (link, violation) => linkGone(state, link, violation),
    onRecord(link, kind, connection, payload) {
      switch (kind) {
        case RECORD_CONNECT:
          return connectCame(state, link, connection, payload);
        case RECORD_ACCEPT:
          return acceptCame(state, link, connection, payload);
        case RECORD_REFUSE:
          return refuseCame(state, link, connection, payload);
        case RECORD_CLOSE:
          return closeCame(state, link, connection);
        case RECORD_WRITE:
          return writeCame(state, link, connection, payload);
        case RECORD_DUPLICATE:
          return duplicateCame(state, link, connection, payload);
        case RECORD_DUPLICATED:
          return duplicatedCame(state, link, connection, payload);
        case RECORD_ATTACH:
          return attachCame(state, link, connection, payload);
        default:
          return `a record of unknown kind ${kind}`;
      }
    },
  };
}

function connectCame(state: ShmState, link: Link, connection: number, payload: Uint8Array): string | null {
  if ((connection & 1) === link.role) return `a CONNECT with connection ${connection}, which is ours to give out`;
  if (link.slots[connection] !== undefined) return `a CONNECT with connection ${connection}, which is in use`;
  const record = decodeConnect(payload);
  if (typeof record === 'string') return record;
  onConnect(state, link, connection, record);
  return null;
}

function acceptCame(state: ShmState, link: Link, connection: number, payload: Uint8Array): string | null {
  const slot = link.slots[connection];
  if (slot === SLOT_CLOSING) return null; // given up meanwhile; our CLOSE is on its way
  if (slot?.state !== 'connecting') return `an ACCEPT for connection ${connection}, which does not connect`;
  if (payload.length > CONNECT_DATA_BYTES_MAX) return `an ACCEPT with ${payload.length} bytes`;
  onAccepted(state, slot, payload);
  return null;
}

function refuseCame(state: ShmState, link: Link, connection: number, payload: Uint8Array): string | null {
  const slot = link.slots[connection];
  if (payload.length > 1 + CONNECT_DATA_BYTES_MAX) return `a REFUSE with ${payload.length} bytes`;
  if (slot === undefined || (slot !== SLOT_CLOSING && slot.state !== 'connecting')) {
    return `a REFUSE for connection ${connection}, which does not connect`;
  }
  link.release(connection);
  if (slot !== SLOT_CLOSING) onRefused(state, slot, payload);
  return null;
}

function closeCame(state: ShmState, link: Link, connection: number): string | null {
  const slot = link.slots[connection];
  if (slot === SLOT_CLOSING) {
    link.release(connection);
    return null;
  }
  if (slot === undefined) {
    if ((connection & 1) === link.role) return `a CLOSE for connection ${connection}, which is not open`;
    // A connector that gave up: it waits in a queue, or our REFUSE has crossed its CLOSE and answers it already.
    if (dropWaiting(state, link, connection)) link.sendClose(connection);
    return null;
  }
  if (slot.state === 'connecting') {
    link.sendClose(connection);
    link.release(connection);
    endConnect(state, slot, 'link-failed');
    return null;
  }
  if (slot.state === 'disconnected') return `a second CLOSE for connection ${connection}`;
  slot.finalConsumed = link.peerConsumed(connection);
  if (slot.state === 'duplicated') {
    // As agreed: the peer waits for the other process now.
    link.sendClose(connection);
    link.release(connection);
    slot.link = null;
    slot.connection = -1;
    return null;
  }
  if (slot.state === 'duplicating') slot.state = 'connected'; // its program was faster
  disconnect(state, slot, 0);
  return null;
}

function writeCame(state: ShmState, link: Link, connection: number, payload: Uint8Array): string | null {
  const slot = link.slots[connection];
  if (slot === undefined) return `an RDMA write for connection ${connection}, which is not open`;
  if (slot === SLOT_CLOSING || slot.state !== 'connected') return null;
  return onWrite(state, slot, payload);
}

/** Every socket of the link hears of it in a callback of its own, as each would from libuv. */
function linkGone(state: ShmState, link: Link, violation: string): void {
  state.links.forget(link, violation);
  dropAllWaiting(state, link);
  for (const slot of link.slots) {
    if (slot !== undefined && slot !== SLOT_CLOSING) setImmediate(socketLost, state, slot, link);
  }
}

function socketLost(state: ShmState, socket: ShmSocket, link: Link): void {
  if (socket.state === 'connecting') endConnect(state, socket, 'link-failed');
  if (socket.state === 'duplicating') socket.state = 'connected';
  disconnect(state, socket, WSAECONNRESET);
  // After the news itself, by which whoever reads has had its turn.
  for (const overlapped of link.takeLost(socket)) complete(state, socket, overlapped, WSAECONNRESET, 0);
}
