/** Find and ask every isolate that runs the switch: main threads and workers, of all processes in this network namespace. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { findQueryNames, query } from '../observe/index.js';
import type { ConnectionSnapshot, ListenerSnapshot, NoAnswer, ProviderSnapshot, Stats } from '../observe/index.js';

/** One isolate, as `ss --json` shows it. */
export interface Isolate {
  readonly pid: number;
  /** worker_threads' threadId; 0 is the main thread. */
  readonly thread: number;
  readonly uid: number;
  /** Does the process that the name claims hold the socket? False: it lives in another PID namespace, or the name lies. */
  readonly verified: boolean;
  readonly status: 'ok' | 'off' | 'no-answer';
  /** Why off, or why no answer. */
  readonly reason: string | null;
  readonly detail: string | null;
  readonly program: string;
  readonly version: string | null;
  readonly node: string | null;
  readonly providers: readonly ProviderSnapshot[];
  readonly listeners: readonly ListenerSnapshot[];
  readonly connections: readonly ConnectionSnapshot[];
  readonly omitted: number;
  readonly stats: Stats | null;
}

export interface Wanted {
  /** Null: every user's. */
  readonly uid: number | null;
  readonly pid: number | null;
}

/** For each question: a process that is stopped or busy for longer is listed as not answering. */
const TIMEOUT_MILLISECONDS = 2000;
/** Descriptors and memory, not speed, set this. */
const QUESTIONS_AT_ONCE = 64;

type Name = ReturnType<typeof findQueryNames>[number];

/** The inodes of all sockets a process holds; empty where it is not ours to see. */
function socketsOf(pid: number): ReadonlySet<string> {
  const inodes = new Set<string>();
  const folder = `/proc/${pid}/fd`;
  try {
    for (const fd of readdirSync(folder)) {
      const inode = /^socket:\[(\d+)\]$/.exec(readDescriptor(`${folder}/${fd}`));
      if (inode !== null) inodes.add(inode[1]);
    }
  } catch {
    // Ended, another PID namespace, or protected: nothing is confirmed.
  }
  return inodes;
}

function readDescriptor(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Closed between listing and reading.
    return '';
  }
}

/** Node's options that take their value as the next argument, as far as they stand before a program in practice. */
const OPTIONS_WITH_VALUE = ['-r', '--require', '--import', '--loader', '--experimental-loader', '-C', '--conditions'];

/** argv[1] of a process that does not answer, from its command line; the executable where there is none. */
export function programOf(commandLine: string): string {
  const args = commandLine.split('\0').filter((argument) => argument !== '');
  const isProgram = (argument: string, index: number): boolean =>
    index > 0 && !argument.startsWith('-') && !OPTIONS_WITH_VALUE.includes(args[index - 1]);
  return args.find(isProgram) ?? args.at(0) ?? '';
}

function readProgram(pid: number): string {
  try {
    return programOf(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  } catch {
    // Ended meanwhile, or not ours to see.
    return '';
  }
}

function silent(name: Name, verified: boolean, why: NoAnswer): Isolate {
  const program = verified ? readProgram(name.pid) : '';
  return {
    pid: name.pid,
    thread: name.thread,
    uid: name.uid,
    verified,
    status: 'no-answer',
    reason: why,
    detail: null,
    program,
    version: null,
    node: null,
    providers: [],
    listeners: [],
    connections: [],
    omitted: 0,
    stats: null,
  };
}

async function ask(name: Name, verified: boolean): Promise<Isolate | null> {
  const result = await query(name.path, TIMEOUT_MILLISECONDS);
  if (result.kind === 'gone') return null;
  if (result.kind === 'no-answer') return silent(name, verified, result.why);
  const { snapshot } = result;
  return {
    // Which isolate it is, its name says: the answer's own claim would be a second source for the same thing.
    pid: name.pid,
    thread: name.thread,
    uid: name.uid,
    verified,
    status: snapshot.status,
    reason: snapshot.reason,
    detail: snapshot.detail,
    program: snapshot.program,
    version: snapshot.version,
    node: snapshot.node,
    providers: snapshot.providers,
    listeners: snapshot.listeners,
    connections: snapshot.connections,
    omitted: snapshot.omitted,
    stats: snapshot.stats,
  };
}

/** All isolates that are wanted, by pid and thread. Throws where /proc/net/unix cannot be read. */
export async function findIsolates(wanted: Wanted): Promise<readonly Isolate[]> {
  const names = findQueryNames(readFileSync('/proc/net/unix', 'utf8')).filter(
    ({ uid, pid }) => (wanted.uid === null || uid === wanted.uid) && (wanted.pid === null || pid === wanted.pid),
  );
  const sockets = new Map([...new Set(names.map(({ pid }) => pid))].map((pid) => [pid, socketsOf(pid)]));
  const isVerified = ({ pid, inode }: Name): boolean => sockets.get(pid)?.has(inode) ?? false;
  // This very command, when it runs under the switch itself, is not news.
  const others = names.filter((name) => name.pid !== process.pid || !isVerified(name));

  const isolates: Isolate[] = [];
  for (let start = 0; start < others.length; start += QUESTIONS_AT_ONCE) {
    const batch = others.slice(start, start + QUESTIONS_AT_ONCE);
    const answers = await Promise.all(batch.map((name) => ask(name, isVerified(name))));
    isolates.push(...answers.filter((isolate) => isolate !== null));
  }
  return isolates.sort((a, b) => a.pid - b.pid || a.thread - b.thread);
}
