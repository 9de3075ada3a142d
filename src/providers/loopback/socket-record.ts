/** The provider's record of one socket (SOCK-6). */
import {
  createNetworkEvents,
  type MessageReceiver,
  type SOCKADDR,
  type WSABUF,
  type WSAEVENT,
  type WSAOVERLAPPED,
} from '../../spi/index.js';
import type { LoopbackInstance } from './instance.js';
import { type Piece, RegistrationTable } from './registration.js';
import type { Wire } from './wire.js';

/** Where a socket is in its life. */
export type LoopbackSocketState =
  | 'open'
  | 'bound'
  | 'listening'
  | 'connecting'
  | 'connected'
  /** The connection is gone; kept until the switch closes (CLOSE-7). */
  | 'disconnected'
  /** `WSPCloseSocket` was called, or its process has died. */
  | 'closed';

/** A buffer that waits for one message. */
export interface PostedReceive {
  readonly pieces: readonly Piece[];
  readonly overlapped: WSAOVERLAPPED;
}

/** An operation that has ended and whose owner has not been told. */
export interface Finished {
  readonly pieces: readonly Piece[];
  readonly overlapped: WSAOVERLAPPED;
  readonly error: number;
  readonly bytes: number;
}

/** A connection request under way or in a listener's queue. */
export interface ConnectRequest {
  readonly connector: LoopbackSocket;
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
  readonly data: Uint8Array;
  /** The connector has given up. */
  abandoned: boolean;
}

export class LoopbackSocket {
  state: LoopbackSocketState = 'open';
  /** The switch's handle for this socket: what goes with every up-call (SOCK-8). */
  handle = -1;
  local: SOCKADDR | null = null;
  remote: SOCKADDR | null = null;
  readonly options = new Map<number, number>();
  readonly events = createNetworkEvents();
  event: WSAEVENT | null = null;
  eventMask = 0;
  /** Why the connect failed, as a word (SO_SD_CONNECT_DETAIL). */
  detail = '';
  readonly memory: RegistrationTable;
  // Connecting.
  request: ConnectRequest | null = null;
  calleeData: WSABUF | null = null;
  // Listening.
  backlog = 0;
  readonly queue: ConnectRequest[] = [];
  // Connected: what goes out, and the other end of it.
  out: Wire | null = null;
  peer: LoopbackSocket | null = null;
  /** When the connection came to be, on the scheduler's clock. */
  since = 0;
  /** Code of the loss of the connection; 0 while there is none. */
  lost = 0;
  /** The peer's process has died, rather than closed. */
  peerDied = false;
  /** Messages that have arrived and were not taken (SESS-6 … SESS-8). */
  inbound: Uint8Array[] = [];
  readonly posted: PostedReceive[] = [];
  /** Receives that have ended, oldest first; told one after the other. */
  readonly received: Finished[] = [];
  /** A step that tells of `received`, or runs the receiver, is scheduled. */
  receiving = false;
  // Owned receive.
  receiver: MessageReceiver | null = null;
  disconnectTold = false;
  /** Payload bytes that our program has consumed, as published for the peer. */
  consumed = 0;

  /** `descriptor` is ours: what the switch calls with. Never used twice. */
  constructor(
    readonly instance: LoopbackInstance,
    readonly descriptor: number,
  ) {
    this.memory = new RegistrationTable(instance.pinner);
  }
}
