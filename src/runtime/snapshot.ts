/** What `sockets-direct ss` is told about this isolate. */
import { threadId } from 'node:worker_threads';
import { packageInfo } from '../config/index.js';
import type { InstalledNet, LiveConnection } from '../net/index.js';
import {
  type ConnectionSnapshot,
  type ProviderSnapshot,
  SNAPSHOT_FORMAT,
  type Snapshot,
  type Stats,
} from '../observe/index.js';
import type { SOCKADDR } from '../spi/index.js';
import type { ProviderRow, RouteReason, Switch } from '../switch/index.js';
import { endpoint } from './observer.js';

export interface SnapshotInput {
  readonly on: boolean;
  readonly reason: RouteReason | null;
  readonly detail: string;
  readonly net: InstalledNet | null;
  readonly sw: Switch | null;
  /** What is wrong with the catalog file; null: nothing. */
  readonly catalogProblem: string | null;
  readonly stats: Stats;
}

const NOWHERE: SOCKADDR = { sa_family: 0, sin_port: 0, sin_addr: '' };

export function makeSnapshot({ on, reason, detail, net, sw, catalogProblem, stats }: SnapshotInput): Snapshot {
  const { listeners, providers } = sw?.snapshot() ?? { listeners: [], providers: [] };
  return {
    format: SNAPSHOT_FORMAT,
    pid: process.pid,
    thread: threadId,
    program: process.argv[1] ?? '',
    version: packageInfo().version,
    node: process.version,
    status: on ? 'ok' : 'off',
    reason,
    detail: detail === '' ? null : detail,
    providers: providerSnapshots(providers, catalogProblem),
    listeners: listeners.map(({ id, local, providers, reason: why }) => ({
      id,
      local: endpoint(local),
      carrier: why === null ? ('san' as const) : ('tcp' as const),
      provider: providers[0] ?? null,
      reason: why,
    })),
    connections: net === null ? [] : Array.from(net.routes.live(), row),
    omitted: 0,
    stats,
  };
}

/** The installed providers, and the catalog file in their place where it is not believed. */
export function providerSnapshots(
  rows: readonly ProviderRow[],
  catalogProblem: string | null,
): readonly ProviderSnapshot[] {
  const providers = rows.map(({ id, name, path, started, reason, detail }) => ({
    id,
    name,
    path,
    started,
    reason,
    detail: started ? null : detail,
  }));
  if (catalogProblem === null) return providers;
  const reason = 'bad-configuration' satisfies RouteReason;
  return [...providers, { id: null, name: 'catalog', path: '', started: false, reason, detail: catalogProblem }];
}

function row(connection: LiveConnection): ConnectionSnapshot {
  const { id, role, carrier, provider, reason, local, remote, peer, bytesRead, bytesWritten, pendingBytes, transfer } =
    connection;
  const san = carrier === 'san';
  return {
    id,
    side: role,
    carrier,
    provider,
    reason,
    state: connection.connection === null ? 'established' : connection.connection.session.phase,
    local: endpoint(local ?? NOWHERE),
    remote: endpoint(remote ?? NOWHERE),
    peerPid: peer?.pid ?? null,
    link: peer?.link ?? null,
    bytesRead: san ? bytesRead : null,
    bytesWritten: san ? bytesWritten : null,
    pendingBytes: san ? pendingBytes : null,
    transfer,
  };
}
