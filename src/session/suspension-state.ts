/** What a session is made of while it is silent: all that another process needs to go on with it (DUP-8, DUP-30). */
import type { Counts } from './counts.js';
import type { Unread } from './receive-side.js';
import type { Offer } from './negotiate.js';
import type { Word } from './send-events.js';
import type { IncomingState } from './transfer/incoming.js';
import type { OutgoingState } from './transfer/outgoing.js';

/** Numbers of {@link Counts}, in the order of {@link COUNT_NAMES}. */
type CountValues = readonly number[];

const COUNT_NAMES = [
  'sentBytes',
  'peerConsumed',
  'sentMessages',
  'peerMessages',
  'receivedBytes',
  'consumedBytes',
  'reportedBytes',
  'receivedMessages',
  'reportedMessages',
] as const satisfies readonly (keyof Counts)[];

export type { IncomingState, OutgoingState, Unread, Word };

/** Urgent data of both directions (OOB-1 … OOB-5). Blocks that took their place in the stream are among what is unread. */
export interface UrgentState {
  /** Blocks sent that the peer's program has not taken. */
  readonly underWay: number;
  /** Whether blocks come among the data: as SO_OOBINLINE, that belongs to the connection, not to who reads. */
  readonly inline: boolean;
  /** Bytes that had come before the last block; null: none has. */
  readonly mark: number | null;
  /** Received, and the program has not asked for them; oldest first. */
  readonly waiting: readonly Uint8Array[];
}

export interface SessionState {
  /** Whether this end made the connection: its requests go before the peer's. */
  readonly initiator: boolean;
  /** What is to be said about transfers, and could not be said any more. */
  readonly words: readonly Word[];
  /** What both ends offered. */
  readonly local: Offer;
  readonly peer: Offer;
  readonly counts: CountValues;
  /** Our FIN is out; the peer's has come. */
  readonly finSent: boolean;
  readonly finReceived: boolean;
  /** Received, and the program has not read it; oldest first. Transfers are there up to where they were fetched. */
  readonly unread: readonly (Unread | IncomingState)[];
  readonly urgent: UrgentState;
  /** The last transfer that the peer has announced, and that we have. */
  readonly lastIncoming: number;
  readonly lastOutgoing: number;
  /** Announced to the peer, who does not have all of it. */
  readonly lent: readonly OutgoingState[];
  /** Written by the program, and not sent; oldest first. */
  readonly unsent: readonly Uint8Array[];
}

export function readCounts(counts: Counts): CountValues {
  return COUNT_NAMES.map((name) => counts[name]);
}

export function writeCounts(counts: Counts, values: CountValues): void {
  for (const [index, name] of COUNT_NAMES.entries()) counts[name] = values[index];
}
