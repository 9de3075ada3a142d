/** What the provider's functions share: the descriptor table, the up-call table, the links. One per isolate. */
import type { Addon } from '../../proxy-driver/index.js';
import {
  AF_INET,
  type Out,
  recordNetworkEvent,
  SOCKET_ERROR,
  type SOCKADDR,
  type SOCKET,
  WSAEMFILE,
  WSAENOTSOCK,
  WSANOTINITIALISED,
  type WSPUPCALLTABLEEX,
} from '../../spi/index.js';
import type { Announcements } from './announcements.js';
import type { LinkTable } from './link-setup.js';
import { MemoryTable } from './memory.js';
import type { ShmOptions } from './options.js';
import { ShmSocket } from './socket-record.js';
import { Transfers } from './transfers.js';

/** Most sockets of one isolate, listening ones included. */
const SOCKETS_MAX = 1 << 20;

export class ShmState {
  readonly addon: Addon;
  /** Starts not yet paired with a cleanup (SP-11). */
  starts = 0;
  /** Started by a program itself, not by the switch (SP-3). */
  direct = false;
  upcalls!: WSPUPCALLTABLEEX;
  links!: LinkTable;
  announcements!: Announcements;
  readonly memory = new MemoryTable();
  readonly transfers = new Transfers(this);
  readonly sockets: (ShmSocket | undefined)[] = [];
  /** Listening sockets by the cookie of their TCP/IP companion. */
  readonly listeners = new Map<bigint, ShmSocket>();
  /** Sockets whose peer moves to another process, by the token that it will attach with. */
  readonly expected = new Map<number, ShmSocket>();
  readonly #free: number[] = [];
  readonly #errno: Out<number> = { value: 0 };
  /** The addresses of this host; null: to be asked for. */
  #addresses: ReadonlySet<string> | null = null;
  #watching = false;

  constructor(readonly options: ShmOptions) {
    this.addon = options.driver.addon;
  }

  /** The record behind a descriptor, or null with `WSANOTINITIALISED` or `WSAENOTSOCK` (CLOSE-9, OBS-22). */
  find(s: SOCKET, lpErrno: Out<number>): ShmSocket | null {
    const socket = this.sockets[s];
    if (socket !== undefined) return socket;
    lpErrno.value = this.starts === 0 ? WSANOTINITIALISED : WSAENOTSOCK;
    return null;
  }

  /** A fresh record with the switch's handle in it (SOCK-6), or null: `lpErrno` says why. */
  create(lpErrno: Out<number>): ShmSocket | null {
    if (this.#free.length === 0 && this.sockets.length >= SOCKETS_MAX) {
      lpErrno.value = WSAEMFILE; // SOCK-10
      return null;
    }
    const socket = new ShmSocket(this.#free.pop() ?? this.sockets.length);
    this.sockets[socket.descriptor] = socket;
    socket.handle = this.upcalls.lpWPUCreateSocketHandle(0, socket, lpErrno);
    if (socket.handle < 0) {
      this.remove(socket);
      return null;
    }
    return socket;
  }

  /** Forgets a record; its descriptor may be used again (DUP-33: only after WSPCloseSocket). */
  remove(socket: ShmSocket): void {
    this.sockets[socket.descriptor] = undefined;
    this.#free.push(socket.descriptor);
  }

  /** Whether TCP could show this address at either end of a connection within this host. */
  isOwnAddress(name: SOCKADDR): boolean {
    if (name.sa_family === AF_INET && name.sin_addr.startsWith('127.')) return true;
    const { driver } = this.options;
    // As long as the isolate lives, like the driver's list itself.
    if (!this.#watching) driver.watchAddressList(() => (this.#addresses = null));
    this.#watching = true;
    this.#addresses ??= new Set(driver.getAddressList().map(({ sin_addr }) => sin_addr));
    return this.#addresses.has(name.sin_addr);
  }

  /** Records a network event and signals the socket's event object (CONN-6, LIST-5). */
  signal(socket: ShmSocket, bit: number, error: number): void {
    recordNetworkEvent(socket.events, bit, error);
    if (socket.event !== null && (socket.eventMask & (1 << bit)) !== 0) {
      this.upcalls.lpWPUSetEvent(socket.event, this.#errno);
    }
  }
}

/** Sets the code and gives `SOCKET_ERROR`. */
export function failed(lpErrno: Out<number>, code: number): number {
  lpErrno.value = code;
  return SOCKET_ERROR;
}
