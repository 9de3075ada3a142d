/** Runner processes: one for each side, or one for both; plain, or under the switch. They run one program after the other. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { nodeBinary, registerFile } from '../support/program.js';
import type { Answer, Order, Round, Sight, SideRecord, SocketProgram } from './program.js';

const runnerFile = fileURLToPath(new URL('runner.js', import.meta.url));

export type Side = 'client' | 'server';
/** The two sides in processes of their own, both under the switch or only one of them; or in one process. */
export type Arrangement = 'apart' | 'client-only' | 'server-only' | 'together';

export interface HostOptions {
  readonly arrangement: Arrangement;
  readonly switched: boolean;
  /** For the harness to catch. */
  readonly sabotage?: Sabotage;
}

/** A preload, loaded after the switch, and what it is to spoil. */
export interface Sabotage {
  readonly file: string;
  readonly kind: string;
}

/** A runner that does not answer for so long hangs, and is ended: that is a finding, and the next program goes on. Milliseconds. */
const ANSWER_WITHIN = 120_000;

const OTHER_ONLY: Readonly<Record<Side, Arrangement>> = { client: 'server-only', server: 'client-only' };

/** The environment without what would reach into the runners by accident. */
function environment(switched: boolean, sabotage: Sabotage | undefined): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(NODE_OPTIONS|NODE_TEST_|NODE_DEBUG|SOCKETS_DIRECT|FORCE_COLOR|NO_COLOR)/.test(name),
  );
  // A loaded machine must not decide the route.
  const patience = switched ? { SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '10000' } : {};
  const spoil = sabotage === undefined ? {} : { SD_DIFFERENTIAL_SABOTAGE: sabotage.kind };
  return { ...Object.fromEntries(own), ...patience, ...spoil };
}

class Runner {
  readonly #child: ChildProcess;
  #stderr = '';
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | null = null;

  constructor(
    readonly sides: readonly Side[],
    options: HostOptions,
  ) {
    const { arrangement } = options;
    const switched = options.switched && !sides.some((side) => arrangement === OTHER_ONLY[side]);
    const sabotage = switched ? options.sabotage : undefined;
    const before = [
      ...(switched ? ['-r', registerFile] : []),
      ...(sabotage === undefined ? [] : ['-r', sabotage.file]),
    ];
    this.#child = fork(runnerFile, [], {
      execPath: nodeBinary,
      execArgv: before,
      env: environment(switched, sabotage),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#child.on('message', (answer: Answer) => this.#take()?.resolve(answer));
    this.#child.on('exit', (code, signal) => {
      this.#take()?.reject(
        new Error(`the runner of ${sides.join(' and ')} ended (${signal ?? code}): ${this.#stderr}`),
      );
    });
  }

  #take(): { resolve(answer: Answer): void; reject(error: Error): void } | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
  }

  ask(order: Order): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (!this.#child.connected) {
        reject(new Error(`the runner of ${this.sides.join(' and ')} is gone: ${this.#stderr}`));
        return;
      }
      const late = setTimeout(() => this.close(), ANSWER_WITHIN);
      const answered = (): void => clearTimeout(late);
      this.#waiting = {
        resolve: (answer) => {
          answered();
          resolve(answer);
        },
        reject: (error) => {
          answered();
          reject(error);
        },
      };
      this.#child.send(order);
    });
  }

  close(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }

  /** What it has said on stderr; a word there is a difference too. */
  get complaints(): string {
    return this.#stderr;
  }
}

export class Host {
  readonly #runners: readonly Runner[];

  constructor(readonly options: HostOptions) {
    this.#runners =
      options.arrangement === 'together'
        ? [new Runner(['client', 'server'], options)]
        : [new Runner(['server'], options), new Runner(['client'], options)];
  }

  async begin(program: SocketProgram): Promise<void> {
    let ports: readonly number[] | null = null;
    for (const runner of this.#runners) {
      const answer = await runner.ask({ type: 'begin', program, sides: runner.sides, ports });
      if (answer.type === 'ready') ({ ports } = answer);
    }
  }

  /** Has everybody do their part of these rounds, and look. */
  async perform(rounds: readonly Round[]): Promise<Sight> {
    const parts = this.#runners.map((runner) =>
      runner.ask({ type: 'do', rounds: rounds.filter(({ side }) => runner.sides.includes(side)) }),
    );
    return merged(await Promise.all(parts));
  }

  /** How things are is how they are after this round. Comes before anybody does anything more. */
  async keep(after: number): Promise<void> {
    await this.#all({ type: 'keep', after });
  }

  #all(order: Order): Promise<Answer[]> {
    return Promise.all(this.#runners.map((runner) => runner.ask(order)));
  }

  async turn(): Promise<Sight> {
    return merged(await this.#all({ type: 'turn' }));
  }

  /** The record; then everything that is left is ended. */
  async finish(stuck: readonly string[]): Promise<Readonly<Record<Side, SideRecord>>> {
    const answers = await this.#all({ type: 'record', stuck });
    await this.#all({ type: 'end' });
    const records: Partial<Record<Side, SideRecord>> = {};
    for (const answer of answers) if (answer.type === 'record') Object.assign(records, answer.records);
    const { client, server } = records;
    if (client === undefined || server === undefined) throw new Error('a side has no record');
    return { client, server };
  }

  close(): void {
    for (const runner of this.#runners) runner.close();
  }

  get complaints(): string {
    return this.#runners.map((runner) => runner.complaints).join('');
  }
}

function merged(answers: readonly Answer[]): Sight {
  const sights = answers.flatMap((answer) => (answer.type === 'sight' ? [answer.sight] : []));
  const sum = (of: (sight: Sight) => number): number => sights.reduce((total, sight) => total + of(sight), 0);
  return {
    activity: sum((sight) => sight.activity),
    accepted: sum((sight) => sight.accepted),
    dropped: sum((sight) => sight.dropped),
    connected: sum((sight) => sight.connected),
    closedServers: sights.some((sight) => sight.closedServers),
    sockets: sights.flatMap((sight) => sight.sockets),
  };
}
