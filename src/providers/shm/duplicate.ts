/**
 * Handing a connected socket to another process (DUP-11 … DUP-33, OBS-38 … OBS-42). Three isolates take part: who has
 * the socket and duplicates it, the remote end, and who attaches.
 *
 *     duplicating                     remote                                  attaching
 *     WSPDuplicateSocket
 *     ── DUPLICATE token, pid ──────► listens under the token's name
 *     ◄──────────── DUPLICATED 0 ──   sets its socket aside: 'detached'
 *     ◄──────────── CLOSE ─────────
 *     onDuplicated(0)   ······· token, by the switch's own means ·······►     WSPSocket(dwProviderReserved = token)
 *     WSPCloseSocket                  ◄────────────── link, ATTACH token ──   'connecting'
 *                                     on the new link from now on
 *                                     ── ACCEPT ──────────────────────────►   FD_CONNECT, 'connected'
 *
 * The remote switch hears nothing of it; what it posted stays posted. The connection number, its consumed counters and
 * the ring are the new link's. A process of another PID namespace cannot be named to the remote end, so it is refused.
 */
import { randomInt } from 'node:crypto';
import {
  INVALID_SOCKET,
  type LPWSPDUPLICATESOCKET,
  type Out,
  type SOCKET,
  WSAECONNABORTED,
  WSAENETDOWN,
  WSAENOTCONN,
  type WSAPROTOCOL_INFOW,
} from '../../spi/index.js';
import { endConnect, REFUSE_NO_LISTENER } from './connecting.js';
import { attachName, expectAttach, stopExpecting } from './duplicate-expect.js';
import { RECORD_ACCEPT, RECORD_ATTACH, RECORD_DUPLICATE, RECORD_DUPLICATED, RECORD_REFUSE } from './layout.js';
import { type Link, SLOT_CLOSING } from './link.js';
import type { ShmSocket } from './socket-record.js';
import { failed, type ShmState } from './state.js';
import { complete } from './transfer.js';

/** Payloads: u32 token, u32 target pid, u32 our pid · u8 status · u32 token. */
const DUPLICATE_BYTES = 12;
const DUPLICATED_BYTES = 1;
const ATTACH_BYTES = 4;

/** Status of a DUPLICATED: the remote end waits, or cannot. */
const READY = 0;
const CANNOT = 1;

const EMPTY = new Uint8Array(0);

// ---------------------------------------------------------------- who duplicates

/** Returns at once; `onDuplicated` tells the receiver, or the completion of what is posted, how it ended. */
export function makeDuplicate(state: ShmState, own: WSAPROTOCOL_INFOW): LPWSPDUPLICATESOCKET {
  return (s, dwProcessId, lpProtocolInfo, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    const { link, connection } = socket;
    if (socket.state !== 'connected' || link === null || !link.open || link.ending) return failed(lpErrno, WSAENOTCONN);
    const token = randomInt(1, 2 ** 32);
    Object.assign(lpProtocolInfo, own, { dwProviderReserved: token });
    const payload = Buffer.alloc(DUPLICATE_BYTES);
    payload.writeUInt32LE(token, 0);
    payload.writeUInt32LE(dwProcessId >>> 0, 4);
    payload.writeUInt32LE(process.pid, 8);
    socket.state = 'duplicating';
    link.sendRecord(RECORD_DUPLICATE, connection, payload);
    return 0;
  };
}

/** The remote end's answer. */
export function duplicatedCame(state: ShmState, link: Link, connection: number, payload: Uint8Array): string | null {
  const slot = link.slots[connection];
  if (payload.length !== DUPLICATED_BYTES) return `a DUPLICATED of ${payload.length} bytes`;
  if (slot === SLOT_CLOSING) return null;
  if (slot?.state !== 'duplicating') return `a DUPLICATED for connection ${connection}, which nobody duplicates`;
  if (payload[0] !== READY) {
    slot.state = 'connected';
    slot.receiver?.onDuplicated?.(WSAENETDOWN);
    return null;
  }
  slot.state = 'duplicated';
  slot.finalConsumed = link.peerConsumed(connection);
  for (const { overlapped } of slot.posted.splice(0)) complete(state, slot, overlapped, 0, 0); // DUP-19, DUP-20
  slot.receiver?.onDuplicated?.(0);
  return null;
}

// ---------------------------------------------------------------- the remote end

/** The peer's process gives the connection away. */
export function duplicateCame(state: ShmState, link: Link, connection: number, payload: Uint8Array): string | null {
  const slot = link.slots[connection];
  if (payload.length !== DUPLICATE_BYTES) return `a DUPLICATE of ${payload.length} bytes`;
  if (slot === undefined) return `a DUPLICATE for connection ${connection}, which is not open`;
  if (slot === SLOT_CLOSING) return null; // our CLOSE is on its way, and answers it
  if (slot.state !== 'connected') return `a DUPLICATE for connection ${connection}, which is not connected`;
  const words = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const token = words.readUInt32LE(0);
  const target = words.readUInt32LE(4);
  // Its own number must be what the kernel tells us of it: else it lives in another PID namespace, and its numbers are
  // not ours.
  const known = words.readUInt32LE(8) === link.pid && target !== 0 && token !== 0;
  if (!known || !expectAttach(state, slot, token, target)) {
    link.sendRecord(RECORD_DUPLICATED, connection, Uint8Array.of(CANNOT));
    return null;
  }
  slot.finalConsumed = link.peerConsumed(connection);
  state.memory.disconnect(slot); // what is registered from now on is for the new link's peer
  state.transfers.abort(slot, WSAECONNABORTED);
  slot.state = 'detached';
  slot.link = null;
  slot.connection = -1;
  link.slots[connection] = SLOT_CLOSING;
  link.sendRecord(RECORD_DUPLICATED, connection, Uint8Array.of(READY));
  link.sendClose(connection);
  return null;
}

/** The other process is there. */
export function attachCame(state: ShmState, link: Link, connection: number, payload: Uint8Array): string | null {
  if (payload.length !== ATTACH_BYTES) return `an ATTACH of ${payload.length} bytes`;
  if ((connection & 1) === link.role) return `an ATTACH with connection ${connection}, which is ours to give out`;
  if (link.slots[connection] !== undefined) return `an ATTACH with connection ${connection}, which is in use`;
  const token = Buffer.from(payload.buffer, payload.byteOffset, payload.length).readUInt32LE(0);
  const socket = state.expected.get(token);
  if (socket?.expected?.pid !== link.pid) {
    link.sendRecord(RECORD_REFUSE, connection, Uint8Array.of(REFUSE_NO_LISTENER));
    return null;
  }
  stopExpecting(state, socket);
  socket.link = link;
  socket.connection = connection;
  socket.state = 'connected';
  link.slots[connection] = socket;
  link.setConsumed(connection, socket.consumed);
  link.sendRecord(RECORD_ACCEPT, connection, EMPTY);
  return null;
}

// ---------------------------------------------------------------- who attaches

/**
 * `WSPSocket` with a token (DUP-24, DUP-25): always a new socket (DUP-27). The link to the remote end may not be there
 * yet, so how it ended is told by FD_CONNECT, as of a nonblocking connect.
 */
export function attach(state: ShmState, token: number, lpErrno: Out<number>): SOCKET {
  const link = state.links.toName(attachName(token));
  if (typeof link === 'string') return failed(lpErrno, WSAENETDOWN);
  const socket = state.create(lpErrno);
  if (socket === null) return INVALID_SOCKET;
  socket.token = token;
  socket.state = 'connecting';
  socket.link = link;
  state.links.whenOpen(link, {
    onLink: (open) => {
      if (socket.state === 'connecting') sendAttach(state, socket, open);
    },
    onNoLink: () => {
      if (socket.state === 'connecting') endConnect(state, socket, 'link-failed');
    },
  });
  return socket.descriptor;
}

function sendAttach(state: ShmState, socket: ShmSocket, link: Link): void {
  const connection = link.allocate();
  if (connection < 0) {
    endConnect(state, socket, 'out-of-resources');
    return;
  }
  socket.link = link;
  socket.connection = connection;
  link.slots[connection] = socket;
  link.resetConsumed(connection);
  const payload = Buffer.alloc(ATTACH_BYTES);
  payload.writeUInt32LE(socket.token, 0);
  link.sendRecord(RECORD_ATTACH, connection, payload);
}
