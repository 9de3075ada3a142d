/** The provider's record of one socket (SOCK-6). */
import {
  createNetworkEvents,
  type MessageReceiver,
  type SOCKADDR,
  type WSABUF,
  type WSAEVENT,
  type WSAOVERLAPPED,
} from '../../spi/index.js';
import type { Link } from './link.js';
import type { SocketMemory } from './memory.js';
import type { SocketTransfers } from './transfers.js';

/** Where a socket is in its life. */
export type ShmSocketState =
  | 'open'
  | 'bound'
  | 'listening'
  | 'connecting'
  | 'connected'
  /** WSPDuplicateSocket was called, and the peer has not answered; then it has, and the socket is inactive (DUP-21). */
  | 'duplicating'
  | 'duplicated'
  /** The peer moves to another process, which has not attached yet (OBS-39). There is no link meanwhile. */
  | 'detached'
  /** The peer or the link is gone; kept until the switch closes (CLOSE-7). */
  | 'disconnected';

/** A receive that the switch posted with WSPRecv (a switch that does not take views). */
export interface PostedReceive {
  readonly buffers: readonly WSABUF[];
  readonly overlapped: WSAOVERLAPPED;
}

/** What a socket whose peer moves waits for. */
export interface ExpectedAttach {
  readonly token: number;
  /** The only process that may attach (DUP-22). */
  readonly pid: number;
  /** The addon's listener under the token's name. */
  readonly listener: number;
  readonly timer: NodeJS.Timeout;
}

/** A connection request that waits for WSPAccept. */
export interface PendingConnect {
  readonly link: Link;
  readonly connection: number;
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
  readonly data: Uint8Array;
}

const NONE: readonly Link[] = [];

export class ShmSocket {
  state: ShmSocketState = 'open';
  /** The switch's handle for this socket: what goes with every upcall (SOCK-8). */
  handle = -1;
  local: SOCKADDR | null = null;
  remote: SOCKADDR | null = null;
  /** The cookie of the TCP/IP socket whose companion this is, if the switch has told (listening sockets). */
  nativeAddress = 0n;
  readonly options = new Map<number, number>();
  readonly events = createNetworkEvents();
  event: WSAEVENT | null = null;
  eventMask = 0;
  /** Why the connect failed, as a word (SO_SD_CONNECT_DETAIL). */
  detail = '';
  // Connected sockets.
  link: Link | null = null;
  connection = -1;
  receiver: MessageReceiver | null = null;
  /** Messages that came before there was a receiver (SESS-6…8), and their bytes. */
  early: Uint8Array[] = [];
  earlyBytes = 0;
  readonly posted: PostedReceive[] = [];
  /** What it has registered, and its one-sided transfers; null: never any. */
  memory: SocketMemory | null = null;
  transfers: SocketTransfers | null = null;
  /** The peer is gone: what to tell a receiver; -1 while it is not. */
  disconnectError = -1;
  /** What the peer had consumed when the link went away. */
  finalConsumed = 0;
  /** Payload bytes that our program has consumed, as last published: a new link's counter begins with it. */
  consumed = 0;
  /** Who is to come, while 'detached'. */
  expected: ExpectedAttach | null = null;
  /** What to attach with (`dwProviderReserved`), while 'connecting'; 0: an ordinary connect. */
  token = 0;
  // Connecting sockets.
  callerData: Uint8Array = new Uint8Array(0);
  calleeData: WSABUF | null = null;
  /** Whom this connect has asked in vain. */
  tried: readonly Link[] = NONE;
  // Listening sockets.
  backlog = 0;
  readonly queue: PendingConnect[] = [];

  /** `descriptor` is ours: what the switch calls with. */
  constructor(readonly descriptor: number) {}
}
