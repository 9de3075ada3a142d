// A pair of sessions in memory, to the letter of the session contract: one event per callback of the loop, a window,
// FIN behind pending writes, reset on close with unread data. What src/net is tested on; the real session has its own tests.
import type { SessionUser } from '../../../../src/session/index.js';
import { WRITE_DONE, WRITE_PENDING } from '../../../../src/session/index.js';
import type { SanSession } from '../../../../src/net/index.js';
import { WSAECONNRESET, WSAESHUTDOWN } from '../../../../src/spi/index.js';

const CHUNK_MAX = 65536;

export class MemorySession implements SanSession {
  user: SessionUser | null = null;
  readonly phase = 'established';
  readonly transfer = 'copy';
  lending = false;
  onBuffersReturned: (() => void) | null = null;
  peer: MemorySession | null = null;
  /** Bytes that may be under way and unread. */
  window = 65536;
  #inbox: Buffer[] = [];
  #unread = 0;
  #reading = false;
  #finReceived = false;
  #endDelivered = false;
  #error = 0;
  #errorDelivered = false;
  #finWanted = false;
  #finSent = false;
  #userClosed = false;
  #closed = false;
  #scheduled = false;
  #pending: Buffer | null = null;
  /** Calls that the contract forbids; the tests assert that there were none. */
  readonly misuse: string[] = [];

  get pendingBytes(): number {
    return this.#pending?.length ?? 0;
  }

  write(bytes: Uint8Array): number {
    return this.writev([bytes], bytes.length);
  }

  writev(list: readonly Uint8Array[], total: number): number {
    if (this.#pending !== null) this.misuse.push('a write behind a pending one');
    const bytes = Buffer.concat(list);
    if (bytes.length !== total) this.misuse.push(`a total of ${total} for ${bytes.length} bytes`);
    if (this.#error !== 0) return -this.#error;
    if (this.#finWanted || this.#userClosed) return -WSAESHUTDOWN;
    if (this.peer === null || this.peer.#userClosed) {
      this.#error = WSAECONNRESET;
      this.#schedule();
      return WRITE_DONE;
    }
    this.#pending = bytes;
    this.#pump();
    return this.#pending === null ? WRITE_DONE : WRITE_PENDING;
  }

  #pump(): void {
    const { peer } = this;
    if (this.#pending === null || peer === null) return;
    const room = Math.min(this.#pending.length, Math.max(0, this.window - peer.#unread));
    if (room > 0) {
      peer.#take(this.#pending.subarray(0, room));
      this.#pending = this.#pending.subarray(room);
    }
    if (this.#pending.length > 0) return;
    this.#pending = null;
    this.#sendFin();
  }

  #take(bytes: Buffer): void {
    this.#inbox.push(Buffer.from(bytes));
    this.#unread += bytes.length;
    this.#schedule();
  }

  shutdown(): void {
    // By whoever had the connection before; so it is in a session.
    if (this.#finSent) setImmediate(() => this.user?.onShutdown(0));
    this.#finWanted = true;
    this.#sendFin();
  }

  #sendFin(): void {
    if (!this.#finWanted || this.#finSent || this.#pending !== null) return;
    this.#finSent = true;
    if (!this.#userClosed) setImmediate(() => this.user?.onShutdown(0));
    if (this.peer !== null) {
      this.peer.#finReceived = true;
      this.peer.#schedule();
    }
  }

  startReading(): void {
    this.#reading = true;
    this.#schedule();
  }

  stopReading(): void {
    this.#reading = false;
  }

  #hasDue(): boolean {
    if (this.#inbox.length > 0) return true;
    if (this.#error !== 0) return !this.#errorDelivered;
    return this.#finReceived && !this.#endDelivered;
  }

  /** In the order in which things happen: what is not due yet does not stand in the queue for what will be. */
  #schedule(): void {
    if (this.#scheduled || !this.#reading || !this.#hasDue()) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliverOne();
    });
  }

  #deliverOne(): void {
    const { user } = this;
    if (user === null || !this.#reading) return;
    if (this.#inbox.length > 0) {
      const all = Buffer.concat(this.#inbox);
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_MAX, all.length));
      all.copy(chunk);
      this.#inbox = all.length > chunk.length ? [all.subarray(chunk.length)] : [];
      this.#unread -= chunk.length;
      const { peer } = this;
      if (peer !== null) peer.#opened();
      user.onData(chunk.buffer, chunk.byteOffset, chunk.length);
      this.#schedule();
    } else if (this.#error !== 0) {
      if (this.#errorDelivered) return;
      this.#errorDelivered = true;
      user.onReset(this.#error);
    } else if (this.#finReceived && !this.#endDelivered) {
      this.#endDelivered = true;
      user.onEnd(false);
    }
  }

  /** The peer has read: more may go. */
  #opened(): void {
    if (this.#pending === null) return;
    this.#pump();
    if (this.#pending === null) setImmediate(() => this.user?.onWritten(0));
  }

  close(): void {
    if (this.#userClosed) return;
    if (this.#unread > 0) {
      this.reset();
      return;
    }
    this.#userClosed = true;
    this.#pending = null;
    this.user = null;
    this.#finWanted = true;
    this.#sendFin();
  }

  reset(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#userClosed = true;
    this.#pending = null;
    this.user = null;
    const { peer } = this;
    if (peer === null || peer.#userClosed) return;
    peer.#error = WSAECONNRESET;
    if (peer.#pending !== null) {
      peer.#pending = null;
      setImmediate(() => peer.user?.onWritten(WSAECONNRESET));
    }
    if (peer.#finWanted && !peer.#finSent) setImmediate(() => peer.user?.onShutdown(WSAECONNRESET));
    peer.#schedule();
  }

  /** The peer's process died: as from the provider, without a word of the peer's. */
  lose(error: number): void {
    this.#error = error;
    this.#schedule();
  }
}

export function memoryPair(window = 65536): [MemorySession, MemorySession] {
  const a = new MemorySession();
  const b = new MemorySession();
  a.peer = b;
  b.peer = a;
  a.window = window;
  b.window = window;
  return [a, b];
}
