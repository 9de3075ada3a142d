/** Records that found no room in the ring, in order. They belong to the link: no connection overtakes another's. */
import type { WSABUF, WSAOVERLAPPED } from '../../spi/index.js';
import type { ShmSocket } from './socket-record.js';

export interface QueuedRecord {
  readonly kind: number;
  readonly connection: number;
  readonly buffers: readonly WSABUF[];
  readonly count: number;
  /** Bytes of the record's payload, and what its operation reports as transferred when the record is in the ring. */
  readonly bytes: number;
  readonly transferred: number;
  /** The switch's operation, which ends when the record is in the ring; null for the provider's own records. */
  readonly overlapped: WSAOVERLAPPED | null;
  readonly socket: ShmSocket | null;
}

/** Most records that wait on one link. Ours are bounded by its connections; more means that the peer makes us talk. */
export const QUEUED_RECORDS_MAX = 1 << 17;
