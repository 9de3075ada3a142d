/**
 * What one isolate (main thread or worker) tells about itself: plain data, made by the runtime when it is asked, sent as one
 * JSON document over the query socket, read back by `sockets-direct ss`. The shape is documented in docs/OPERATING.md and
 * only ever grows; `format` changes if a field must change its meaning.
 */
import type { Stats } from './stats.js';

export const SNAPSHOT_FORMAT = 1;

/** `off`: the switch does not route in this isolate, and `reason` says why. */
export type IsolateStatus = 'ok' | 'off';

export interface Endpoint {
  /** Textual IP address, without brackets; with zone (`fe80::1%eth0`) where it has one. */
  readonly address: string;
  readonly port: number;
}

/** `san`: on a SAN service provider. `tcp`: on the TCP/IP provider, for the reason given. */
export type Carrier = 'san' | 'tcp';

export interface ConnectionSnapshot {
  /** Unique within the isolate. */
  readonly id: number;
  readonly side: 'connect' | 'accept';
  readonly carrier: Carrier;
  /** Name of the provider; null on TCP. */
  readonly provider: string | null;
  /** Reason code, null on the SAN. */
  readonly reason: string | null;
  /** State of the session (or `established` on TCP). */
  readonly state: string;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Process and link at the other end; null where unknown. */
  readonly peerPid: number | null;
  readonly link: number | null;
  /** Payload bytes the program has read and written; null where nobody counts (TCP). */
  readonly bytesRead: number | null;
  readonly bytesWritten: number | null;
  /** Bytes written by the program that the peer's window has not taken yet. */
  readonly pendingBytes: number | null;
  /** How this end's large writes travel: `pull`, `push` or `copy`; null on TCP. */
  readonly transfer: string | null;
}

export interface ListenerSnapshot {
  readonly id: number;
  readonly local: Endpoint;
  /** `san`: serves SAN and TCP clients on this port. `tcp`: only TCP, for the reason given. */
  readonly carrier: Carrier;
  readonly provider: string | null;
  readonly reason: string | null;
}

/** A SAN service provider that is installed for this isolate, or the catalog file if that is what is wrong. */
export interface ProviderSnapshot {
  /** ProviderId; null: the catalog file itself. */
  readonly id: string | null;
  readonly name: string;
  /** Its module's path, or the name of one that comes with the package. */
  readonly path: string;
  readonly started: boolean;
  /** Reason code and words if it did not start. */
  readonly reason: string | null;
  readonly detail: string | null;
}

export interface Snapshot {
  readonly format: typeof SNAPSHOT_FORMAT;
  readonly pid: number;
  /** worker_threads' threadId; 0 is the main thread. */
  readonly thread: number;
  /** argv[1], or the empty string. */
  readonly program: string;
  /** Version of this package. */
  readonly version: string;
  /** Version of Node.js. */
  readonly node: string;
  readonly status: IsolateStatus;
  /** Reason code when off. */
  readonly reason: string | null;
  /** The reason in words, such as the list of bad settings. */
  readonly detail: string | null;
  /** In order of preference. */
  readonly providers: readonly ProviderSnapshot[];
  readonly listeners: readonly ListenerSnapshot[];
  readonly connections: readonly ConnectionSnapshot[];
  /** How many listeners and connections were left out because the answer would have been too large. */
  readonly omitted: number;
  readonly stats: Stats;
}

/** Entries in one answer: about 300 bytes each, so that an answer stays near 6 MB and takes tens of milliseconds to make. */
export const SNAPSHOT_ENTRIES_MAX = 20_000;

/** Characters of `detail`: a screenful. A reader refuses texts above twice that. */
export const SNAPSHOT_DETAIL_MAX = 4096;

/** The same snapshot with at most `limit` listeners and `limit` connections, the rest counted in `omitted`. */
export function limitSnapshot(snapshot: Snapshot, limit = SNAPSHOT_ENTRIES_MAX): Snapshot {
  const { providers, listeners, connections, detail } = snapshot;
  const extra = Math.max(0, listeners.length - limit) + Math.max(0, connections.length - limit);
  return {
    ...snapshot,
    detail: limitDetail(detail),
    providers: providers.map((provider) => ({ ...provider, detail: limitDetail(provider.detail) })),
    listeners: listeners.slice(0, limit),
    connections: connections.slice(0, limit),
    omitted: snapshot.omitted + extra,
  };
}

function limitDetail(detail: string | null): string | null {
  return detail === null ? null : detail.slice(0, SNAPSHOT_DETAIL_MAX);
}
