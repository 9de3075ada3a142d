/** How a session ends: close, reset, loss of the peer, exit of the process. */
import { WSAECONNRESET, WSAESHUTDOWN } from '../spi/index.js';
import { writeOver } from './session-base.js';
import { UrgentSession } from './session-urgent.js';
import { SESSION_HEADER_BYTES } from './wire.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

export abstract class EndingSession extends UrgentSession {
  /** The connection is lost, or the session over. True: it was suspended. */
  protected abstract endSuspension(): boolean;

  /**
   * The program closed its socket. Unread data become a reset, as on TCP; otherwise what was sent arrives, then the FIN
   * (CLOSE-12, default linger). A pending write is dropped: its bytes were never reported as written. While the peer may
   * be reading a buffer of it, {@link lending} is true (BLOCK-5).
   */
  close(): void {
    if (this.userClosed || this.phase === 'closed') return;
    this.userClosed = true;
    this.user = null;
    this.reading = false;
    this.send.drop();
    if (this.gone) this.finish();
    else if (this.error !== 0 || this.leavesUnread()) this.abort();
    else {
      this.cancelTransfers();
      this.send.finWanted = true;
      this.send.pump();
      this.finishIfDone();
    }
  }

  /** Whether bytes have come that the program has not seen, also such that are still with the provider. */
  private leavesUnread(): boolean {
    const { receive, s } = this.io;
    return this.receive.hasQueued || this.receive.hasGathered || receive.SdpArrived?.(s, SESSION_HEADER_BYTES) === true;
  }

  /**
   * Abortive close (linger 0): the peer gets ECONNRESET after what it can still read. A program whose connect has completed
   * and that resets at once has had a connection: the listener's program sees it, and its reset.
   */
  reset(): void {
    if (this.phase === 'closed') return;
    if (!this.gone) this.send.confirm();
    this.userClosed = true;
    this.user = null;
    this.abort();
  }

  /** Both directions are done and the program is gone: the provider's socket can go. */
  protected finishIfDone(): void {
    if (this.phase === 'closed' || this.lending) return;
    if (this.send.finSent && this.receive.finReceived) this.finish();
  }

  protected abort(): void {
    this.send.drop();
    this.finish();
  }

  protected finish(): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.gone = true;
    this.receive.discard();
    this.endSuspension();
    this.incoming?.end();
    this.send.outgoing?.drop();
    this.closeProvider();
    this.io.onClosed(this);
    this.onReturned();
  }

  /**
   * The process exits (D7), between SdpBeginExit and SdpEndExit: what the program has written and the peer's window did
   * not admit yet goes after all, up to EXIT_BYTES_MAX, then the FIN; unread data become a reset, as on TCP. What the
   * socket keeps behind the pending write counts as well: TCP takes small writes for as long as its buffers have room.
   */
  exit(): void {
    if (this.phase !== 'established' || this.gone) return;
    if (this.send.held) {
      this.exiting = true; // who takes over, or the peer, sees that the process is gone (DUP-35)
      return;
    }
    const { user } = this;
    const writing = this.send.pending !== null;
    this.send.beginExit();
    this.send.pump();
    if (writing && this.send.pending === null) {
      const unsent = user?.takeUnsent() ?? null;
      if (unsent === null) user?.onWritten(0);
      else this.send.begin(unsent, totalBytes(unsent));
    }
    this.exiting = true;
    this.send.drop();
    if (this.leavesUnread()) {
      this.abort();
      return;
    }
    this.send.finWanted = true;
    this.send.pump();
  }

  onDisconnect(error: number): void {
    if (this.phase === 'closed' || this.gone) return;
    this.gone = true;
    const suspended = this.endSuspension();
    if (this.phase !== 'established' || this.userClosed) {
      this.finish();
      return;
    }
    const consumed = this.io.receive.SdpPeerConsumed(this.io.s);
    const unsent = this.send.pending !== null;
    const allRead = ((consumed - this.counts.sentBytes) | 0) === 0 && !unsent;
    const orderly = this.receive.finReceived && this.send.finSent;
    // A peer that died with everything read is what TCP shows as its FIN; with anything unread, as a reset. A provider
    // that closed (error 0) before both FINs was told to abort.
    const lost = suspended || (!orderly && (!allRead || error === 0));
    const shutting = this.send.finWanted && !this.send.finSent && !this.finFailed;
    this.send.drop();
    this.send.outgoing?.drop();
    const torn = this.cutTransfers();
    // As the kernel has it: after the peer's FIN all that was to be read has come, and a reset is a broken pipe to writers.
    this.lossCode = !torn && !suspended && (this.receive.finReceived || !lost) ? WSAESHUTDOWN : WSAECONNRESET;
    this.receive.finReceived = true;
    if (lost) this.error = this.lossCode;
    this.resetComplete = !torn && !suspended && !unsent && this.io.lossy !== true;
    this.incoming?.end();
    if (unsent && this.reading && this.receive.hasQueued) this.lostWrite = true;
    else if (unsent) setImmediate(writeOver, this, this.lossCode);
    if (shutting) this.endShutdown(this.error);
    else if (!unsent && this.resetInRun()) return;
    if (this.reading && this.hasDue()) this.schedule();
  }
}

export function totalBytes(list: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const { length } of list) bytes += length;
  return bytes;
}
