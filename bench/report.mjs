/**
 * `node bench/report.mjs RESULT.json [--write FILE.md]`: the Markdown table of a result file. With --write it replaces
 * what stands between the markers below in FILE.md. `npm run bench -- --report` calls `writeReport`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bytesPerSecond, CHARTS } from './charts.mjs';
import { number } from './result.mjs';
import { markdown } from './table.mjs';

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

export const REPORT_FOLDER = fileURLToPath(new URL('../docs/bench', import.meta.url));

function replaceBetweenMarkers(file, text) {
  const old = readFileSync(file, 'utf8');
  const begin = old.indexOf(BEGIN);
  const end = old.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${file} has no ${BEGIN} … ${END}`);
  writeFileSync(file, `${old.slice(0, begin + BEGIN.length)}\n${text}\n${old.slice(end)}`);
}

const QUANTILES = ['min', 'p50', 'p90', 'p99', 'p99.9', 'max'];

/** The median run's latency of an adapter, or undefined. */
function medianLatency(row, adapter) {
  const runs = [...(row.runs[adapter] ?? [])].filter((run) => run.latency !== undefined);
  runs.sort((a, b) => a.latency.p50 - b.latency.p50);
  return runs[runs.length >> 1]?.latency;
}

/** A table of percentiles, µs, of each row that has some. */
function percentiles(rows) {
  const lines = rows.flatMap((row) =>
    ['tcp', 'unix', 'san'].flatMap((adapter) => {
      const latency = medianLatency(row, adapter);
      if (latency === undefined) return [];
      return [`| ${row.name} | ${adapter} | ${QUANTILES.map((quantile) => number(latency[quantile])).join(' | ')} |`];
    }),
  );
  return [`| | | ${QUANTILES.join(' | ')} |`, `| --- | --- |${' ---: |'.repeat(QUANTILES.length)}`, ...lines].join(
    '\n',
  );
}

/** A series as a table: what a chart cannot be asked for. */
function seriesTable({ id, points }) {
  // Streams of small messages are counted, of large ones weighed; side by side all of them are weighed.
  const weighed = id === 'throughput';
  const unit = weighed ? 'GB/s' : points[0].row.unit;
  const value = (row, adapter) => (weighed ? bytesPerSecond(row, adapter) / 1e9 : row[adapter]);
  const adapters = ['tcp', 'unix', 'san'].filter((adapter) => points.some(({ row }) => row[adapter] !== undefined));
  const head = [unit, ...adapters, ...adapters.map((adapter) => `CPU µs, ${adapter}`)];
  const lines = points.map(({ x, row }) =>
    [
      x.toLocaleString('en'),
      ...adapters.map((adapter) => number(value(row, adapter))),
      ...adapters.map((adapter) => number(row.cpuPerOp?.[adapter])),
    ].join(' | '),
  );
  return [
    `| ${head.join(' | ')} |`,
    `| ---: |${' ---: |'.repeat(head.length - 1)}`,
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}

/** Writes result, tables and charts of a result with series into `folder`, and returns it. @param {any} result */
export function writeReport(result, folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'result.json'), `${JSON.stringify(result)}\n`);
  const parts = [
    '# Measurements',
    '',
    'Made by `npm run bench -- --report`; how it is measured, and what the rows mean, is in [BENCHMARKS.md](../BENCHMARKS.md). The',
    'figures are in [result.json](result.json), run by run. TCP and Unix socket are plain `net`, the same programs.',
    '',
    markdown(result),
    '',
  ];
  for (const { file, title, text, series, draw } of CHARTS) {
    const data = result.series.find(({ id }) => id === series);
    if (data === undefined) continue;
    writeFileSync(path.join(folder, file), draw(data, result));
    parts.push(`## ${title}`, '', text, '', `![${title}](${file})`, '');
    if (CHARTS.find((chart) => chart.series === series)?.file === file) parts.push(seriesTable(data), '');
  }
  const all = [...result.scenarios, ...result.series.flatMap(({ points }) => points.map(({ row }) => row))];
  const once = all.filter((row, index) => all.findIndex(({ name }) => name === row.name) === index);
  const timed = once.filter((row) => !row.name.endsWith('-p999') && medianLatency(row, 'tcp') !== undefined);
  parts.push(
    '## Percentiles',
    '',
    'Round trips and requests, µs; of the run whose p50 is the median.',
    '',
    percentiles(timed),
    '',
  );
  writeFileSync(path.join(folder, 'README.md'), parts.join('\n'));
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({ options: { write: { type: 'string' } }, allowPositionals: true });
  if (positionals.length !== 1) {
    process.stderr.write('Usage: node bench/report.mjs RESULT.json [--write FILE.md]\n');
    process.exitCode = 2;
  } else {
    const text = markdown(JSON.parse(readFileSync(positionals[0], 'utf8')));
    if (values.write === undefined) process.stdout.write(`${text}\n`);
    else replaceBetweenMarkers(values.write, text);
  }
}
