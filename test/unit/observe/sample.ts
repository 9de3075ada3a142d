/** Snapshots for tests: what the runtime would fill in. */
import { threadId } from 'node:worker_threads';
import { Counters } from '../../../src/observe/index.js';
import type { ConnectionSnapshot, ListenerSnapshot, ProviderSnapshot, Snapshot } from '../../../src/observe/index.js';

export function sampleConnection(fields: Partial<ConnectionSnapshot> = {}): ConnectionSnapshot {
  return {
    id: 1,
    side: 'connect',
    carrier: 'san',
    provider: 'shm',
    reason: null,
    state: 'established',
    local: { address: '127.0.0.1', port: 40000 },
    remote: { address: '127.0.0.1', port: 8080 },
    peerPid: 77,
    link: 1,
    bytesRead: 1234567,
    bytesWritten: 89,
    pendingBytes: 0,
    transfer: 'pull',
    ...fields,
  };
}

export function sampleTcpConnection(reason: string, fields: Partial<ConnectionSnapshot> = {}): ConnectionSnapshot {
  const unknown = {
    provider: null,
    peerPid: null,
    link: null,
    bytesRead: null,
    bytesWritten: null,
    pendingBytes: null,
    transfer: null,
  };
  return sampleConnection({ id: 2, carrier: 'tcp', reason, ...unknown, ...fields });
}

export function sampleListener(fields: Partial<ListenerSnapshot> = {}): ListenerSnapshot {
  const local = { address: '::', port: 8080 };
  return { id: 3, local, carrier: 'san', provider: 'shm', reason: null, ...fields };
}

export function sampleProvider(fields: Partial<ProviderSnapshot> = {}): ProviderSnapshot {
  const id = '6B0E2C58-5A7D-4B0B-9C3E-6F1D2A84B7C1';
  return { id, name: 'shm', path: 'shm', started: true, reason: null, detail: null, ...fields };
}

export function sampleSnapshot(fields: Partial<Snapshot> = {}): Snapshot {
  return {
    format: 1,
    pid: process.pid,
    thread: threadId,
    program: process.argv[1] ?? '',
    version: '0.1.0',
    node: process.version,
    status: 'ok',
    reason: null,
    detail: null,
    providers: [sampleProvider()],
    listeners: [sampleListener()],
    connections: [sampleConnection(), sampleTcpConnection('no-companion')],
    omitted: 0,
    stats: new Counters().stats({ read: 0, written: 0 }, null),
    ...fields,
  };
}
