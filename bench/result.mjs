/** From the records of single runs to the rows of a result file, and from those to text. */

/** The middle value; the mean of the two middle ones when their number is even. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const significant = (value, digits = 4) => Number(value.toPrecision(digits));

/** > 1 = the switch is better, whatever the unit's direction. */
function ratio(better, san, other, resolution) {
  const a = Math.max(san, resolution);
  const b = Math.max(other, resolution);
  return significant(better === 'higher' ? a / b : b / a, 3);
}

/** Medians, member by member, of records that are numbers or (nested) objects of numbers. */
function medians(records) {
  if (typeof records[0] === 'number') return Math.round(median(records));
  return Object.fromEntries(Object.keys(records[0]).map((key) => [key, medians(records.map((record) => record[key]))]));
}

/**
 * One row of the result.
 * @param {import('./scenarios/index.mjs').Scenario} scenario
 * @param {import('./scenarios/index.mjs').Row} row
 * @param {Record<string, any[]>} records per adapter, one record per run
 */
export function rowOfRecords(scenario, row, records) {
  const result = { name: row.name, unit: row.unit, better: row.better };
  const cpuPerOp = {};
  const bytesPerConnection = {};
  const runs = {};
  for (const [adapter, list] of Object.entries(records)) {
    if (list.length === 0) continue;
    runs[adapter] = list.map((record) => ({ value: significant(row.value(record), 5), ...record }));
    result[adapter] = significant(median(runs[adapter].map((run) => run.value)));
    const cpu = list.flatMap((record) => (record.cpuPerOp === undefined ? [] : [record.cpuPerOp.total]));
    if (cpu.length > 0) cpuPerOp[adapter] = significant(median(cpu));
    const memory = list.flatMap((record) => (record.memory === undefined ? [] : [record.memory]));
    if (memory.length > 0) bytesPerConnection[adapter] = medians(memory);
  }
  const resolution = scenario.resolution ?? 0;
  if (result.san !== undefined && result.tcp !== undefined) {
    result.sanVsTcp = ratio(row.better, result.san, result.tcp, resolution);
  }
  if (result.san !== undefined && result.unix !== undefined) {
    result.sanVsUnix = ratio(row.better, result.san, result.unix, resolution);
  }
  if (Object.keys(cpuPerOp).length > 0) result.cpuPerOp = cpuPerOp;
  if (Object.keys(bytesPerConnection).length > 0) result.bytesPerConnection = bytesPerConnection;
  result.runs = runs;
  return result;
}

/** A number with about three significant digits and thousands set apart. */
export function number(value) {
  if (value === undefined) return '–';
  const size = Math.abs(value);
  const digits = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const rounded = size >= 1000 ? Number(value.toPrecision(4)) : value;
  return rounded.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, digits === 0 ? ' ' : '');
}

export const times = (value) => (value === undefined ? '–' : `${number(value)}×`);

/** Half the distance between best and worst run, in per cent of the median. */
function spread(row, adapter) {
  const values = (row.runs[adapter] ?? []).map((run) => run.value);
  if (values.length < 2 || row[adapter] === 0) return '';
  return ` ±${Math.round(((Math.max(...values) - Math.min(...values)) / 2 / row[adapter]) * 100)}%`;
}

/** The table on the terminal. */
export function textTable(rows) {
  const cell = (row, adapter) => (row[adapter] === undefined ? '–' : `${number(row[adapter])}${spread(row, adapter)}`);
  const cpu = (row) =>
    row.cpuPerOp === undefined
      ? ''
      : ['tcp', 'unix', 'san'].map((adapter) => number(row.cpuPerOp[adapter])).join(' / ');
  const lines = [
    ['scenario', 'unit', 'tcp', 'unix', 'san', 'san:tcp', 'san:unix', 'CPU µs/op tcp / unix / san'],
    ...rows.map((row) => [
      row.name,
      row.unit,
      cell(row, 'tcp'),
      cell(row, 'unix'),
      cell(row, 'san'),
      times(row.sanVsTcp),
      times(row.sanVsUnix),
      cpu(row),
    ]),
  ];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const left = new Set([0, 1, 7]);
  return lines
    .map((line) =>
      line
        .map((text, column) => (left.has(column) ? text.padEnd(widths[column]) : text.padStart(widths[column])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What does not fit into a column. */
export function notes(rows, floors) {
  const lines = [];
  for (const row of rows) {
    if (row.name === 'stream-1m' && row.san !== undefined) {
      lines.push(
        `${row.name}: san moves ${Math.round((row.san / floors.memcpy1m) * 100)} % of what one memcpy of 1 MiB does`,
      );
    }
    for (const [adapter, memory] of Object.entries(row.bytesPerConnection ?? {})) {
      const side = (name) =>
        `${name} ${memory[name].private} B private (${memory[name].heap} JS heap, ${memory[name].native} native)`;
      const shared = Math.max(memory.client.shared, memory.server.shared);
      const link = Math.max(...row.runs[adapter].map((run) => run.linkBytes ?? 0));
      const held = row.runs[adapter][0].connections;
      lines.push(
        `${row.name} ${adapter}, per connection of ${held}: ${side('server')}; ${side('client')}; ${shared} B shared` +
          (link > 0 ? ` (and ${Math.round(link / 1024)} KiB shared per pair of processes)` : ''),
      );
    }
    if (row.name === 'fallback-connect') {
      for (const key of ['first', 'cycle']) {
        const of = (adapter) => row.runs[adapter]?.map((run) => run[key].p50) ?? [];
        if (of('tcp').length === 0 || of('san').length === 0) continue;
        const [tcp, san] = [median(of('tcp')), median(of('san'))];
        const what = key === 'first' ? 'first connect to a listener' : 'connect, exchange 1 byte, close';
        lines.push(`${row.name}, ${what}: tcp ${number(tcp)} µs, san ${number(san)} µs, ${times(tcp / san)}`);
      }
    }
    if (row.name === 'wake') {
      const of = ([adapter, runs]) => `${adapter} ${number(median(runs.map((run) => run.uncompiled.p50)))} µs`;
      const all = Object.entries(row.runs).map(of).join(', ');
      lines.push(`${row.name}, after two hundred messages, most code not compiled yet: ${all}`);
    }
    const nagle = (row.runs.tcp ?? []).flatMap((run) => (run.nagle === undefined ? [] : [run.nagle]));
    if (nagle.length > 0) {
      lines.push(`${row.name}, tcp without TCP_NODELAY (Node's default): ${number(median(nagle))} ${row.unit}`);
    }
    if (row.name === 'beside-bulk') {
      const of = ([adapter, runs]) =>
        `${adapter} ${number(median(runs.map((run) => run.bulkBytesPerSecond / 1e9)))} GB/s`;
      const p50 = ([adapter, runs]) => `${adapter} ${number(median(runs.map((run) => run.latency.p50)))} µs`;
      const all = Object.entries(row.runs);
      lines.push(
        `${row.name}, the transfer meanwhile: ${all.map(of).join(', ')}; p50 of the small one: ${all.map(p50).join(', ')}`,
      );
    }
    if (row.name === 'connect') {
      const of = (adapter) => (row.runs[adapter] ?? []).map((run) => run.concurrency16.perSecond);
      const parts = ['tcp', 'unix', 'san'].filter((adapter) => of(adapter).length > 0);
      lines.push(
        `${row.name}, 16 at a time: ${parts.map((adapter) => `${adapter} ${number(median(of(adapter)))}/s`).join(', ')}`,
      );
    }
  }
  return lines;
}
