/** The provider's record of one program socket. */
import {
  createNetworkEvents,
  IPPROTO_TCP,
  type SOCKADDR,
  SOL_SOCKET,
  type WSAEVENT,
  type WSANETWORKEVENTS,
} from '../../spi/index.js';
import * as spi from '../../spi/index.js';
import type { SharedHandle, TcpHandle } from './handle.js';

/** Options that are stored for the program and, where it is a provider's business, replayed by the switch (SOCK-15). */
const STORED: ReadonlyMap<number, readonly number[]> = new Map([
  [
    SOL_SOCKET,
    [
      spi.SO_DEBUG,
      spi.SO_REUSEADDR,
      spi.SO_KEEPALIVE,
      spi.SO_DONTROUTE,
      spi.SO_OOBINLINE,
      spi.SO_EXCLUSIVEADDRUSE,
      spi.SO_SNDBUF,
      spi.SO_RCVBUF,
      spi.SO_SNDTIMEO,
      spi.SO_RCVTIMEO,
      spi.SO_GROUP_ID,
      spi.SO_GROUP_PRIORITY,
    ],
  ],
  [IPPROTO_TCP, [spi.TCP_NODELAY, spi.TCP_KEEPIDLE, spi.TCP_KEEPCNT, spi.TCP_KEEPINTVL]],
]);

export class TcpSocket {
  /** The program's handle; null for a socket that only carries control codes, and for one that another process has. */
  readonly handle: TcpHandle | null;
  /** In place of `handle`: the listening socket is another process's. */
  readonly shared: SharedHandle | null;
  /** The libuv status of the last call that went to the handle, exactly as Node expects it. */
  status = 0;
  listening = false;
  /** Where this provider bound it, so that nobody has to ask the kernel; null: it did not. */
  bound: SOCKADDR | null = null;
  /** The request object of the connect to come, and the address as the program wrote it. */
  request: object | null = null;
  address = '';
  event: WSAEVENT | null = null;
  eventMask = 0;
  #events: WSANETWORKEVENTS | null = null;
  /** The next address change is to be signalled. */
  armed = false;
  #options: Map<number, number> | null = null;

  constructor(handle: TcpHandle | SharedHandle | null) {
    const own = handle?.fd !== undefined;
    this.handle = own ? handle : null;
    this.shared = own ? null : handle;
  }

  /** Hardly any socket ever has one. */
  get events(): WSANETWORKEVENTS {
    return (this.#events ??= createNetworkEvents());
  }

  /** A stored option: 0 if it was never set. */
  option(level: number, optname: number): number {
    return this.#options?.get(optionKey(level, optname)) ?? 0;
  }

  setOption(level: number, optname: number, value: number): void {
    this.#options ??= new Map();
    this.#options.set(optionKey(level, optname), value);
  }
}

/** Whether a level exists, and an option of it is stored. */
export function isLevel(level: number): boolean {
  return STORED.has(level);
}

export function isStored(level: number, optname: number): boolean {
  return STORED.get(level)?.includes(optname) ?? false;
}

/** Two levels, options of 16 bits or their complement: one number for both. */
function optionKey(level: number, optname: number): number {
  return (level === IPPROTO_TCP ? 0x100000 : 0) + (optname & 0xffff);
}
