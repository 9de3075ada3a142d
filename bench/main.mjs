/**
 * `npm run bench`: plain `net` over TCP loopback, plain `net` over a Unix socket, and `net` through the switch, the same
 * programs in two processes each, their runs interleaved. See docs/BENCHMARKS.md.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPackages } from '../scripts/package-folder.mjs';
import { ADAPTERS, unavailable } from './adapters.mjs';
import { machine, machineLine } from './machine.mjs';
import { notes, rowOfRecords, textTable } from './result.mjs';
import { perOperation, profileTable } from './profile.mjs';
import { runPair } from './rig.mjs';
import { REPORT_FOLDER, writeReport } from './report.mjs';
import { PROTOCOLS, SCENARIOS, SERIES } from './scenarios/index.mjs';

const FLOORS = fileURLToPath(new URL('./floors.mjs', import.meta.url));
const DEFAULT_RUNS = { full: 5, quick: 3, smoke: 1 };

const namesOf = (scenarios) => scenarios.flatMap(({ rows }) => rows.map(({ name }) => name));

const USAGE = `Usage: npm run bench -- [options]

  --quick             fewer and shorter runs, all scenarios in under four minutes
  --smoke             one tiny run of everything: does the bench itself work? (no meaningful figures)
  --runs N            runs per adapter (default: 5, with --quick 3)
  --protocols         what people have over a socket, in place of the scenarios: HTTP, TLS, WebSocket, pg, gRPC
  --only NAME,NAME    only these scenarios
  --adapters A,B      of tcp, unix, san (default: all)
  --json FILE         write the result to FILE
  --report            measure the series of the charts as well (sizes, connections), and write result, tables and
                      charts into docs/bench/
  --profile FOLDER    write CPU profiles of what is measured to FOLDER, and say whose time it is: the switch's, Node's … (what
                      it costs is in the figures then)
  --histograms        keep every histogram's buckets in the file
  --help

Scenarios: ${namesOf(SCENARIOS).join(', ')}
With --protocols: ${namesOf(PROTOCOLS).join(', ')}
`;

class UsageError extends Error {}

function options() {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        smoke: { type: 'boolean', default: false },
        runs: { type: 'string' },
        protocols: { type: 'boolean', default: false },
        only: { type: 'string' },
        adapters: { type: 'string', default: 'tcp,unix,san' },
        json: { type: 'string' },
        report: { type: 'boolean', default: false },
        profile: { type: 'string' },
        histograms: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  const size = values.smoke ? 'smoke' : values.quick ? 'quick' : 'full';
  const runs = values.runs === undefined ? null : Number(values.runs);
  if (runs !== null && !(Number.isInteger(runs) && runs >= 1 && runs <= 100)) {
    throw new UsageError(`--runs must be 1…100, not '${values.runs}'`);
  }
  if (values.protocols && values.report) throw new UsageError('--report is of the scenarios, not of --protocols');
  const scenarios = values.protocols ? PROTOCOLS : SCENARIOS;
  const names = namesOf(scenarios);
  const only = values.only === undefined ? names : values.only.split(',');
  for (const name of only) if (!names.includes(name)) throw new UsageError(`no scenario '${name}'`);
  const adapters = values.adapters.split(',');
  for (const name of adapters) if (!(name in ADAPTERS)) throw new UsageError(`no adapter '${name}'`);
  return {
    size,
    runs,
    scenarios,
    only,
    adapters,
    json: values.json,
    report: values.report,
    profile: values.profile,
    histograms: values.histograms,
    help: values.help,
  };
}

/** What is behind the fifth digit of a measurement is noise, and noise makes files large. */
const fiveDigits = (_key, value) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;

/** CPU microseconds per operation, of either process and of both. */
function cpuPerOp(scenario, { result, usage }) {
  if (scenario.operationsPerMs === undefined) return undefined;
  const perMs = scenario.operationsPerMs(result);
  const side = (used) => Number((used.cpu / used.ms / perMs).toPrecision(4));
  const both = { server: side(usage.server), client: side(usage.client) };
  return { ...both, total: Number((both.server + both.client).toPrecision(4)) };
}

/** Whose time it was, microseconds per operation, by process. */
function profileOf(scenario, { result, usage }) {
  if (scenario.operationsPerMs === undefined || !usage.server.profile || !usage.client.profile) return undefined;
  const side = ({ ms, profile }) => perOperation(profile, ms * scenario.operationsPerMs(result));
  return { server: side(usage.server), client: side(usage.client) };
}

async function oneRun(scenario, name, params) {
  const outcome = await runPair(scenario, ADAPTERS[name], params);
  const record = outcome.result;
  const cpu = cpuPerOp(scenario, outcome);
  if (cpu !== undefined) record.cpuPerOp = cpu;
  const profile = profileOf(scenario, outcome);
  if (profile !== undefined) record.profile = profile;
  scenario.finish?.(record, outcome);
  const variants = params.profile === undefined ? (scenario.variants?.[name] ?? {}) : {};
  for (const [variant, other] of Object.entries(variants)) {
    const { result } = await runPair(scenario, ADAPTERS[name], { ...params, ...other });
    record[variant] = Number(scenario.rows[0].value(result).toPrecision(5));
  }
  return record;
}

/** All runs of one scenario: a run of each adapter, then the next run of each. An adapter that fails is out. */
async function measure(scenario, names, runs, params, failures) {
  const records = Object.fromEntries(names.map((name) => [name, []]));
  let active = [...names];
  const failed = (name, error) => {
    failures.push({ scenario: scenario.id, adapter: name, message: error.message });
    process.stderr.write(`\nFAILED ${scenario.id} ${name}: ${error.message}\n`);
    records[name] = [];
    active = active.filter((other) => other !== name);
  };
  for (let run = 0; run < runs && active.length > 0; run++) {
    if (scenario.orchestrate !== undefined) {
      try {
        for (const [name, record] of Object.entries(await scenario.orchestrate(params, active))) {
          records[name].push(record);
        }
      } catch (error) {
        for (const name of [...active]) failed(name, error);
        return records;
      }
    } else {
      for (const name of [...active]) {
        try {
          records[name].push(await oneRun(scenario, name, params));
        } catch (error) {
          failed(name, error);
        }
      }
    }
    process.stderr.write('.');
  }
  return records;
}

async function main() {
  const chosen = options();
  if (chosen.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  for (const name of chosen.adapters) {
    const reason = unavailable(name);
    if (reason !== null) throw new UsageError(`adapter '${name}' cannot run: ${reason}`);
  }
  if (chosen.scenarios === PROTOCOLS) installPackages(true);
  const block = machine({
    parameters: chosen.size,
    runs: chosen.runs ?? DEFAULT_RUNS[chosen.size],
    adapters: chosen.adapters,
  });
  const started = performance.now();
  if (chosen.profile !== undefined) mkdirSync(chosen.profile, { recursive: true });
  const floorMs = chosen.size === 'full' ? '1000' : chosen.size === 'quick' ? '400' : '50';
  const floors = JSON.parse(execFileSync(process.execPath, [FLOORS, floorMs], { encoding: 'utf8' }));
  const failures = [];
  /** @type {Map<string, any[]>} rows by scenario: a point of a series may be a scenario of its own */
  const measured = new Map();
  const rowsOf = async (/** @type {import('./scenarios/index.mjs').Scenario} */ scenario) => {
    const known = measured.get(scenario.id);
    if (known !== undefined) return known;
    const names = chosen.adapters.filter((name) => scenario.adapters?.includes(name) ?? true);
    const runs = chosen.runs ?? scenario.runs?.[chosen.size] ?? DEFAULT_RUNS[chosen.size];
    const since = performance.now();
    process.stderr.write(`${scenario.id} `);
    const size = scenario.params[chosen.size];
    const params = { ...(scenario.prepare?.(size) ?? size), histograms: chosen.histograms, profile: chosen.profile };
    const records = await measure(scenario, names, runs, params, failures);
    process.stderr.write(` ${((performance.now() - since) / 1000).toFixed(1)} s\n`);
    const rows = scenario.rows.map((row) => rowOfRecords(scenario, row, records));
    measured.set(scenario.id, rows);
    return rows;
  };
  const rows = [];
  for (const scenario of chosen.scenarios) {
    if (!scenario.rows.some(({ name }) => chosen.only.includes(name))) continue;
    rows.push(...(await rowsOf(scenario)).filter(({ name }) => chosen.only.includes(name)));
  }
  const series = [];
  for (const { id, points } of chosen.report ? SERIES : []) {
    const list = [];
    for (const { x, scenario } of points) list.push({ x, row: (await rowsOf(scenario))[0] });
    series.push({ id, points: list });
  }
  const text = [
    '',
    machineLine(block),
    `floors: memcpy of 64 KiB ${floors.memcpy64k} GB/s, of 1 MiB ${floors.memcpy1m} GB/s, cache line there and back ${floors.cacheline} µs`,
    '',
    textTable(rows),
    '',
    ...notes(rows, floors),
    ...(chosen.profile === undefined ? [] : ['', profileTable(rows), '']),
    `${((performance.now() - started) / 1000).toFixed(0)} s in all; load average before: ${block.loadAverage}`,
    ...(block.loadAverage > block.cores / 2 ? ['The machine was busy with something else: believe none of this.'] : []),
    ...failures.map(({ scenario, adapter }) => `FAILED: ${scenario} over ${adapter}, see above`),
  ];
  process.stdout.write(`${text.join('\n')}\n`);
  const result = { machine: block, floors, scenarios: rows, ...(chosen.report ? { series } : {}) };
  if (chosen.json !== undefined) writeFileSync(chosen.json, `${JSON.stringify(result, fiveDigits, 1)}\n`);
  if (chosen.report) {
    const folder = writeReport(JSON.parse(JSON.stringify(result, fiveDigits)), REPORT_FOLDER);
    process.stdout.write(`The report is in ${folder}\n`);
  }
  return failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
