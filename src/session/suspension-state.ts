/** What a session is made of while it is silent: all that another process needs to go on with it (DUP-8, DUP-30). */
import type { Counts } from './counts.js';
import type { Offer } from './negotiate.js';

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

export interface SessionState {
  /** Whether this end made the connection: its requests go before the peer's. */
  readonly initiator: boolean;
  /** What both ends offered. */
  readonly local: Offer;
  readonly peer: Offer;
  readonly counts: CountValues;
  /** Our FIN is out; the peer's has come. */
  readonly finSent: boolean;
  readonly finReceived: boolean;
  /** Received, and the program has not read them; oldest first. */
  readonly unread: readonly Uint8Array[];
  /** Written by the program, and not sent; oldest first. */
  readonly unsent: readonly Uint8Array[];
}

export function readCounts(counts: Counts): CountValues {
  return COUNT_NAMES.map((name) => counts[name]);
}

export function writeCounts(counts: Counts, values: CountValues): void {
  for (const [index, name] of COUNT_NAMES.entries()) counts[name] = values[index];
}
