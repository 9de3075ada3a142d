/**
 * With `--profile`: a CPU profile of each process's measured window, and whose time it shows. Made by V8's inspector inside
 * of the process, so that starting and warming up are not in it.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

const INTERVAL_US = 250;
/** @type {Session | null} */
let session = null;

/** The answer comes within the call. @returns {any} */
function post(method, parameters = {}) {
  let answer;
  session?.post(method, parameters, (error, result) => {
    if (error !== null) throw new Error(`${method}: ${error.message}`);
    answer = result;
  });
  return answer;
}

export function startProfile() {
  session = new Session();
  session.connect();
  post('Profiler.enable');
  post('Profiler.setSamplingInterval', { interval: INTERVAL_US });
  post('Profiler.start');
}

/** Writes the profile, for `--cpu-prof`'s viewers, and returns its summary; null where none was started. @param {string} file */
export function stopProfile(file) {
  if (session === null) return null;
  const { profile } = post('Profiler.stop');
  session.disconnect();
  session = null;
  writeFileSync(file, JSON.stringify(profile));
  return summary(profile);
}

/**
 * Whose time a profile shows, in this order in tables.
 * @type {Readonly<Record<string, string>>}
 */
export const ORIGINS = {
  ours: "the switch's JavaScript",
  oursNative: 'what it calls, the addon mostly',
  node: "Node's JavaScript",
  native: 'native and kernel',
  package: 'packages',
  gc: 'garbage collection',
  bench: 'the bench',
  // For V8 the process is idle from before the loop's poll until JavaScript is called: native consumers of a TCP socket are there, too.
  waiting: 'waiting, polling, native code called by the loop',
};

const ROOT = new URL('..', import.meta.url).href;
const OURS = [`${ROOT}dist/`, `${ROOT}register.cjs`, ROOT.slice('file://'.length) + 'register.cjs'];

/** @param {any} node of a profile @param {string | null} caller the origin of the node above */
function originOf({ callFrame: { functionName, url } }, caller) {
  if (functionName === '(idle)') return 'waiting';
  if (functionName === '(garbage collector)') return 'gc';
  if (url === '') return caller === 'ours' || caller === 'oursNative' ? 'oursNative' : 'native';
  if (url.startsWith('node:')) return 'node';
  if (OURS.some((start) => url.startsWith(start))) return 'ours';
  return url.includes('/node_modules/') || url.startsWith('wasm:') ? 'package' : 'bench';
}

/** How many functions of ours a summary names. */
const NAMED = 25;

/** Microseconds by origin; and of functions of ours, by themselves and with what they call of ours. */
function summary({ nodes, samples, timeDeltas }) {
  const self = new Map(nodes.map(({ id }) => [id, 0]));
  // The time up to a sample is that of the one before.
  for (let n = 0; n + 1 < samples.length; n++)
    self.set(samples[n], self.get(samples[n]) + Math.max(0, timeDeltas[n + 1]));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const origins = Object.fromEntries(Object.keys(ORIGINS).map((origin) => [origin, 0]));
  const functions = new Map();
  /** @param {any[]} above functions of ours that led here without anybody else's between */
  const walk = (node, caller, above) => {
    const origin = originOf(node, caller);
    const time = self.get(node.id);
    const ours = origin === 'ours' || origin === 'oursNative';
    let path = ours ? above : [];
    origins[origin] += time;
    if (ours) {
      const { functionName, url, lineNumber } = node.callFrame;
      const where = `${functionName || '(anonymous)'} ${url.slice(url.indexOf('/dist/') + 6)}:${lineNumber + 1}`;
      // V8 knows native functions by their address, which those of an addon have in common, so their names are not to be trusted.
      const name = url === '' ? `native code called by ${above.at(-1)?.name}` : where;
      const entry = functions.get(name) ?? { name, self: 0, total: 0 };
      functions.set(name, entry);
      entry.self += time;
      if (!path.includes(entry)) path = [...path, entry];
      for (const each of path) each.total += time;
    }
    for (const child of node.children ?? []) walk(byId.get(child), origin, path);
  };
  walk(nodes[0], null, []);
  const ours = [...functions.values()].sort((a, b) => b.self - a.self).slice(0, NAMED);
  return { origins, ours };
}

/** Divides all of a summary by so many operations. */
export function perOperation({ origins, ours }, operations) {
  const each = (value) => Number((value / operations).toPrecision(3));
  return {
    origins: Object.fromEntries(Object.entries(origins).map(([origin, value]) => [origin, each(value)])),
    ours: ours.map(({ name, self, total }) => ({ name, self: each(self), total: each(total) })),
  };
}

/**
 * Of the last run of each row and adapter: processor time per operation as the kernel counts it, and time on the clock by origin,
 * microseconds, both processes together; a Markdown table.
 */
export function profileTable(rows) {
  const keys = Object.keys(ORIGINS);
  const lines = rows.flatMap((row) =>
    Object.entries(row.runs).flatMap(([adapter, runs]) => {
      const profile = runs.at(-1)?.profile;
      // The tail is a row of its own, of the same runs.
      if (profile === undefined || row.name.endsWith('-p999')) return [];
      const shares = keys.map((key) => (profile.server.origins[key] + profile.client.origins[key]).toPrecision(3));
      const cells = [runs.at(-1).cpuPerOp.total.toPrecision(3), ...shares].map((cell) => String(Number(cell)));
      return [`| ${[row.name, adapter, ...cells].join(' | ')} |`];
    }),
  );
  return [
    `| µs per operation | | processor time | ${Object.values(ORIGINS).join(' | ')} |`,
    `| --- | --- |${' ---: |'.repeat(keys.length + 1)}`,
    ...lines,
  ].join('\n');
}
