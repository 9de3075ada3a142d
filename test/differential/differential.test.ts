// Random socket programs on TCP and on the SAN: the same bytes, events, error codes and states (D1, CONN-1). A fixed
// number of seeds on every run; `npm run differential -- --seeds 5000` runs more.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { root } from '../support/program.js';
import { ARRANGEMENTS, arrangementsOf, type Judgement, Laboratory } from './differential.js';
import { generate } from './generate.js';
import type { Arrangement } from './host.js';
import type { SocketProgram } from './program.js';
import { REGRESSIONS } from './regressions.js';

const SEEDS = 200;
/** Seeds of one test, each of which has a time limit. */
const AT_ONCE = 10;
/** Seeds whose outcome on TCP is not settled by the program: few, or the generator is to be mended. */
const UNDETERMINED_MAX = SEEDS / 20;
/** Within so many seeds each kind of sabotage must show. */
const SABOTAGED_SEEDS = 150;

const judgeAll = (
  laboratory: Laboratory,
  program: SocketProgram,
  arrangements: readonly Arrangement[] = ARRANGEMENTS,
): Promise<Judgement[]> => Promise.all(arrangements.map((arrangement) => laboratory.judge(program, arrangement)));

describe('the same program on TCP and on the SAN', () => {
  const laboratory = new Laboratory();
  after(() => laboratory.close());

  for (const { name, program } of REGRESSIONS) {
    it(name, async () => {
      for (const { verdict, report } of await judgeAll(laboratory, program)) {
        assert.equal(verdict, 'clean', report.join('\n'));
      }
    });
  }

  let undetermined = 0;
  let lines = 0;
  for (let first = 1; first <= SEEDS; first += AT_ONCE) {
    it(`random programs, seeds ${first} to ${first + AT_ONCE - 1}, come out the same in two processes and in one`, async () => {
      for (let seed = first; seed < first + AT_ONCE; seed++) {
        for (const { verdict, arrangement, report, plain } of await judgeAll(
          laboratory,
          generate(seed),
          arrangementsOf(seed),
        )) {
          const again = `npm run differential -- --arrangement ${arrangement} --seed ${seed}`;
          assert.notEqual(verdict, 'differs', `${report.join('\n')}\nto see it again: ${again}`);
          if (verdict === 'undetermined') undetermined++;
          for (const track of plain.tracks.values()) lines += track.length;
        }
      }
    });
  }

  it('nearly all of them had an outcome to compare with, and the runners had nothing to complain of', () => {
    assert.ok(undetermined <= UNDETERMINED_MAX, `${undetermined} of ${SEEDS} programs had none`);
    assert.ok(lines > SEEDS * 50, `${lines} lines of records: too few to show anything`);
    assert.equal(laboratory.complaints, '');
  });
});

describe('a switch that is spoiled on purpose is found out', () => {
  const kinds: readonly (readonly [kind: string, arrangement?: Arrangement])[] = [
    ['a lost byte'],
    ['a lost byte on TCP', 'client-only'],
    ['a lost byte on TCP', 'server-only'],
    ['a connect that goes on'],
    ['a changed byte'],
    ['swapped events'],
    ['a missing event'],
    ['another code'],
    ['a wrong state'],
  ];
  for (const [kind, arrangement = 'together'] of kinds) {
    it(`${kind}, ${arrangement}`, async () => {
      const laboratory = new Laboratory({ file: join(root, 'test', 'differential', 'sabotage.cjs'), kind });
      try {
        for (let seed = 1; seed <= SABOTAGED_SEEDS; seed++) {
          const { verdict } = await laboratory.judge(generate(seed), arrangement);
          if (verdict === 'differs') return;
        }
        assert.fail(`not found within ${SABOTAGED_SEEDS} seeds`);
      } finally {
        laboratory.close();
      }
    });
  }
});
