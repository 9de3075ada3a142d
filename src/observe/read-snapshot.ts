/**
 * A snapshot from another process, checked: it is whatever the process behind the name sent, and any process may bind any
 * name. What does not fit the documented shape is refused whole; unknown fields are dropped.
 */
import { SNAPSHOT_DETAIL_MAX, SNAPSHOT_ENTRIES_MAX, SNAPSHOT_FORMAT } from './snapshot.js';
import type {
  Carrier,
  ConnectionSnapshot,
  Endpoint,
  ListenerSnapshot,
  ProviderSnapshot,
  Snapshot,
} from './snapshot.js';
import type { LoopStats, MemoryStats, Stats } from './stats.js';

/** Thrown within this file only: `readSnapshot` turns it into null. */
class Misfit extends Error {}

type Fields = Readonly<Record<string, unknown>>;

function object(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Misfit('object');
  return value as Fields;
}

function list<T>(value: unknown, read: (item: unknown) => T): readonly T[] {
  if (!Array.isArray(value) || value.length > SNAPSHOT_ENTRIES_MAX) throw new Misfit('list');
  return value.map((item) => read(item));
}

function text(value: unknown): string {
  if (typeof value !== 'string' || value.length > 2 * SNAPSHOT_DETAIL_MAX) throw new Misfit('text');
  return value;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Misfit('count');
  return value;
}

function oneOf<const W extends string>(value: unknown, words: readonly W[]): W {
  const found = words.find((word) => word === value);
  if (found === undefined) throw new Misfit('word');
  return found;
}

function orNull<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null ? null : read(value);
}

function carrier(value: unknown): Carrier {
  return oneOf(value, ['san', 'tcp']);
}

function endpoint(value: unknown): Endpoint {
  const { address, port } = object(value);
  return { address: text(address), port: count(port) };
}

function connection(value: unknown): ConnectionSnapshot {
  const fields = object(value);
  return {
    id: count(fields['id']),
    side: oneOf(fields['side'], ['connect', 'accept']),
    carrier: carrier(fields['carrier']),
    provider: orNull(fields['provider'], text),
    reason: orNull(fields['reason'], text),
    state: text(fields['state']),
    local: endpoint(fields['local']),
    remote: endpoint(fields['remote']),
    peerPid: orNull(fields['peerPid'], count),
    link: orNull(fields['link'], count),
    bytesRead: orNull(fields['bytesRead'], count),
    bytesWritten: orNull(fields['bytesWritten'], count),
    pendingBytes: orNull(fields['pendingBytes'], count),
    transfer: orNull(fields['transfer'], text),
  };
}

function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new Misfit('flag');
  return value;
}

function provider(value: unknown): ProviderSnapshot {
  const fields = object(value);
  return {
    id: orNull(fields['id'], text),
    name: text(fields['name']),
    path: text(fields['path']),
    started: flag(fields['started']),
    reason: orNull(fields['reason'], text),
    detail: orNull(fields['detail'], text),
  };
}

function listener(value: unknown): ListenerSnapshot {
  const fields = object(value);
  return {
    id: count(fields['id']),
    local: endpoint(fields['local']),
    carrier: carrier(fields['carrier']),
    provider: orNull(fields['provider'], text),
    reason: orNull(fields['reason'], text),
  };
}

function loop(value: unknown): LoopStats {
  const fields = object(value);
  return {
    turns: count(fields['turns']),
    drains: count(fields['drains']),
    bells: count(fields['bells']),
    bellsSent: count(fields['bellsSent']),
    spins: count(fields['spins']),
    spinHits: count(fields['spinHits']),
    sleeps: count(fields['sleeps']),
    polledNanoseconds: count(fields['polledNanoseconds']),
  };
}

function memory(value: unknown): MemoryStats {
  const fields = object(value);
  return {
    allocated: count(fields['allocated']),
    allocatedMax: count(fields['allocatedMax']),
    pinned: count(fields['pinned']),
    locked: count(fields['locked']),
    secured: oneOf(fields['secured'], ['unused', 'on', 'refused']),
    securedReason: orNull(fields['securedReason'], text),
    securedRanges: count(fields['securedRanges']),
  };
}

function stats(value: unknown): Stats {
  const { connections, bytes, links, loop: loopFields, memory: memoryFields } = object(value);
  const { san, tcp } = object(connections);
  const byReason = Object.entries(object(object(tcp)['byReason'])).map(
    ([reason, n]) => [text(reason), count(n)] as const,
  );
  return {
    connections: {
      san: { opened: count(object(san)['opened']), open: count(object(san)['open']) },
      tcp: { opened: count(object(tcp)['opened']), byReason: Object.fromEntries(byReason) },
    },
    bytes: { read: count(object(bytes)['read']), written: count(object(bytes)['written']) },
    links: {
      opened: count(object(links)['opened']),
      open: count(object(links)['open']),
      lost: count(object(links)['lost']),
    },
    loop: orNull(loopFields, loop),
    memory: orNull(memoryFields, memory),
  };
}

/** The snapshot, or null when this is not one that this version understands. */
export function readSnapshot(value: unknown): Snapshot | null {
  try {
    const fields = object(value);
    if (fields['format'] !== SNAPSHOT_FORMAT) return null;
    return {
      format: SNAPSHOT_FORMAT,
      pid: count(fields['pid']),
      thread: count(fields['thread']),
      program: text(fields['program']),
      version: text(fields['version']),
      node: text(fields['node']),
      status: oneOf(fields['status'], ['ok', 'off']),
      reason: orNull(fields['reason'], text),
      detail: orNull(fields['detail'], text),
      providers: list(fields['providers'], provider),
      listeners: list(fields['listeners'], listener),
      connections: list(fields['connections'], connection),
      omitted: count(fields['omitted']),
      stats: stats(fields['stats']),
    };
  } catch (error) {
    if (error instanceof Misfit) return null;
    throw error;
  }
}
