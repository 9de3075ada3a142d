/** The connections on the SAN that programs see, for observers and for the end of the process. */
import type { SOCKADDR } from '../spi/index.js';
import type { SanConnection, SanPeer, Side } from './connection.js';

/** One row of a snapshot. */
export interface ConnectionRow {
  readonly id: number;
  readonly side: Side;
  readonly provider: string;
  /** Phase of the session. */
  readonly state: string;
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
  readonly peer: SanPeer | null;
  /** Payload bytes of the program. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes of the pending write that the provider has not taken yet. */
  readonly pendingBytes: number;
  /** When it was made, in ms on the switch's clock. */
  readonly since: number;
}

export class ConnectionTable {
  readonly #connections = new Map<number, SanConnection>();
  #nextId = 1;

  /** An id for something that observers can name. */
  nextId(): number {
    return this.#nextId++;
  }

  add(connection: SanConnection): void {
    connection.id = this.nextId();
    this.#connections.set(connection.id, connection);
  }

  remove(connection: SanConnection): void {
    this.#connections.delete(connection.id);
  }

  /** All of them; a copy, for its user may close them. */
  all(): SanConnection[] {
    return [...this.#connections.values()];
  }

  rows(): ConnectionRow[] {
    return this.all().map(({ id, side, provider, local, remote, peer, session, since }) => {
      const { phase: state, bytesRead, bytesWritten, pendingBytes } = session;
      return { id, side, provider, state, local, remote, peer, bytesRead, bytesWritten, pendingBytes, since };
    });
  }
}
