/** What the functions of one provider share: settings, descriptor table, up-calls. One is one host, or one process. */
import {
  type Out,
  recordNetworkEvent,
  SOCKET_ERROR,
  type SOCKADDR,
  type SOCKET,
  isWildcard,
  WSAENETDOWN,
  WSAENOTSOCK,
  WSANOTINITIALISED,
  type WSPUPCALLTABLEEX,
} from '../../spi/index.js';
import type { LoopbackNetwork } from './network.js';
import type { LoopbackSettings } from './options.js';
import { Pinner } from './pinning.js';
import { LoopbackSocket } from './socket-record.js';

/** What is left in an instance; all 0 after everything was closed. For tests. */
export interface LoopbackInventory {
  readonly sockets: number;
  readonly registrations: number;
  /** Operations that were started and not ended: buffers posted for messages, and requests in send queues. */
  readonly receives: number;
  readonly requests: number;
  /** The most messages that wait on one socket for somebody to post a buffer, or to attach a receiver. */
  readonly early: number;
}

export class LoopbackInstance {
  /** Starts not yet paired with a cleanup (SP-11). */
  starts = 0;
  upcalls!: WSPUPCALLTABLEEX;
  readonly sockets = new Map<SOCKET, LoopbackSocket>();
  readonly pinner = new Pinner();
  /** Between SdpBeginExit and the end. */
  exiting = false;
  /** The process has died: nobody is told of anything any more. */
  crashed = false;
  readonly #errno: Out<number> = { value: 0 };
  #next = 1;

  constructor(
    readonly network: LoopbackNetwork,
    readonly settings: LoopbackSettings,
  ) {}

  /** Whether an address is one of its own. */
  serves(name: SOCKADDR): boolean {
    return !this.crashed && this.settings.addresses.includes(name.sin_addr);
  }

  /** Whether a socket may be bound to a name. */
  binds(name: SOCKADDR): boolean {
    return isWildcard(name) || this.serves(name);
  }

  /** The record behind a descriptor, or null: `WSANOTINITIALISED`, `WSAENETDOWN`, `WSAENOTSOCK` (CLOSE-9, OBS-22). */
  find(s: SOCKET, lpErrno: Out<number>): LoopbackSocket | null {
    const socket = this.sockets.get(s);
    if (socket !== undefined && !this.crashed) return socket;
    lpErrno.value = this.crashed ? WSAENETDOWN : this.starts === 0 ? WSANOTINITIALISED : WSAENOTSOCK;
    return null;
  }

  /** A fresh record with the switch's handle in it (SOCK-6), or null: `lpErrno` says why. */
  create(lpErrno: Out<number>): LoopbackSocket | null {
    const socket = new LoopbackSocket(this, this.#next++);
    socket.handle = this.upcalls.lpWPUCreateSocketHandle(0, socket, lpErrno);
    if (socket.handle < 0) return null;
    this.sockets.set(socket.descriptor, socket);
    return socket;
  }

  /** Records a network event and signals the socket's event object (CONN-6, LIST-5). */
  signal(socket: LoopbackSocket, bit: number, error: number): void {
    recordNetworkEvent(socket.events, bit, error);
    if (socket.event !== null && (socket.eventMask & (1 << bit)) !== 0) {
      this.upcalls.lpWPUSetEvent(socket.event, this.#errno);
    }
  }

  inventory(): LoopbackInventory {
    let registrations = 0;
    let receives = 0;
    let requests = 0;
    let early = 0;
    for (const socket of this.sockets.values()) {
      registrations += socket.memory.size;
      receives += socket.posted.length + socket.received.length;
      requests += socket.out?.requests ?? 0;
      early = Math.max(early, socket.inbound.length);
    }
    return { sockets: this.sockets.size, registrations, receives, requests, early };
  }
}

/** Sets the code and gives `SOCKET_ERROR`. */
export function failed(lpErrno: Out<number>, code: number): number {
  lpErrno.value = code;
  return SOCKET_ERROR;
}
