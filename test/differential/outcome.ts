/** What became of a program, in a form that must be the same on TCP and on the SAN, and how two of them differ. */
import type { Arrangement, Host, Side } from './host.js';
import type { Round, SideRecord, SocketProgram } from './program.js';
import { settle } from './settle.js';

export interface Outcome {
  /** By socket, server or process: its lines. */
  readonly tracks: ReadonlyMap<string, readonly string[]>;
  /** `side carrier reason` of every connection, as the switch has told observers. */
  readonly routes: Readonly<Record<Side, readonly string[]>>;
}

/** The rounds in the groups that are done in one go. */
function groupsOf(program: SocketProgram, together: boolean): Round[][] {
  const groups: Round[][] = [];
  let joins = false;
  for (const round of program.rounds) {
    if (joins) groups.at(-1)?.push(round);
    else groups.push([round]);
    joins = together && round.together === true;
  }
  return groups;
}

/** Runs a program to its end. */
export async function run(host: Host, program: SocketProgram): Promise<Outcome> {
  await host.begin(program);
  const stuck: string[] = [];
  let number = 0;
  for (const group of groupsOf(program, host.options.arrangement === 'together')) {
    const sight = await host.perform(group);
    for (const what of await settle(host, sight)) stuck.push(`after ${number}: ${what}`);
    await host.keep(number);
    number += group.length;
    // One thing that never came is a finding; what comes after it would only take long.
    if (stuck.length > 0) break;
  }
  const records = await host.finish(stuck);
  const tracks = normalised(records);
  if (leavesOpen(program)) dropUnanswered(tracks, program.rounds.length - 1);
  return { tracks, routes: { client: records.client.routes, server: records.server.routes } };
}

/** Where records have port numbers: those of track.ts and watched.ts, and in Node's messages. */
const PORT = /(?<=@|127\.0\.0\.[12]:|::1:|localhost:)\d+/g;

/** Port numbers are chosen by the kernel: what counts is whose they are. */
function normalised(records: Readonly<Record<Side, SideRecord>>): Map<string, readonly string[]> {
  const names: Readonly<Record<number, string>> = { ...records.client.ports, ...records.server.ports };
  // A client that gave up before it was connected was never asked for its port.
  const named = (digits: string): string =>
    `<${names[Number(digits)] ?? (Number(digits) < 1024 ? digits : 'unnamed')}>`;
  const tracks = new Map<string, readonly string[]>();
  for (const { tracks: own } of [records.client, records.server]) {
    for (const [name, lines] of Object.entries(own)) {
      tracks.set(
        name,
        lines.map((line) => line.replaceAll(PORT, named)),
      );
    }
  }
  return tracks;
}

/** Its last round is a connect that is given up while it is under way: TCP leaves open whether the listener's program hears of it. */
function leavesOpen(program: SocketProgram): boolean {
  return program.rounds.at(-1)?.steps.some((step) => step.do === 'connect' && step.giveUp?.when === 'soon') === true;
}

/** Takes that connection out of what the listener's side tells of the last round. */
function dropUnanswered(tracks: Map<string, readonly string[]>, last: number): void {
  for (const [name, lines] of tracks) {
    if (/^s\d/.test(name) && /remote=\S+ \S+ @<unnamed>/.test(lines[0] ?? '')) tracks.delete(name);
    if (!name.startsWith('server')) continue;
    const own = lines.filter(
      (line) => !/^(connection|drop) .*@<unnamed>$/.test(line) && !line.startsWith(`  after ${last}:`),
    );
    tracks.set(name, own);
  }
}

/** Where they differ; empty: they do not. `first` and `second` name them. */
export function difference(first: Outcome, second: Outcome): string[] {
  const report: string[] = [];
  for (const name of new Set([...first.tracks.keys(), ...second.tracks.keys()])) {
    const left = first.tracks.get(name) ?? [];
    const right = second.tracks.get(name) ?? [];
    const length = Math.max(left.length, right.length);
    for (let at = 0; at < length; at++) {
      if (left[at] === right[at]) continue;
      report.push(`${name}, line ${at}, after: ${left[at - 1] ?? '(nothing)'}`, ...lineDifference(left[at], right[at]));
      break;
    }
  }
  return report;
}

function lineDifference(left: string | undefined, right: string | undefined): string[] {
  if (left?.startsWith('  after') !== true || right?.startsWith('  after') !== true) {
    return [`  tcp: ${left ?? '(nothing)'}`, `  san: ${right ?? '(nothing)'}`];
  }
  const theirs = new Set(right.split(' '));
  const ours = new Set(left.split(' '));
  if (left.split(':')[0] !== right.split(':')[0]) return [`  tcp: ${left}`, `  san: ${right}`];
  const only = (from: ReadonlySet<string>, not: ReadonlySet<string>): string =>
    [...from].filter((part) => !not.has(part)).join(' ');
  return [`  tcp: … ${only(ours, theirs)}`, `  san: … ${only(theirs, ours)}`];
}

/**
 * Connections that did not take the SAN although the switch was on, attempts at ports where nobody listens aside; or that did
 * where only one side had it.
 */
export function strays(outcome: Outcome, arrangement: Arrangement): string[] {
  const list: string[] = [];
  if (arrangement.endsWith('-only')) {
    for (const side of ['client', 'server'] as const) {
      const told = outcome.routes[side];
      if (told.some((route) => !/ tcp\b/.test(route))) list.push(`${side}: ${told.join(', ')}`);
    }
    return list;
  }
  const tracks = [...outcome.tracks];
  const lines = tracks.flatMap(([name, own]) => (/^c\d/.test(name) ? own : []));
  const connected = lines.filter((line) => line === 'connect').length;
  const accepted = tracks.filter(([name]) => /^s\d/.test(name)).length;
  for (const [side, what, most] of [
    ['client', 'connect', connected],
    ['server', 'accept', accepted],
  ] as const) {
    const carried = outcome.routes[side].filter((route) => route === `${what} san`).length;
    if (carried < most) list.push(`${side}: ${most} times ${what}, ${outcome.routes[side].join(', ')}`);
  }
  return list;
}
