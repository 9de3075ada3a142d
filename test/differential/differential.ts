/**
 * Runs programs on TCP and on the SAN, with the two sides in processes of their own and in one, and says where the outcomes
 * differ (D1). A program whose plain run does not even agree with itself says nothing, and is counted apart.
 */
import { type Arrangement, Host, type Sabotage } from './host.js';
import { difference, type Outcome, run, strays } from './outcome.js';
import type { SocketProgram } from './program.js';

export const ARRANGEMENTS: readonly Arrangement[] = ['apart', 'together', 'client-only', 'server-only'];

/** Those that a seed is run in: with the switch on both sides; and every second one with the switch on one side, where it is TCP again. */
export function arrangementsOf(seed: number): readonly Arrangement[] {
  const oneSided: readonly Arrangement[] = seed % 4 === 1 ? ['client-only'] : seed % 4 === 3 ? ['server-only'] : [];
  return ['apart', 'together', ...oneSided];
}

export type Verdict = 'clean' | 'differs' | 'undetermined';

export interface Judgement {
  readonly verdict: Verdict;
  readonly arrangement: Arrangement;
  /** Where they differ, in lines to be read. */
  readonly report: readonly string[];
  readonly plain: Outcome;
  readonly switched: Outcome;
}

/** Further plain runs that must agree with the first before a difference counts; and before one that is seldom does. */
const PLAIN_RUNS = 3;
const SELDOM_RUNS = 20;

/** Sets of long-lived runners: plain ones and switched ones, for each arrangement. */
export class Laboratory {
  readonly #hosts = new Map<string, Host>();
  /** By the same key: the run that a host is at, for it does one at a time. */
  readonly #busy = new Map<string, Promise<unknown>>();

  /** `sabotage`: of the switched runners, to show that it is found. */
  constructor(readonly sabotage?: Sabotage) {}

  #host(key: string, arrangement: Arrangement, switched: boolean): Host {
    let host = this.#hosts.get(key);
    if (host === undefined) {
      const spoil = switched && this.sabotage !== undefined ? { sabotage: this.sabotage } : {};
      host = new Host({ arrangement, switched, ...spoil });
      this.#hosts.set(key, host);
    }
    return host;
  }

  #run(arrangement: Arrangement, switched: boolean, program: SocketProgram): Promise<Outcome> {
    // Without the switch it is all the same which side would have it.
    const own = !switched && arrangement.endsWith('-only') ? 'apart' : arrangement;
    const key = `${own} ${switched}`;
    const before = this.#busy.get(key) ?? Promise.resolve();
    const outcome = before.then(() => this.#runNow(key, this.#host(key, own, switched), program));
    this.#busy.set(key, outcome);
    return outcome;
  }

  async #runNow(key: string, host: Host, program: SocketProgram): Promise<Outcome> {
    try {
      return await run(host, program);
    } catch (error) {
      // A runner has died: the next program gets a new one.
      host.close();
      this.#hosts.delete(key);
      const lines = [`the run failed: ${String(error)}`];
      return { tracks: new Map([['runner', lines]]), routes: { client: [], server: [] } };
    }
  }

  async judge(program: SocketProgram, arrangement: Arrangement): Promise<Judgement> {
    const [plain, switched] = await Promise.all([
      this.#run(arrangement, false, program),
      this.#run(arrangement, true, program),
    ]);
    const judgement = { arrangement, plain, switched };
    const report = [...difference(plain, switched), ...strays(switched, arrangement)];
    if (report.length === 0) return { ...judgement, verdict: 'clean', report };
    const unlike = await this.#disagreement(arrangement, program, plain, PLAIN_RUNS);
    if (unlike !== null) return { ...judgement, verdict: 'undetermined', report: unlike };
    const again = await this.#run(arrangement, true, program);
    if (difference(plain, again).length + strays(again, arrangement).length > 0)
      return { ...judgement, verdict: 'differs', report };
    // It differs now and then: perhaps TCP does as well, but seldom.
    const seldom = await this.#disagreement(arrangement, program, plain, SELDOM_RUNS);
    if (seldom !== null) return { ...judgement, verdict: 'undetermined', report: seldom };
    return { ...judgement, verdict: 'differs', report: [...report, '(not each time)'] };
  }

  /** How plain runs differ from each other; null: they do not. */
  async #disagreement(
    arrangement: Arrangement,
    program: SocketProgram,
    plain: Outcome,
    runs: number,
  ): Promise<string[] | null> {
    for (let i = 0; i < runs; i++) {
      const own = difference(plain, await this.#run(arrangement, false, program));
      if (own.length > 0) return own;
    }
    return null;
  }

  /** What runners have said on stderr. */
  get complaints(): string {
    return [...this.#hosts.values()].map((host) => host.complaints).join('');
  }

  close(): void {
    for (const host of this.#hosts.values()) host.close();
  }
}
