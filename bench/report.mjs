/**
 * `node bench/report.mjs RESULT.json [--write FILE.md]`: the Markdown table of a result file. With --write it replaces
 * what stands between the markers below in FILE.md. Every row of the file is in the table, the ones that TCP wins too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { machineLine } from './machine.mjs';
import { notes, number, times } from './result.mjs';
import { rowOf } from './scenarios/index.mjs';

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

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

/** @param {any} result a parsed result file */
function markdown({ machine, floors, scenarios }) {
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

function replaceBetweenMarkers(file, text) {
  const old = readFileSync(file, 'utf8');
  const begin = old.indexOf(BEGIN);
  const end = old.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${file} has no ${BEGIN} … ${END}`);
  writeFileSync(file, `${old.slice(0, begin + BEGIN.length)}\n${text}\n${old.slice(end)}`);
}

const { values, positionals } = parseArgs({ options: { write: { type: 'string' } }, allowPositionals: true });
if (positionals.length !== 1) {
  process.stderr.write('Usage: node bench/report.mjs RESULT.json [--write FILE.md]\n');
  process.exitCode = 2;
} else {
  const text = markdown(JSON.parse(readFileSync(positionals[0], 'utf8')));
  if (values.write === undefined) process.stdout.write(`${text}\n`);
  else replaceBetweenMarkers(values.write, text);
}
