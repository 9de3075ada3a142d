// Runs random socket programs on TCP and on the SAN and compares what becomes of them (test/differential):
//   npm run differential -- [--seeds N] [--from FIRST]   N seeds (default 1000) from FIRST (default 1) on
//   npm run differential -- --seed N                     one seed, with everything that happened
//     --small   a program that differs is made smaller as long as it does, and printed
//     --arrangement apart|together|client-only|server-only   only with the two sides in processes of their own, only in one,
//               or only with the switch on one side
//     --log FILE   each seed's verdict goes there at once; a run that was cut off goes on behind the last one
// A seed that differs prints the command that shows it again.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const folder = fileURLToPath(new URL('../out/test/differential/', import.meta.url));
if (!existsSync(`${folder}differential.js`)) {
  console.error('not compiled (npm run build:test)');
  process.exit(2);
}
const { ARRANGEMENTS, arrangementsOf, Laboratory } = await import(`${folder}differential.js`);
const { generate } = await import(`${folder}generate.js`);
const { reduce } = await import(`${folder}reduce.js`);

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    small: { type: 'boolean', default: false },
    arrangement: { type: 'string' },
    log: { type: 'string' },
  },
});

/** @param {string} text @returns {number} */
function natural(text) {
  if (!/^\d{1,9}$/.test(text)) {
    console.error(`not a number: ${text}`);
    process.exit(2);
  }
  return Number(text);
}

const { arrangement: only, log } = values;
if (only !== undefined && !ARRANGEMENTS.includes(only)) {
  console.error(`no arrangement: ${only}`);
  process.exit(2);
}
const laboratory = new Laboratory();

/** @param {string} title @param {ReadonlyMap<string, readonly string[]>} tracks */
function print(title, tracks) {
  for (const [name, lines] of tracks) {
    console.log(`\n${title}, ${name}`);
    for (const line of lines) console.log(`  ${line}`);
  }
}

/** @param {number} seed @returns {Promise<string>} its verdict */
async function judge(seed) {
  const program = generate(seed);
  const alone = values.seed !== undefined;
  if (alone) console.log(JSON.stringify(program, null, 1));
  let verdict = 'clean';
  const arrangements = only === undefined ? arrangementsOf(seed) : [only];
  const judgements = await Promise.all(arrangements.map((arrangement) => laboratory.judge(program, arrangement)));
  for (const judgement of judgements) {
    const { arrangement } = judgement;
    if (alone) {
      print(`${arrangement}, tcp`, judgement.plain.tracks);
      if (judgement.report.length > 0) print(`${arrangement}, san`, judgement.switched.tracks);
    }
    if (judgement.verdict === 'clean') continue;
    if (verdict !== 'differs') verdict = judgement.verdict;
    console.log(`seed ${seed}, ${arrangement}: ${judgement.verdict}`);
    for (const line of judgement.report) console.log(`    ${line}`);
    if (judgement.verdict === 'differs') {
      console.log(`  npm run differential -- --arrangement ${arrangement} --seed ${seed}`);
      if (values.small) console.log(JSON.stringify(await reduce(laboratory, program, arrangement)));
    }
  }
  return verdict;
}

const started = performance.now();
/** @type {Record<string, number>} */
const counts = { clean: 0, differs: 0, undetermined: 0 };
const first = natural(values.seed ?? values.from);
const count = values.seed === undefined ? natural(values.seeds) : 1;
let next = first;
if (log !== undefined && existsSync(log)) {
  for (const [, seed, verdict] of readFileSync(log, 'utf8').matchAll(/^(\d+) (clean|differs|undetermined)$/gm)) {
    if (Number(seed) !== next) continue;
    counts[verdict]++;
    next++;
  }
}
// Whatever ends a run, it says how far it has come.
process.on('exit', (code) => {
  if (next < first + count)
    console.log(`ended (${code}) before seed ${next}: --from ${next}, or the same --log, goes on`);
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    laboratory.close();
    process.exit(3);
  });
}
while (next < first + count) {
  const verdict = await judge(next);
  counts[verdict]++;
  if (log !== undefined) appendFileSync(log, `${next} ${verdict}\n`);
  next++;
}
const { complaints } = laboratory;
laboratory.close();
const seconds = ((performance.now() - started) / 1000).toFixed(1);
if (complaints !== '') console.log(`on stderr: ${complaints}`);
console.log(
  `${count} seeds: ${counts.clean} clean, ${counts.differs} differ, ${counts.undetermined} undetermined, ${seconds} s`,
);
process.exitCode = counts.differs > 0 || complaints !== '' ? 1 : 0;
