// Runs the unmodified programs of test/programs as processes of their own, on plain TCP or under the switch.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { ProgramLog } from './log.js';
import { parseRoutes, type Route } from './routes.js';

/** Tests run with the repository's root as working directory. */
export const root = process.cwd();
export const registerFile = join(root, 'register.cjs');
export const cliFile = join(root, 'dist', 'cli', 'main.js');
const probeFile = join(root, 'test', 'support', 'route-probe.cjs');

/** The Node that runs the programs: SD_TEST_NODE, or the one that runs the tests. */
export const nodeBinary = process.env['SD_TEST_NODE'] ?? process.execPath;

/**
 * SD_TEST_PLAIN=1 runs only what needs no product: the baseline on TCP. It is a choice of whoever starts the tests; a
 * product that is missing without it makes tests fail, not skip.
 */
export const plainOnly = process.env['SD_TEST_PLAIN'] === '1';

/** How the switch gets into a program; 'off' = not at all. */
export type Switching = 'off' | 'require' | 'import' | 'run';

export interface StartOptions {
  readonly switching?: Switching;
  /** The program's first argument, as JSON. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
  readonly cwd?: string;
  /** Without the first argument: where Node itself would take it for its own. */
  readonly bare?: boolean;
  /** What the program has as descriptors from 3 on: as of `stdio` of spawn. */
  readonly descriptors?: readonly (number | 'pipe')[];
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly log: ProgramLog;
  readonly stdout: string;
  readonly stderr: string;
  readonly routes: readonly Route[];
}

// Only what hangs takes as long: the machine may be slow, and busy with other things.
const READY_WITHIN = 60_000;
const FINISHED_WITHIN = 90_000;
/** What one that hangs has for saying where. */
const LAST_WORDS = 1000;
const scratch = mkdtempSync(join(tmpdir(), 'sockets-direct-test-'));
const running = new Set<ChildProcess>();
let started = 0;

/** Each program leads a process group of its own, so that its children end with it. */
const killGroup = (child: ChildProcess): void => {
  try {
    if (child.pid !== undefined) {
      process.kill(-child.pid, 'SIGKILL');
    }
  } catch {
    // Nobody of the group is left.
  }
};

process.once('exit', () => {
  for (const child of running) {
    killGroup(child);
  }
  rmSync(scratch, { recursive: true, force: true });
});
// An interrupt does not reach the other groups by itself.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

/** This process's environment without what would reach into the programs by accident. */
const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(NODE_OPTIONS|NODE_TEST_|NODE_DEBUG|SOCKETS_DIRECT|SD_TEST_|FORCE_COLOR|NO_COLOR)/.test(name),
    ),
  );

const commandLine = (file: string, options: StartOptions): { args: string[]; env: NodeJS.ProcessEnv } => {
  // On a loaded machine a listener may well need more than 50 ms to answer. That is what the fall back is for, but here
  // the route must not be a matter of load.
  const patient = { SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '10000' };
  const env = { ...cleanEnvironment(), ...patient, ...options.env };
  const parameters = options.bare === true ? [] : [JSON.stringify(options.parameters ?? {})];
  const program = [...(options.execArgv ?? []), file, ...parameters];
  switch (options.switching ?? 'off') {
    case 'require':
      return { args: ['-r', registerFile, '-r', probeFile, ...program], env };
    case 'import':
      return { args: ['--import', pathToFileURL(registerFile).href, '-r', probeFile, ...program], env };
    case 'run':
      // Children inherit what is in NODE_OPTIONS, the probe included.
      return {
        args: [cliFile, 'run', '--', nodeBinary, ...program],
        env: { ...env, NODE_OPTIONS: `--require=${JSON.stringify(probeFile)}` },
      };
    default:
      return { args: ['-r', probeFile, ...program], env };
  }
};

export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #routesFile: string;
  #stdout = '';
  #stderr = '';
  #closed = false;
  readonly #exit: Promise<void>;

  /** Starts test/programs/<file>. */
  constructor(file: string, options: StartOptions = {}) {
    this.#routesFile = join(scratch, `routes-${++started}`);
    this.#name = `${file} (${options.switching ?? 'off'})`;
    const path = resolve(root, 'test', 'programs', file);
    const { args, env } = commandLine(path, options);
    env['SD_TEST_ROUTES'] = this.#routesFile;
    this.#child = spawn(nodeBinary, args, {
      stdio: ['ignore', 'pipe', 'pipe', ...(options.descriptors ?? [])],
      env,
      cwd: options.cwd ?? root,
      detached: true,
    });
    running.add(this.#child);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#exit = once(this.#child, 'close').then(() => {
      this.#closed = true;
      running.delete(this.#child);
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get ended(): boolean {
    return this.#closed;
  }

  #line(word: string): string | undefined {
    const lines = this.#stdout.split('\n').slice(0, -1);
    return lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
  }

  #failure(what: string): Error {
    return new Error(`${this.#name}, pid ${this.pid}: ${what}\nstdout: ${this.#stdout}\nstderr: ${this.#stderr}`);
  }

  /** What the program said when it was ready: at least its port, if it is a server. */
  ready(): Promise<Record<string, unknown>> {
    return this.says('ready');
  }

  /** Whether it has written a line that begins with this word. */
  said(word: string): boolean {
    return this.#line(word) !== undefined;
  }

  /** What follows a word at the beginning of a line of its output. */
  async says(word: string): Promise<Record<string, unknown>> {
    const deadline = Date.now() + READY_WITHIN;
    for (let line = this.#line(word); ; line = this.#line(word)) {
      if (line !== undefined) {
        return JSON.parse(line) as Record<string, unknown>;
      }
      if (this.#closed || Date.now() > deadline) {
        throw this.#failure(`never said: ${word}`);
      }
      await Promise.race([this.#exit, new Promise((done) => setTimeout(done, 5))]);
    }
  }

  /** The other end of a descriptor that was given as 'pipe'. */
  descriptor(fd: number): Duplex {
    return this.#child.stdio[fd] as Duplex;
  }

  /** To the program alone, as `kill` does. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends it and whatever it started; nothing happens if that has ended already. */
  kill(): void {
    killGroup(this.#child);
  }

  /** Routes noticed so far. */
  routes(): Route[] {
    return existsSync(this.#routesFile) ? parseRoutes(readFileSync(this.#routesFile, 'utf8')) : [];
  }

  /** Waits until the program ends by itself. One that does not is killed, and that is a failure. */
  async finished(within = FINISHED_WITHIN): Promise<Finished> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#stderr += `(killed: it did not end within ${within} ms)`;
      // A program of record.cjs says what it waits for; another one ends of it.
      this.signal('SIGHUP');
      setTimeout(() => this.kill(), LAST_WORDS).unref();
    }, within);
    await this.#exit;
    clearTimeout(timer);
    if (late) this.kill(); // what it started
    const log = this.#line('log');
    return {
      code: this.#child.exitCode,
      signal: this.#child.signalCode,
      log: log === undefined ? { facts: {}, sockets: {} } : (JSON.parse(log) as ProgramLog),
      stdout: this.#stdout,
      stderr: this.#stderr,
      routes: this.routes(),
    };
  }

  /** finished(), and it must have ended well: exit code 0 and not a byte on stderr. */
  async succeeded(within = FINISHED_WITHIN): Promise<Finished> {
    const result = await this.finished(within);
    if (result.code !== 0 || result.stderr !== '') {
      throw this.#failure(`ended with ${result.signal ?? `code ${result.code}`}`);
    }
    return result;
  }

  /** Asks a server to close what it listens on and waits until it ends by itself. */
  async stopped(): Promise<Finished> {
    this.signal('SIGTERM');
    return this.succeeded();
  }
}
