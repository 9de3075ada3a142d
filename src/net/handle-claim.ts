/**
 * Sockets that come from another process (DUP-24, DUP-28): a TCP handle that arrives on an IPC channel may stand for a
 * connection on the SAN, which its sender's switch gives away to whoever asks (D12). Node gets a hybrid handle at once, in
 * which the program's calls wait until the switch has the connection. If the sender keeps it after all, the TCP
 * connection is used, through which the sender copies: the program notices nothing.
 */
import { boundAddress, fillNodeAddress, peerAddress } from './address.js';
import { newHandleResource } from './async-context.js';
import { HybridHandle } from './handle.js';
import { handleEnvironment } from './handle-base.js';
import { tcpSession } from './handle-claim-tcp.js';
import { findNames, type Names } from './handle-names.js';
import { receiveTransfers } from './handle-transfer.js';
import type { NodeInternals } from './internals.js';
import type { NodeAddress, TcpHandle } from './node-shapes.js';
import type { PatchSet } from './patch.js';
import type { ClaimEvents, SanConnection, SanSession, SwitchPort } from './port.js';
import type { SessionUser } from '../session/index.js';
import { WRITE_DONE, WRITE_PENDING } from '../session/index.js';
import { AF_INET, makeSockaddr, type SOCKADDR, WSAECONNRESET } from '../spi/index.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

const PROPERTY = 'pendingHandle';
/** Where a channel keeps what it has received. */
const kReceived = Symbol('received');

type OnRead = (this: unknown, memory?: ArrayBuffer) => unknown;
type Channel = { [kReceived]?: unknown; pendingHandle?: unknown; onread?: OnRead };

/**
 * Node's channels find a handle that has come in `pendingHandle`, which native code sets. The channel of this process was
 * made before us and has a property of its own by that name.
 */
export function claimArrivals(patches: PatchSet, internals: NodeInternals, port: SwitchPort): void {
  if (port.claim === undefined) return;
  patches.accessor(internals.Pipe.prototype, PROPERTY, {
    get(this: Channel): unknown {
      return this[kReceived] ?? null;
    },
    set(this: Channel, value: unknown): void {
      this[kReceived] = value instanceof internals.TCP ? claim(value, port, this, internals) : value;
    },
  });
  const symbol = Object.getOwnPropertySymbols(process).find((key) => key.description === 'kChannelHandle');
  const channel =
    symbol === undefined ? undefined : (process as unknown as Record<symbol, Channel | undefined>)[symbol];
  if (channel instanceof internals.Pipe) delete (channel as Channel).pendingHandle;
}

/** The same for sockets that come from another thread. */
export function claimTransfers(patches: PatchSet, internals: NodeInternals, port: SwitchPort): void {
  if (port.claim === undefined) return;
  receiveTransfers(patches, internals, (tcp, names) => {
    const claimed = new ClaimedConnection(tcp);
    if (port.claim?.(tcp, claimed) === true) {
      if (names !== null) Object.assign(claimed, names);
      return claimed.makeHandle();
    }
    // It may be an end of a relay all the same.
    if (names !== null) showNames(tcp, names);
    return tcp;
  });
}

/** What Node is to get for a handle that has come. */
function claim(tcp: TcpHandle, port: SwitchPort, channel: Channel, internals: NodeInternals): TcpHandle | HybridHandle {
  const claimed = new ClaimedConnection(tcp);
  if (port.claim?.(tcp, claimed) !== true) {
    // It may be an end of a relay all the same (handle-shared.ts).
    nameBy((names) => showNames(tcp, names), channel, internals);
    return tcp;
  }
  nameBy((names) => Object.assign(claimed, names), channel, internals);
  return claimed.makeHandle();
}

/** What the program is told of a handle that stands for another connection. */
function showNames(tcp: TcpHandle, { local, remote }: Names): void {
  tcp.getsockname = (out) => fill(local, out);
  tcp.getpeername = (out) => fill(remote, out);
}

function fill(name: SOCKADDR, out: NodeAddress): number {
  fillNodeAddress(name, out);
  return 0;
}

/** The message comes right after its handle, by the channel's `onread`; before Node sees it, the names are taken out. */
function nameBy(take: (names: Names) => void, channel: Channel, internals: NodeInternals): void {
  const { onread } = channel;
  if (typeof onread !== 'function') return;
  channel.onread = function readWithNames(this: unknown, memory?: ArrayBuffer): unknown {
    channel.onread = onread;
    const bytes = internals.streamState[internals.kReadBytesOrError];
    const names = memory !== undefined && bytes > 0 ? findNames(new Uint8Array(memory, 0, bytes)) : null;
    if (names !== null) take(names);
    return onread.call(this, memory);
  };
}

/** The connection as long as the switch does not have it, and the calls that wait for it. */
class ClaimedConnection implements SanConnection, SanSession, ClaimEvents {
  readonly provider = '';
  local: SOCKADDR;
  remote: SOCKADDR;
  readonly peer = null;
  readonly toSelf = false;
  readonly id = 0;
  readonly session = this;
  readonly phase = 'claiming';
  readonly transfer = 'copy';
  readonly lending = false;
  onBuffersReturned: (() => void) | null = null;
  user: SessionUser | null = null;
  readonly #tcp: TcpHandle;
  #writing: readonly Uint8Array[] | null = null;
  #reading = false;
  #shut = false;
  #end: 'close' | 'reset' | null = null;
  /** The claim is over, whatever came of it. */
  #answered = false;
  /** The connection is lost; 0: it is not. */
  #lost = 0;

  constructor(tcp: TcpHandle) {
    this.#tcp = tcp;
    this.local = boundAddress(tcp) ?? NOBODY;
    this.remote = peerAddress(tcp) ?? NOBODY;
  }

  makeHandle(): HybridHandle {
    return new HybridHandle(this, null, newHandleResource(), false);
  }

  /** Who has the connection now: a relay's handle may, if the program has sent it on already. */
  get #handle(): HybridHandle | null {
    return this.user instanceof HybridHandle ? this.user : null;
  }

  // ---------------------------------------------------------------- what the handle asks for meanwhile

  get pendingBytes(): number {
    return total(this.#writing ?? []);
  }

  write(bytes: Uint8Array): number {
    return this.writev([bytes]);
  }

  writev(list: readonly Uint8Array[]): number {
    if (this.#lost !== 0) return -this.#lost;
    this.#writing = list;
    return WRITE_PENDING;
  }

  shutdown(): void {
    this.#shut = true;
    if (this.#lost !== 0) setImmediate(tellShutdown, this);
  }

  startReading(): void {
    this.#reading = true;
    if (this.#lost !== 0) setImmediate(tellLost, this);
  }

  stopReading(): void {
    this.#reading = false;
  }

  close(): void {
    this.#finish('close');
  }

  reset(): void {
    this.#finish('reset');
  }

  /**
   * The program is through with it, the claim is not: this process stays until it can end the connection as it was asked to,
   * where with a kernel's socket it need not, for that outlives it.
   */
  #finish(how: 'close' | 'reset'): void {
    this.user = null;
    if (this.#end === null && !this.#answered) this.#hold(1);
    if (this.#end !== 'reset') this.#end = how;
  }

  #hold(delta: 1 | -1): void {
    handleEnvironment().hold(delta);
  }

  /** One of the three below has come. */
  #answer(): void {
    this.#answered = true;
    if (this.#end !== null) this.#hold(-1);
  }

  // ---------------------------------------------------------------- how it ends

  onClaimed(connection: SanConnection, writing: boolean): void {
    this.#answer();
    this.#tcp.close();
    const handle = this.#handle;
    const { session } = connection;
    if (handle === null || this.#end !== null) {
      if (this.#end === 'reset') session.reset();
      // What the former owner's program has written is not this one's to drop.
      else if (writing) session.user = new LastUser(session);
      else session.close();
      return;
    }
    handle.adopt(connection, true);
    if (writing) handle.adoptWrite();
    this.#proceed(session, handle, writing);
  }

  onRelayed(): void {
    this.#answer();
    const handle = this.#handle;
    if (handle === null || this.#end !== null) {
      if (this.#end === 'reset') this.#tcp.reset();
      else this.#tcp.close();
      return;
    }
    const session = tcpSession(this.#tcp);
    handle.adopt({ ...this.#ends(), session, provider: '', peer: null, toSelf: false, id: 0 }, false);
    this.#proceed(session, handle, false);
  }

  onLost(): void {
    this.#answer();
    this.#tcp.close();
    this.#lost = WSAECONNRESET;
    if (this.#writing !== null) {
      this.#writing = null;
      this.user?.onWritten(WSAECONNRESET);
    }
    if (this.#shut) this.tellShutdown();
    if (this.#reading) this.tellLost();
  }

  tellLost(): void {
    if (this.#reading) this.user?.onReset(this.#lost);
  }

  tellShutdown(): void {
    this.user?.onShutdown(this.#lost);
  }

  #ends(): Pick<SanConnection, 'local' | 'remote'> {
    return { local: this.local, remote: this.remote };
  }

  /** What waited, on the session that is there now; `behind` another write. */
  #proceed(session: SanSession, handle: HybridHandle, behind: boolean): void {
    const list = this.#writing;
    if (list !== null && !behind) {
      const result = session.writev(list, total(list));
      if (result !== WRITE_PENDING) handle.onWritten(result === WRITE_DONE ? 0 : -result);
    }
    // Behind another write it is the handle that shuts down, when its own writes are through.
    if (this.#shut && !behind) session.shutdown();
    if (this.#reading) session.startReading();
  }
}

/** Waits for the end of a write, and closes. */
class LastUser implements SessionUser {
  readonly #session: SanSession;

  constructor(session: SanSession) {
    this.#session = session;
  }

  onWritten(): void {
    this.#session.close();
  }

  onData(): void {
    // Never: nobody reads.
  }

  onEnd(): void {
    // As above.
  }

  onReset(): void {
    // As above; the write ends as well.
  }

  onShutdown(): void {
    // Nobody shuts it down.
  }

  takeUnsent(): null {
    return null;
  }
}

const NOBODY = makeSockaddr(AF_INET, '0.0.0.0', 0);

function total(list: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const { length } of list) bytes += length;
  return bytes;
}

function tellLost(connection: ClaimedConnection): void {
  connection.tellLost();
}

function tellShutdown(connection: ClaimedConnection): void {
  connection.tellShutdown();
}
