/** Where records come from: a ring while the link lives, then perhaps the memory that an exiting peer left (D7). */
export interface RecordSource {
  /** The memory that the records lie in. */
  readonly bytes: Uint8Array;
  /** Of the record that `next()` found: kind, connection, where its payload is in `bytes`, and its length. */
  readonly kind: number;
  readonly connection: number;
  readonly payloadOffset: number;
  readonly payloadBytes: number;
  /** Looks at the next record: {@link RECORD_FOUND}, {@link RECORD_NONE} or {@link RECORD_BROKEN}. Does not take it. */
  next(): number;
  /** Takes the record that `next()` found. */
  take(): void;
  /** Gives the room of what was taken back to the producer. */
  release(): void;
}

export const RECORD_NONE = 0;
export const RECORD_FOUND = 1;
/** What the peer wrote makes no sense. */
export const RECORD_BROKEN = 2;
