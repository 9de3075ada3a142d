/** Makes a program that differs smaller for as long as it does: what is left is easier to understand, and to keep. */
import type { Laboratory } from './differential.js';
import type { Arrangement } from './host.js';
import type { Round, SocketProgram } from './program.js';

/** Programs with one thing less. */
function* smaller(program: SocketProgram): Generator<SocketProgram> {
  const { rounds } = program;
  const replaced = (at: number, round: Round | null): SocketProgram => ({
    ...program,
    rounds: rounds.flatMap((own, index) => (index !== at ? [own] : round === null ? [] : [round])),
  });
  for (let at = rounds.length - 1; at >= 0; at--) yield replaced(at, null);
  for (const [at, round] of rounds.entries()) {
    const { steps } = round;
    for (let i = steps.length - 1; i >= 0 && steps.length > 1; i--) {
      yield replaced(at, { ...round, steps: steps.filter((_, index) => index !== i) });
    }
    const [first, ...others] = steps;
    if (first?.do === 'connect' && first.then.length > 0) {
      for (let i = 0; i < first.then.length; i++) {
        const then = first.then.filter((_, index) => index !== i);
        yield replaced(at, { ...round, steps: [{ ...first, then }, ...others] });
      }
    }
    if (first?.do === 'connect') {
      for (const key of Object.keys(first.options)) {
        if (key === 'host') continue;
        const options = { ...first.options };
        Reflect.deleteProperty(options, key);
        yield replaced(at, { ...round, steps: [{ ...first, options }, ...others] });
      }
    }
  }
  for (const [at, server] of program.servers.entries()) {
    for (let i = 0; i < server.greeting.length; i++) {
      const greeting = server.greeting.filter((_, index) => index !== i);
      yield { ...program, servers: program.servers.map((own, index) => (index === at ? { ...own, greeting } : own)) };
    }
    for (const key of Object.keys(server.options)) {
      const options = { ...server.options };
      Reflect.deleteProperty(options, key);
      yield { ...program, servers: program.servers.map((own, index) => (index === at ? { ...own, options } : own)) };
    }
  }
}

/** The smallest program found that still differs. */
export async function reduce(
  laboratory: Laboratory,
  program: SocketProgram,
  arrangement: Arrangement,
): Promise<SocketProgram> {
  let best = program;
  for (let found = true; found; ) {
    found = false;
    for (const candidate of smaller(best)) {
      const { verdict } = await laboratory.judge(candidate, arrangement);
      if (verdict !== 'differs') continue;
      best = candidate;
      found = true;
      break;
    }
  }
  return best;
}
