// The demo's tables.

const MEASURES = [
  { key: 'one', title: 'JSON requests/s with fetch, one at a time', digits: 0, more: true },
  { key: 'many', title: 'JSON requests/s with fetch, 16 at a time', digits: 0, more: true },
  { key: 'roundTrip', title: 'round trip of 64 bytes on net, µs (median)', digits: 1, more: false },
  { key: 'fetch', title: '20 MB download with fetch, GB/s', digits: 2, more: true },
  { key: 'net', title: '20 MB download on net, GB/s', digits: 2, more: true },
];

/** Columns of text; the first `left` of them aligned to the left. */
const columns = (/** @type {string[][]} */ rows, /** @type {number} */ left) => {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const align = (/** @type {string} */ text, /** @type {number} */ i) =>
    i < left ? text.padEnd(widths[i]) : text.padStart(widths[i]);
  return rows.map((row) => `  ${row.map(align).join('  ')}`.trimEnd()).join('\n');
};

/** "3.1x", and in words where the switch did not help. */
const verdict = (/** @type {number} */ factor) => {
  const text = `${factor.toFixed(1)}x`;
  if (factor < 0.95) {
    return `${factor.toFixed(2)}x  WORSE`;
  }
  return factor < 1.05 ? `${text}  the same` : text;
};

/** The figures side by side; `san` null: only the plain ones. */
export const comparison = (
  /** @type {Record<string, number>} */ plain,
  /** @type {Record<string, number> | null} */ san,
) => {
  const rows = MEASURES.map(({ key, title, digits, more }) => {
    const before = plain[key].toFixed(digits);
    if (san === null) {
      return [title, before];
    }
    return [title, before, san[key].toFixed(digits), verdict(more ? san[key] / plain[key] : plain[key] / san[key])];
  });
  return columns([san === null ? ['', 'TCP'] : ['', 'TCP', 'switch', 'better by'], ...rows], 1);
};

/** One line for each end of a connection and route; equal lines are counted. */
export const connectionTable = (connections) => {
  const counts = new Map();
  for (const { role, side, local, remote, carrier, provider, reason } of connections) {
    const port =
      side === 'connect' ? `connects to ${remote.address}:${remote.port}` : `accepts on ${local.address}:${local.port}`;
    const row = [role, port, carrier === 'san' ? `SAN (${provider})` : 'TCP', reason ?? ''].join('\t');
    counts.set(row, (counts.get(row) ?? 0) + 1);
  }
  const rows = [...counts].sort().map(([row, count]) => [...row.split('\t'), String(count)]);
  return columns([['program', 'connection', 'route', 'reason', 'count'], ...rows], 4);
};
