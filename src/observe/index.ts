/** How the switch is seen from outside and from within: query socket, snapshots, counters, channels, debug log. */
export { channels } from './diagnostics.js';
export type { ErrorMessage, LinkMessage, ListenerMessage, RouteMessage } from './diagnostics.js';
export { formatEndpoint, startLog } from './log.js';
export { query } from './query-client.js';
export type { NoAnswer, QueryResult } from './query-client.js';
export { findQueryNames } from './query-name.js';
export type { QueryName } from './query-name.js';
export { startQueryServer } from './query-server.js';
export type { QueryServer, QueryServerInput } from './query-server.js';
export { SNAPSHOT_FORMAT } from './snapshot.js';
export type {
  Carrier,
  ConnectionSnapshot,
  Endpoint,
  IsolateStatus,
  ListenerSnapshot,
  ProviderSnapshot,
  Snapshot,
} from './snapshot.js';
export { Counters } from './stats.js';
export type { LiveBytes, LoopStats, MemoryStats, Stats } from './stats.js';
