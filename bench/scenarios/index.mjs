/**
 * All scenarios. One measures one thing in one pair of processes and yields one or more rows of the result.
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {string} title what the README calls it
 * @property {string} unit
 * @property {'higher'|'lower'} better
 * @property {(run: any) => number} value from one run's record
 *
 * @typedef {object} Scenario
 * @property {string} id
 * @property {Row[]} rows
 * @property {'server'|'client'} timekeeper who opens and closes the measured window
 * @property {Record<'full'|'quick'|'smoke', object>} params
 * @property {(context: any) => unknown} server
 * @property {(context: any) => unknown} client
 * @property {readonly string[]} [adapters] where not all three apply
 * @property {Record<string, number>} [runs] another default number of runs, by size of the parameter set
 * @property {(result: any) => number} [operationsPerMs] for CPU per operation; left out = none
 * @property {(facts: any, result: any) => void} [verify] throws when the two sides disagree
 * @property {(params: any) => object} [prepare] the parameters that this machine allows
 * @property {(params: any) => object} [childOptions]
 * @property {readonly string[]} [stopOrder]
 * @property {Record<string, Record<string, object>>} [variants] per adapter: further runs with other parameters, whose
 *   value is kept in the record of the run
 * @property {(record: any, outcome: any) => void} [finish] adds to the record of a run
 * @property {number} [resolution] values below it are taken for it when ratios are made
 * @property {(params: any, names: string[]) => Promise<Record<string, any>>} [orchestrate] runs all adapters of a run
 */
import { beside } from './beside.mjs';
import { connect } from './connect.mjs';
import { crowd } from './crowd.mjs';
import { fallbackConnect } from './fallback-connect.mjs';
import { fastify } from './fastify.mjs';
import { grpc } from './grpc.mjs';
import { http } from './http.mjs';
import { http2 } from './http2.mjs';
import { idle } from './idle.mjs';
import { TLS } from './layers.mjs';
import { pingpong } from './pingpong.mjs';
import { pgOne, pgRows } from './postgres.mjs';
import { stream } from './stream.mjs';
import { wake } from './wake.mjs';
import { wsEcho, wsStream } from './websocket.mjs';

/** What `npm run bench` measures. @type {readonly Scenario[]} */
export const SCENARIOS = [
  pingpong(64),
  stream(64),
  stream(1024),
  stream(65_536),
  stream(1_048_576),
  beside,
  connect,
  http(1),
  http(64),
  http2(16),
  fallbackConnect,
  wake,
  idle,
];

/** What `npm run bench:protocols` measures: what people have over a socket. @type {readonly Scenario[]} */
export const PROTOCOLS = [
  http(1),
  http(64),
  http(512),
  http2(16),
  pingpong(64, TLS),
  stream(65_536, TLS),
  http(64, TLS),
  wsEcho(),
  wsStream(),
  fastify(1),
  fastify(64),
  pgOne(),
  pgRows(),
  grpc(1),
  grpc(16),
];

/**
 * What `--report` measures besides: the same thing at growing sizes or numbers, for the charts. A point that is a scenario of
 * `SCENARIOS` as well is measured once.
 *
 * @typedef {object} Series
 * @property {string} id
 * @property {{ x: number, scenario: Scenario }[]} points
 */
const over = (/** @type {number[]} */ xs, /** @type {(x: number) => Scenario} */ scenario) =>
  xs.map((x) => ({ x, scenario: scenario(x) }));

/** @type {readonly Series[]} */
export const SERIES = [
  { id: 'latency', points: over([64, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576], pingpong) },
  { id: 'throughput', points: over([64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576], stream) },
  { id: 'connections', points: over([1, 10, 100, 1000, 10_000], crowd) },
  { id: 'http', points: over([1, 8, 64, 512], http) },
];

const EVERY = [...SCENARIOS, ...PROTOCOLS, ...SERIES.flatMap(({ points }) => points.map(({ scenario }) => scenario))];

/** @returns {Scenario} */
export function scenarioOf(id) {
  const scenario = EVERY.find((candidate) => candidate.id === id);
  if (scenario === undefined) throw new RangeError(`no scenario '${id}'`);
  return scenario;
}

/** @returns {Row | undefined} */
export function rowOf(name) {
  return EVERY.flatMap((scenario) => scenario.rows).find((row) => row.name === name);
}
