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
const QUEUED_RECORDS_MAX = 1 << 17;
/** What may wait beside the records of open connections: answers to connects that came to nothing, mostly. */
const QUEUED_RECORDS_SPARE = 8192;
/** A connection has few: its answer, a message, a credit, its CLOSE; more only with large RDMA writes. */
const QUEUED_RECORDS_PER_CONNECTION = 16;
/** How many records are added between two looks at how many connections there are. */
const LOOK_EVERY = 1024;

/** Whether so many waiting records are more than an honest peer can have caused, given the link's open connections. */
export function isTooMany(queued: number, link: { readonly connections: number }): boolean {
  if (queued > QUEUED_RECORDS_MAX) return true;
  if (queued % LOOK_EVERY !== 0 || queued <= QUEUED_RECORDS_SPARE) return false;
  return queued > QUEUED_RECORDS_SPARE + QUEUED_RECORDS_PER_CONNECTION * link.connections;
}
