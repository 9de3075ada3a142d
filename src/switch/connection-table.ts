/** The connections that programs see, for observers and for the end of the process. One entry each, SAN and TCP alike. */
import type { SOCKADDR } from '../spi/index.js';
import type { SanConnection, Side } from './connection.js';
import type { RouteReason } from './reasons.js';

/** A connection that stays on TCP, as its owner describes it when asked. */
export interface TcpConnection {
  readonly side: Side;
  readonly reason: RouteReason;
  /** Names of the live socket; null if it has none (yet, or any more). */
  names(): { readonly local: SOCKADDR; readonly remote: SOCKADDR } | null;
}

/** One row of a snapshot. */
export interface ConnectionRow {
  readonly id: number;
  readonly side: Side;
  /** Null on TCP. */
  readonly provider: string | null;
  /** Null on the SAN. */
  readonly reason: RouteReason | null;
  readonly state: string;
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
  readonly peer: { readonly pid: number; readonly uid: number; readonly link: number } | null;
  /** Payload bytes of the program; null on TCP, where nobody counts. */
  readonly bytesRead: number | null;
  readonly bytesWritten: number | null;
  readonly pendingBytes: number | null;
  /** When it was established, in ms on the switch's clock; null on TCP. */
  readonly since: number | null;
}

export class ConnectionTable {
  readonly #san = new Map<number, SanConnection>();
  readonly #tcp = new Map<number, TcpConnection>();
  #nextId = 1;

  /** An id for something that observers can name. */
  nextId(): number {
    return this.#nextId++;
  }

  add(connection: SanConnection): void {
    connection.id = this.nextId();
    this.#san.set(connection.id, connection);
  }

  remove(connection: SanConnection): void {
    this.#san.delete(connection.id);
  }

  /** Registers a TCP connection; the id goes to {@link removeTcp} when its socket is gone. */
  addTcp(connection: TcpConnection): number {
    const id = this.nextId();
    this.#tcp.set(id, connection);
    return id;
  }

  removeTcp(id: number): void {
    this.#tcp.delete(id);
  }

  /** Those on the SAN; a copy, for its user may close them. */
  san(): SanConnection[] {
    return [...this.#san.values()];
  }

  rows(): ConnectionRow[] {
    const rows: ConnectionRow[] = [];
    for (const connection of this.#san.values()) {
      const { id, side, provider, local, remote, peer, session, since } = connection;
      const { phase: state, bytesRead, bytesWritten, pendingBytes } = session;
      rows.push({
        id,
        side,
        provider,
        reason: null,
        state,
        local,
        remote,
        peer,
        bytesRead,
        bytesWritten,
        pendingBytes,
        since,
      });
    }
    for (const [id, connection] of this.#tcp) {
      const names = connection.names();
      if (names === null) continue;
      rows.push({
        id,
        side: connection.side,
        provider: null,
        reason: connection.reason,
        state: 'established',
        local: names.local,
        remote: names.remote,
        peer: null,
        bytesRead: null,
        bytesWritten: null,
        pendingBytes: null,
        since: null,
      });
    }
    return rows;
  }
}
