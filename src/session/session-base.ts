/** What the parts of a session share: its halves, its state, and how it ends up in a later callback. */
import { WSAECONNRESET } from '../spi/index.js';
import { Counts } from './counts.js';
import type { Offer } from './negotiate.js';
import { ReceiveSide } from './receive-side.js';
import type { SendEvents } from './send-events.js';
import { SendSide } from './send-side.js';
import type { Incoming } from './transfer/incoming.js';
import type { Outgoing } from './transfer/outgoing.js';
import type { SessionIo, SessionUser } from './types.js';

/** Where a session is in its life. */
export type SessionPhase = 'connecting' | 'unconfirmed' | 'established' | 'closed';

/** Takes the codes of provider calls whose result says all that matters. */
export const failure = { value: 0 };

export abstract class SessionBase implements SendEvents {
  /** The program's socket; null before it is there and after it is closed. */
  user: SessionUser | null = null;
  phase: SessionPhase;
  /** Payload bytes delivered to, and taken from, the program. */
  bytesRead = 0;
  bytesWritten = 0;
  protected readonly counts = new Counts();
  protected readonly send: SendSide;
  protected readonly receive: ReceiveSide;
  /** Large transfers to us; null until the first. */
  protected incoming: Incoming | null = null;
  protected reading = false;
  /** The program has closed its socket; what is left is ours to finish. */
  protected userClosed = false;
  /** The provider has no connection any more. */
  protected gone = false;
  /** Why the connection was lost; 0 if it was not. */
  protected error = 0;
  /** The connection took a pending write with it; a reading program hears of that after what came, for it may then stop. */
  protected lostWrite = false;
  /** What a writer hears of that loss: a reset, or, after the peer's FIN, a broken pipe, of which a reader hears nothing. */
  protected lossCode = WSAECONNRESET;
  protected exiting = false;
  /** This end made the connection. */
  protected initiator: boolean;
  /** A report may have opened the window: due at the end of the run. */
  protected pumpDue = false;
  private providerClosed = false;

  /** `phase`: 'connecting' for the side that offered, 'unconfirmed' for the side that was offered to. */
  constructor(
    readonly io: SessionIo,
    readonly local: Offer,
    phase: 'connecting' | 'unconfirmed',
  ) {
    this.phase = phase;
    this.initiator = phase === 'connecting';
    this.send = new SendSide(io.s, io.proc, io.receive, this.counts, this);
    this.receive = new ReceiveSide(this.counts);
    this.receive.windowBytes = local.windowBytes;
    this.receive.receiveBuffers = local.receiveBuffers;
  }

  /** The provider's socket goes; a second time does nothing, for its number may be another's by then. */
  protected closeProvider(): void {
    if (this.providerClosed) return;
    this.providerClosed = true;
    this.io.proc.lpWSPCloseSocket(this.io.s, failure);
  }

  protected abstract pumpInRun(spent: boolean): boolean;
  abstract readonly transfersRest: boolean;
  abstract onSilence(): void;
  abstract onWriteEnd(error: number): void;
  abstract onFinSent(): void;
  abstract onSendFailed(error: number): void;
  abstract beginTransfers(): Outgoing;
}

/** For `setImmediate`: the pending write is over. */
export function writeOver(session: SessionBase, error: number): void {
  session.user?.onWritten(error);
}
