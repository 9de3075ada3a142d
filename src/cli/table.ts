/** The human form of `sockets-direct ss`: one line per connection, listener, or isolate that has something to say. */
import { basename } from 'node:path';
import { formatEndpoint } from '../observe/index.js';
import type { ConnectionSnapshot, ListenerSnapshot, ProviderSnapshot } from '../observe/index.js';
import type { Isolate } from './isolates.js';

export interface Shown {
  readonly connections: boolean;
  readonly listeners: boolean;
  /** Also isolates that have neither. */
  readonly idle: boolean;
}

const HEADINGS = ['State', 'Route', 'Local', 'Remote', 'Pid', 'Program', 'In', 'Out', 'Peer', 'Reason'] as const;
const RIGHT_ALIGNED: readonly string[] = ['In', 'Out'];
type Row = Readonly<Record<(typeof HEADINGS)[number], string>>;

/** Text from another process must not reach the terminal with control or direction characters in it. */
export function sanitize(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '?').slice(0, 200);
}

/** `-`, `512`, `12.3K`, `4.0M`, `1.5G`: powers of 1024. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return '-';
  if (bytes < 10_000) return String(bytes);
  const units = ['K', 'M', 'G', 'T', 'P'];
  const exponent = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${(bytes / 1024 ** exponent).toFixed(1)}${units[exponent - 1]}`;
}

function makeRow(isolate: Isolate, cells: Partial<Row> & { readonly State: string }): Row {
  const pid = `${isolate.pid}${isolate.thread === 0 ? '' : `/${isolate.thread}`}${isolate.verified ? '' : '?'}`;
  const program = basename(isolate.program) || '-';
  return {
    Route: '-',
    Local: '-',
    Remote: '-',
    In: '-',
    Out: '-',
    Peer: '-',
    Reason: '',
    ...cells,
    Pid: pid,
    Program: program,
  };
}

function connectionRow(isolate: Isolate, connection: ConnectionSnapshot): Row {
  return makeRow(isolate, {
    State: connection.state.toUpperCase(),
    Route: connection.provider ?? connection.carrier,
    Local: formatEndpoint(connection.local),
    Remote: formatEndpoint(connection.remote),
    In: formatBytes(connection.bytesRead),
    Out: formatBytes(connection.bytesWritten),
    Peer: connection.peerPid === null ? '-' : String(connection.peerPid),
    Reason: connection.reason ?? '',
  });
}

function listenerRow(isolate: Isolate, listener: ListenerSnapshot): Row {
  return makeRow(isolate, {
    State: 'LISTEN',
    Route: listener.provider ?? listener.carrier,
    Local: formatEndpoint(listener.local),
    Reason: listener.reason ?? '',
  });
}

/** A provider that did not start: connections that it would have taken go another way. */
function providerRow(isolate: Isolate, { name, reason, detail }: ProviderSnapshot): Row {
  const why = [reason, detail].filter((part) => part !== null && part !== '').join(': ');
  return makeRow(isolate, { State: 'ERR', Route: name, Reason: why });
}

function rowsOf(isolate: Isolate, shown: Shown): readonly Row[] {
  const reason = [isolate.reason, isolate.detail].filter((part) => part !== null).join(': ');
  if (isolate.status === 'no-answer') return [makeRow(isolate, { State: 'NO-ANSWER', Reason: reason })];
  const rows: Row[] = isolate.status === 'off' ? [makeRow(isolate, { State: 'OFF', Reason: reason })] : [];
  rows.push(...isolate.providers.filter(({ started }) => !started).map((provider) => providerRow(isolate, provider)));
  if (shown.listeners) rows.push(...isolate.listeners.map((listener) => listenerRow(isolate, listener)));
  if (shown.connections) rows.push(...isolate.connections.map((connection) => connectionRow(isolate, connection)));
  if (isolate.omitted > 0)
    rows.push(makeRow(isolate, { State: 'OMITTED', Reason: `${isolate.omitted} more not shown` }));
  return rows.length === 0 && shown.idle ? [makeRow(isolate, { State: 'IDLE' })] : rows;
}

/** The table with its heading, one line feed at each line's end; empty where there is nothing to show. */
export function formatTable(isolates: readonly Isolate[], shown: Shown): string {
  const rows = isolates.flatMap((isolate) => rowsOf(isolate, shown));
  if (rows.length === 0) return '';
  return alignColumns([[...HEADINGS], ...rows.map((row) => HEADINGS.map((heading) => row[heading]))], RIGHT_ALIGNED);
}

/** Lines of cells, the first one the headings, as text in columns. */
export function alignColumns(lines: readonly (readonly string[])[], rightAligned: readonly string[]): string {
  const headings = lines[0];
  const cells = lines.map((line) => line.map(sanitize));
  const widths = headings.map((_, column) => cells.reduce((width, line) => Math.max(width, line[column].length), 0));
  return cells
    .map((line) => {
      const padded = line.map((cell, column) =>
        rightAligned.includes(headings[column]) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      );
      return `${padded.join('  ').trimEnd()}\n`;
    })
    .join('');
}
