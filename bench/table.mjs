/** The Markdown table of a result. */
import { machineLine } from './machine.mjs';
import { notes, number, times } from './result.mjs';
import { rowOf } from './scenarios/index.mjs';

const cell = (row, adapter) => (row[adapter] === undefined ? '–' : `${number(row[adapter])} ${row.unit}`);

/** A ratio, and who won where it was not the switch. */
function against(value, other) {
  if (value === undefined) return '–';
  return value < 1 ? `${times(value)} (${other} wins)` : `**${times(value)}**`;
}

/** CPU of both processes per operation, the switch's as a share of TCP's. */
function cpu(row) {
  const { tcp, san } = row.cpuPerOp ?? {};
  return tcp === undefined || san === undefined ? '–' : `${Math.round((san / tcp) * 100)} %`;
}

/** The table of every row of a result, the ones that TCP wins too, and what does not fit into it. @param {any} result a parsed result file */
export function markdown({ machine, floors, scenarios }) {
  const head = ['', 'TCP loopback', 'Unix socket', 'sockets-direct', 'vs TCP', 'vs Unix', 'CPU per op vs TCP'];
  const rows = scenarios.map((row) => [
    rowOf(row.name)?.title ?? row.name,
    cell(row, 'tcp'),
    cell(row, 'unix'),
    cell(row, 'san'),
    against(row.sanVsTcp, 'TCP'),
    against(row.sanVsUnix, 'Unix socket'),
    cpu(row),
  ]);
  const runs = [...new Set(scenarios.flatMap((row) => Object.values(row.runs).map((list) => list.length)))];
  const spread = runs.length === 0 ? 0 : `${Math.min(...runs)}${runs.length > 1 ? `–${Math.max(...runs)}` : ''}`;
  const size = machine.options?.parameters === 'full' ? '' : `, \`--${machine.options?.parameters}\``;
  return [
    `| ${head.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(head.length - 1)}`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
    `Medians of ${spread} interleaved runs${size}. ${machineLine(machine)}.`,
    `Floors: memcpy of 64 KiB ${floors.memcpy64k} GB/s, of 1 MiB ${floors.memcpy1m} GB/s; cache line there and back ${floors.cacheline} µs.`,
    '',
    ...notes(scenarios, floors).map((line) => `- ${line}`),
  ].join('\n');
}
