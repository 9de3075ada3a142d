/** The kit's front: gives its cases to whatever runner the author uses. */
import { Bench } from './bench.js';
import { type ConformanceCase, whyNot } from './case.js';
import { CASES } from './cases/index.js';
import type { ProviderFactory } from './factory.js';

/** What `suite` is given. */
export interface SuiteOptions {
  /** The runner's function for one test: `test` of node:test, `it` of mocha or vitest … */
  readonly test: (name: string, run: () => Promise<void>) => unknown;
  /** Told of cases that do not apply, each with the reason; without it they are left out in silence. */
  readonly skip?: (name: string, reason: string) => unknown;
  readonly factory: ProviderFactory;
}

/** Registers every case that applies to the provider, each with a fresh pair of instances. */
export function suite({ test, skip, factory }: SuiteOptions): void {
  for (const conformanceCase of CASES) {
    const reason = whyNot(conformanceCase, factory.manifest);
    if (reason === null) test(conformanceCase.name, () => runCase(conformanceCase, factory));
    else skip?.(conformanceCase.name, reason);
  }
}

/** One case. Rejects with a `ConformanceError`, or with what went wrong in the factory. */
async function runCase(conformanceCase: ConformanceCase, factory: ProviderFactory): Promise<void> {
  const pair = await factory.create();
  const bench = new Bench(conformanceCase.requirements, factory.manifest, pair);
  try {
    await runOn(bench, conformanceCase);
  } finally {
    await bench.release();
  }
}

async function runOn(bench: Bench, { run, unstarted }: ConformanceCase): Promise<void> {
  let failure: unknown = null;
  try {
    if (unstarted !== true) bench.open();
    await run(bench);
  } catch (error) {
    failure = error;
  }
  try {
    await bench.close();
  } catch (error) {
    // What came first explains what came after.
    failure ??= error;
  }
  if (failure !== null) throw failure as Error;
}
