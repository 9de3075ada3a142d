/**
 * Posted receive: a provider that does not own receive buffers (docs/SPI.md, "Owned receive") behind the interface of one
 * that does. What the session and the switch call is the same; what they cannot have from such a provider is said here:
 *
 * - Bytes do not outlive this process once it is killed: a write is done when it is in a registered buffer (XFER-16). At
 *   a normal exit, `SdpEndExit` waits a bounded time until everything is out.
 * - What a peer had consumed is known from its messages, not from memory that outlives it; so the end of a peer that
 *   said nothing is a reset, where shared memory could tell that it had read everything.
 */
import {
  type OwnedReceive,
  type SanExtensions,
  SOCKET_ERROR,
  type SOCKET,
  WSAENOTCONN,
  type WSPPROC_TABLE,
} from '../../spi/index.js';
import { PostedSocket } from './posted-socket.js';

/** Time and callbacks, as they were when the switch was made. */
export interface PostedClock {
  setImmediate<A extends unknown[]>(act: (...args: A) => void, ...args: A): unknown;
  setTimeout<A extends unknown[]>(act: (...args: A) => void, ms: number, ...args: A): { unref(): unknown };
  /** In ms. */
  now(): number;
}

/** What a socket needs of its provider. */
export interface PostedHost {
  /** The provider's own functions. */
  readonly provider: WSPPROC_TABLE;
  readonly extensions: SanExtensions;
  readonly clock: PostedClock;
  /** The process exits: nobody waits for a buffer any more. */
  readonly exiting: boolean;
  /** The provider's socket is closed; its number may come again. */
  closed(s: SOCKET): void;
}

/** How long an exiting process waits for what it has sent, in ms (D7). */
const EXIT_MS_MAX = 200;

export class PostedReceive implements PostedHost {
  readonly provider: WSPPROC_TABLE;
  readonly extensions: SanExtensions;
  readonly clock: PostedClock;
  /** The provider's table, with `WSPSend` and `WSPCloseSocket` as a provider with owned receive has them. */
  readonly procs: WSPPROC_TABLE;
  readonly receive: OwnedReceive;
  exiting = false;
  readonly #sockets = new Map<SOCKET, PostedSocket>();

  constructor(provider: WSPPROC_TABLE, extensions: SanExtensions, clock: PostedClock) {
    this.provider = provider;
    this.extensions = extensions;
    this.clock = clock;
    this.procs = this.#makeProcs();
    this.receive = this.#makeReceive();
  }

  closed(s: SOCKET): void {
    this.#sockets.delete(s);
  }

  #makeProcs(): WSPPROC_TABLE {
    const sockets = this.#sockets;
    return {
      ...this.provider,
      lpWSPSend(s, lpBuffers, dwBufferCount, lpSent, _flags, lpOverlapped, _routine, _thread, lpErrno) {
        const socket = sockets.get(s);
        if (socket !== undefined) return socket.send(lpBuffers, dwBufferCount, lpSent, lpOverlapped, lpErrno);
        lpErrno.value = WSAENOTCONN;
        return SOCKET_ERROR;
      },
      lpWSPCloseSocket: (s, lpErrno) => {
        const socket = sockets.get(s);
        if (socket === undefined) return this.provider.lpWSPCloseSocket(s, lpErrno);
        socket.close();
        return 0;
      },
    };
  }

  #makeReceive(): OwnedReceive {
    const sockets = this.#sockets;
    return {
      SdpSetReceiver: (s, receiver, lpErrno) => {
        const known = sockets.get(s);
        if (known !== undefined) {
          known.setReceiver(receiver);
          return 0;
        }
        if (receiver === null) return 0;
        const socket = new PostedSocket(s, this);
        const code = socket.open();
        if (code !== 0) {
          lpErrno.value = code;
          return SOCKET_ERROR;
        }
        sockets.set(s, socket);
        socket.setReceiver(receiver);
        return 0;
      },
      SdpSetConsumed() {
        // The peer hears of it in the headers of messages.
      },
      SdpPeerConsumed: (s) => sockets.get(s)?.peerConsumed ?? 0,
      SdpBeginExit: () => {
        this.exiting = true;
        for (const socket of sockets.values()) socket.beginExit();
      },
      SdpEndExit: () => this.#flush(),
      SdpPeerOf: () => null,
    };
  }

  /** No event loop turns any more, so this looks until everything is out, or the time is up. */
  #flush(): void {
    const { clock } = this;
    const until = clock.now() + EXIT_MS_MAX;
    let left = [...this.#sockets.values()];
    while (left.length > 0) {
      left = left.filter((socket) => !socket.poll());
      if (clock.now() >= until) return;
    }
  }
}
