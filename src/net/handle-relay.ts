/**
 * Sends a SAN socket to another process by a real TCP connection: one end travels in its place, this process copies
 * between the other end and the SAN for as long as the connection lives (D12). The receiver gets a socket that works,
 * with one visible difference: its address and port are those of the relay, on the loopback interface.
 */
import { Socket } from 'node:net';
import type { HybridHandle } from './handle.js';
import type { NodeInternals } from './internals.js';
import type { ConnectReq, NodeAddress, TcpHandle } from './node-shapes.js';
import type { HandOverEvents, SanConnection, SwitchPort } from './port.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

const LOOPBACK = '127.0.0.1';
/** A stranger may come to the port before our own end does; it is sent away. */
const BACKLOG = 8;

type Connect = TcpHandle['connect'];

/** What a relay is made with: `connect` is Node's own, which asks no switch. */
export interface RelayTools {
  readonly internals: NodeInternals;
  readonly connect: Connect;
  readonly port: SwitchPort;
}

/** 'move': the receiver gets the connection, itself if it can. 'share': this process keeps the travelling end as well. */
export type RelayUse = 'move' | 'share';

type Offer = NonNullable<ReturnType<NonNullable<SwitchPort['handOver']>>>;

/** A TCP connection whose far end is to travel. */
export class Relay implements HandOverEvents {
  /** The end that travels. */
  readonly travelling: TcpHandle;
  readonly #listener: TcpHandle;
  /** Its address. The kernel has chosen it when connect returns; later the handle may be closed already. */
  readonly #address: NodeAddress;
  #inner: Socket | null = null;
  #handle: HybridHandle | null = null;
  /** The near end, once it is there. */
  #outer: TcpHandle | null = null;
  #released = false;
  /** The relays of the channel that this one was sent on. */
  #company: Set<Relay> | null = null;
  /** The offer of the connection itself to the receiver's switch; null: there is none, or none any more. */
  #offer: Offer | null;
  #claimed = false;
  /** The TCP connection was reset before it could be used. */
  #broken = false;
  /** It is this process that copies. */
  #copying = false;
  /** The travelling end belongs to the program's socket here, which closes it. */
  readonly #shared: boolean;
  /** The peer has ended already, and the program here knows. */
  #ended = false;

  /** Opens the connection; null where the kernel refuses. The connect itself needs no waiting: the backlog takes it. */
  static open(tools: RelayTools, connection: SanConnection, use: RelayUse): Relay | null {
    const { TCP, tcpServerType, tcpSocketType, TCPConnectWrap } = tools.internals;
    const listener = new TCP(tcpServerType);
    const travelling = new TCP(tcpSocketType);
    const name: NodeAddress = {};
    const own: NodeAddress = {};
    const request = new TCPConnectWrap();
    request.oncomplete = nothing;
    const failed =
      listener.bind(LOOPBACK, 0) ||
      listener.listen(BACKLOG) ||
      listener.getsockname(name) ||
      tools.connect.call(travelling, request, LOOPBACK, name.port ?? 0) ||
      travelling.getsockname(own);
    const offer =
      use === 'move' ? (relay: Relay) => tools.port.handOver?.(connection, travelling, relay) ?? null : null;
    if (failed === 0) return new Relay(listener, travelling, own, offer);
    listener.close();
    travelling.close();
    return null;
  }

  private constructor(
    listener: TcpHandle,
    travelling: TcpHandle,
    address: NodeAddress,
    offer: ((relay: Relay) => Offer | null) | null,
  ) {
    this.#listener = listener;
    this.#address = address;
    this.travelling = travelling;
    listener.onconnection = (status: number, accepted?: TcpHandle): void => {
      if (status === 0 && accepted !== undefined) this.#identify(accepted);
    };
    this.#shared = offer === null;
    this.#offer = offer?.(this) ?? null;
    this.#copying = this.#offer === null;
  }

  /** Whether the receiver's switch may have the connection itself. */
  get isOffered(): boolean {
    return this.#offer !== null;
  }

  /** The SAN end, once it is the relay's. */
  get inner(): Socket | null {
    return this.#inner;
  }

  /** Whether this process keeps the travelling end. */
  get isShared(): boolean {
    return this.#shared;
  }

  /** It could not be sent after all. */
  abort(): void {
    this.#endOffer();
    this.#listener.close();
    if (this.#shared) this.travelling.close();
    else this.release();
  }

  /**
   * It is sent: the connection is the relay's from now on. `handle` has taken the session over. `ended`: what the peer sent
   * has been read to its end, which the session tells only once.
   */
  take(handle: HybridHandle, ended: boolean): void {
    this.#ended = ended;
    const inner = new Socket({ handle, allowHalfOpen: true, manualStart: true } as object);
    this.#inner = inner;
    this.#handle = handle;
    // Before the other end is there: the peer is gone, and so is the relay.
    inner.once('error', () => this.#listener.close());
  }

  /**
   * The receiver has it, or never will: this process's copy of the descriptor can go. A receiver with a switch has asked
   * for the connection before it said so (Node says so on the channel), and we hear of both in one turn of the loop.
   */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#company?.delete(this);
    if (!this.#shared) this.travelling.close();
    if (this.#offer !== null) setImmediate(decideSoon, this);
  }

  /** Nobody has asked for the connection by now: it is relayed. */
  decide(): void {
    if (this.#claimed || this.#offer === null) return;
    this.#endOffer();
    this.#copy();
  }

  /** `relays` is to hold this one until it is released. */
  join(relays: Set<Relay>): void {
    relays.add(this);
    this.#company = relays;
  }

  // ---------------------------------------------------------------- the receiver's switch

  onClaimed(): void {
    this.#claimed = true;
  }

  /** The connection is in the other process: what is left here is a shell. */
  onGone(): void {
    this.#offer = null;
    this.#listener.close();
    // Not an end of stream, whatever the other process makes of it.
    this.#outer?.reset();
    this.#handle?.onWritten(0);
    this.#handle?.onShutdown(0);
    this.#inner?.destroy();
  }

  onFailed(): void {
    this.#offer = null;
    this.#copy();
  }

  #endOffer(): void {
    this.#offer?.close();
    this.#offer = null;
  }

  // ---------------------------------------------------------------- copying

  #copy(): void {
    this.#copying = true;
    const outer = this.#outer;
    if (this.#broken) this.#breakOff();
    else if (outer !== null) this.#couple(outer);
  }

  #breakOff(): void {
    this.#listener.close();
    this.#inner?.resetAndDestroy();
  }

  #identify(accepted: TcpHandle): void {
    const peer: NodeAddress = {};
    if (accepted.getpeername(peer) !== 0) {
      // Reset already: what the receiver did with it, or its end.
      accepted.close();
      this.#broken = true;
      if (this.#copying) this.#breakOff(); // else the receiver may have claimed the connection instead
    } else if (peer.port === this.#address.port && peer.address === this.#address.address) {
      this.#outer = accepted;
      if (this.#copying) this.#couple(accepted);
    } else {
      accepted.close();
    }
  }

  #couple(accepted: TcpHandle): void {
    this.#listener.close();
    const inner = this.#inner;
    if (inner === null || inner.destroyed) {
      accepted.close();
      return;
    }
    const outer = new Socket({ handle: accepted, allowHalfOpen: true, manualStart: true } as object);
    outer.setNoDelay(true);
    couple(inner, outer);
    couple(outer, inner);
    if (this.#ended) outer.end();
  }
}

/** For `setImmediate`: once more, for the loop may see the channel first. */
function decideSoon(relay: Relay): void {
  setImmediate(decide, relay);
}

function decide(relay: Relay): void {
  relay.decide();
}

/** Ends end, errors reset, whoever closes first closes both. */
function couple(from: Socket, to: Socket): void {
  from.on('error', () => to.resetAndDestroy());
  from.on('close', () => to.destroySoon());
  from.pipe(to);
}

function nothing(this: ConnectReq): void {
  // The kernel has connected it; who receives it will see.
}
