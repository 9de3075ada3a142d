// Processes for the fault tests: started in any way, told what to do by lines on stdin, heard by lines on stdout, and
// looked at from outside through /proc.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const root = process.cwd();
const programs = join(root, 'test', 'programs', 'faults');
const probe = join(programs, 'lib', 'probe.cjs');
const registerFile = join(root, 'register.cjs');

/** The Node that runs the programs: SD_TEST_NODE, or the one that runs the tests. */
export const nodeBinary = process.env['SD_TEST_NODE'] ?? process.execPath;

/** A folder for this test file, removed at its end. */
export const scratch = mkdtempSync(join(tmpdir(), 'sockets-direct-faults-'));
const running = new Set<ChildProcess>();
let started = 0;

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
});

/** What the product promises is a second; whoever notices only when a time is up is later than this, or never notices. */
export const SOON = 20_000;
/** Only what hangs takes as long. */
const PATIENCE = 60_000;

export interface StartOptions {
  /** Whether the program runs under the switch; default true. */
  readonly switched?: boolean;
  /** Another copy of the package than this one. */
  readonly register?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
  /** Put before the command line of Node: `sh -c …`, a tool that limits what the process may do. */
  readonly wrap?: readonly string[];
  /** Without the probe there are no events; it needs `--require`. */
  readonly probe?: boolean;
}

/** What a program needs of its test: to be told of the end. A TestContext is one. */
interface Scope {
  after(end: () => void): void;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One notice of the switch's diagnostics channels, as lib/probe.cjs writes it. */
export interface Notice {
  readonly channel: 'route' | 'link' | 'error' | 'listener';
  readonly at: number;
  readonly [name: string]: unknown;
}

/** This process's environment without what would reach into the programs by accident. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(NODE_OPTIONS|NODE_TEST_|NODE_DEBUG|SOCKETS_DIRECT|SD_TEST_|FORCE_COLOR|NO_COLOR)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

export class Proc {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #events: string;
  readonly #over: Promise<void>;
  #stdout = '';
  #stderr = '';
  #ended = false;

  /** Starts test/programs/faults/<file>, or a file by its path; it is killed at the end of the test if it is still there. */
  constructor(scope: Scope, file: string, options: StartOptions = {}) {
    this.name = file;
    this.#events = join(scratch, `events-${++started}`);
    // On a busy machine an answer may well take more than 50 ms; here the route must not be a matter of load.
    const patient = { SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '10000' };
    const env = { ...cleanEnvironment(), ...patient, ...options.env, SD_FAULT_EVENTS: this.#events };
    const args = [...(options.execArgv ?? [])];
    if (options.switched !== false) args.push('-r', options.register ?? registerFile);
    if (options.probe !== false) args.push('-r', probe);
    args.push(resolve(programs, file), JSON.stringify(options.parameters ?? {}));
    const [command = nodeBinary, ...rest] = [...(options.wrap ?? []), nodeBinary, ...args];
    this.#child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'], env, cwd: root });
    running.add(this.#child);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#child.stdin?.on('error', () => undefined); // it may be gone when it is told something
    this.#over = once(this.#child, 'close').then(() => {
      this.#ended = true;
      running.delete(this.#child);
    });
    scope.after(() => this.kill());
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Says a line on the program's stdin. */
  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The lines `word {json}` that it has printed so far. */
  said(word: string): Record<string, unknown>[] {
    const lines = this.#stdout.split('\n').slice(0, -1);
    return lines
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => JSON.parse(line.slice(word.length + 1)) as Record<string, unknown>);
  }

  #failure(what: string): Error {
    const end = this.#ended ? ` (ended: ${this.#child.exitCode ?? this.#child.signalCode})` : '';
    return new Error(`${this.name}, pid ${this.pid}: ${what}${end}\nstdout: ${this.#stdout}\nstderr: ${this.#stderr}`);
  }

  /** The first line `word {json}` for which `accept` holds. */
  async hears(
    word: string,
    accept: (message: Record<string, unknown>) => boolean = () => true,
    within = PATIENCE,
  ): Promise<Record<string, unknown>> {
    const deadline = Date.now() + within;
    for (;;) {
      const found = this.said(word).find(accept);
      if (found !== undefined) return found;
      if (this.#ended || Date.now() > deadline) throw this.#failure(`never said "${word}"`);
      await delay(2);
    }
  }

  /** The port of a program that listens. */
  async port(): Promise<number> {
    return (await this.hears('ready'))['port'] as number;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  kill(): void {
    if (!this.#ended) this.#child.kill('SIGKILL');
  }

  /** Waits until it ends by itself; one that does not is killed, and that is a failure. */
  async finished(within = 90_000): Promise<Ended> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.kill();
    }, within);
    await this.#over;
    clearTimeout(timer);
    if (late) throw this.#failure(`did not end within ${within} ms`);
    const { exitCode: code, signalCode: signal } = this.#child;
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
  }

  /** finished(), with code 0 and not a byte on stderr. */
  async succeeded(within?: number): Promise<Ended> {
    const result = await this.finished(within);
    if (result.code !== 0 || result.stderr !== '') throw this.#failure('did not end well');
    return result;
  }

  /** Asks a program to end. */
  async stopped(): Promise<Ended> {
    this.signal('SIGTERM');
    return this.succeeded();
  }

  /** It must be alive and well. */
  assertAlive(): void {
    if (this.#ended || this.#stderr !== '') throw this.#failure('is not well');
  }

  /** What its switch has told observers so far. */
  notices(channel?: Notice['channel']): Notice[] {
    if (!existsSync(this.#events)) return [];
    const all = readFileSync(this.#events, 'utf8')
      .split('\n')
      .slice(0, -1) // what follows the last line end is being written
      .map((line) => JSON.parse(line) as Notice);
    return channel === undefined ? all : all.filter((notice) => notice.channel === channel);
  }

  /** Messages of the channel 'sockets-direct:error'. */
  errors(): string[] {
    return this.notices('error').map(({ code, message }) => `${String(code)}: ${String(message)}`);
  }

  // ---------------------------------------------------------------- from outside

  /** What its descriptors are. */
  descriptors(): string[] {
    const folder = `/proc/${this.pid}/fd`;
    return readdirSync(folder).flatMap((fd) => {
      try {
        return [readlinkSync(join(folder, fd)).replace(/\d+/g, 'N')];
      } catch {
        return []; // closed meanwhile
      }
    });
  }

  /** How many shared memory areas of links it has mapped. */
  mappings(): number {
    return readFileSync(`/proc/${this.pid}/maps`, 'utf8')
      .split('\n')
      .filter((line) => line.includes('/memfd:')).length;
  }

  /** Resident memory of its own, in MiB: what is shared belongs to the link. */
  memory(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  }

  holdings(): Holdings {
    return { descriptors: this.descriptors().sort(), mappings: this.mappings() };
  }
}

export interface Holdings {
  readonly descriptors: readonly string[];
  readonly mappings: number;
}

/** Descriptors and mappings must be what they were. */
export async function assertReturned(process: Proc, before: Holdings, within = SOON): Promise<void> {
  const wanted = JSON.stringify(before);
  const deadline = Date.now() + within;
  while (JSON.stringify(process.holdings()) !== wanted && Date.now() < deadline) await delay(10);
  assert.deepEqual(process.holdings(), before, `${process.name} must hold what it held before`);
}
