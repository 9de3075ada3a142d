/** One connection on a SAN provider, as the switch keeps it: names, counts, and the session's lower edge. */
import { type Offer, Session, type SessionIo, type SessionState } from '../session/index.js';
import type { OwnedReceive, SanExtensions, SOCKADDR, SOCKET, WSPPROC_TABLE } from '../spi/index.js';
import type { SanProvider } from './san-provider.js';

/** Which end of a connection this is. */
export type Side = 'connect' | 'accept';

/** Who the other end is, where the provider knows. */
export interface SanPeer {
  readonly pid: number;
  readonly uid: number;
  readonly link: number;
}

/** What becomes of a connection; one owner before the program sees it, another afterwards. */
export interface ConnectionOwner {
  confirmed(connection: SanConnection): void;
  closed(connection: SanConnection): void;
  violation(connection: SanConnection, what: string): void;
}

export class SanConnection implements SessionIo {
  readonly session: Session;
  readonly s: SOCKET;
  readonly side: Side;
  /** Names as the program's socket shows them; cached, for providers are never asked (SW-26). */
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
  peer: SanPeer | null;
  /** Both ends are in this event loop: see `PendingConnect.reportLater` in src/net. */
  readonly toSelf: boolean;
  /** Unique within the isolate; 0 until the program sees the connection. */
  id = 0;
  /** When it was made, in ms on the switch's clock. */
  readonly since: number;
  owner: ConnectionOwner;
  readonly san: SanProvider;

  constructor(
    san: SanProvider,
    s: SOCKET,
    side: Side,
    local: SOCKADDR,
    remote: SOCKADDR,
    since: number,
    owner: ConnectionOwner,
    adopted: SessionState | null = null,
  ) {
    this.san = san;
    this.s = s;
    this.side = side;
    this.local = local;
    this.remote = remote;
    this.since = since;
    this.owner = owner;
    this.peer = this.#askPeer();
    this.toSelf = san.receive.SdpPeerOf(s)?.self === true;
    // One that comes from another process is confirmed long since, whichever side it is of.
    const first = adopted !== null || side === 'connect' ? 'connecting' : 'unconfirmed';
    this.session = new Session(this, adopted?.local ?? san.offer, first);
    san.retain();
  }

  #askPeer(): SanPeer | null {
    const peer = this.san.receive.SdpPeerOf(this.s);
    return peer === null ? null : { pid: peer.pid, uid: peer.uid, link: peer.link };
  }

  /** Name of the provider. */
  get provider(): string {
    return this.san.name;
  }

  get lossy(): boolean {
    return this.san.posted;
  }

  get proc(): WSPPROC_TABLE {
    return this.san.procs;
  }

  get receive(): OwnedReceive {
    return this.san.receive;
  }

  get extensions(): SanExtensions {
    return this.san.extensions;
  }

  /** Starts the session; 0 or a WSA code, and then it is closed already. */
  establish(peer: Offer): number {
    const code = this.session.establish(peer);
    if (code !== 0) this.session.reset();
    return code;
  }

  onConfirmed(): void {
    this.owner.confirmed(this);
  }

  /** The peer may be another process now (DUP-28). */
  onResumed(): void {
    this.peer = this.#askPeer();
  }

  onClosed(): void {
    this.owner.closed(this);
    this.san.release();
  }

  onViolation(_session: Session, what: string): void {
    this.owner.violation(this, what);
  }
}
