// A cluster under load for a long time while its workers are killed, stopped, disconnected and replaced, with the switch and
// without: node scripts/soak-cluster.mjs [--minutes 10] [--workers 4] [--every 150] [--requests 1000]
// Every body is checked; of what failed, each kind must be one that plain TCP gives too. The programs are those of
// test/programs. Ends with 1 if anything was wrong.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    workers: { type: 'string', default: '4' },
    every: { type: 'string', default: '150' },
    requests: { type: 'string', default: '1000' },
  },
});
const FAIR = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE']);
/** What the primary had given to a worker that died before it took it: only connections on TCP hang like that. */
const LOST = 'NO_ANSWER';

/** @param {string} file @param {boolean} switched @param {object} parameters */
function program(file, switched, parameters) {
  const args = [
    ...(switched ? ['-r', `${root}register.cjs`] : []),
    `${root}test/programs/${file}`,
    JSON.stringify(parameters),
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ part) => {
    text += part;
  });
  const ended = once(child, 'close');
  return {
    child,
    ended,
    /** The JSON after a word at the beginning of a line. @param {string} word */
    async says(word) {
      for (;;) {
        const found = new RegExp(`^${word} (.*)\\n`, 'm').exec(text)?.[1];
        if (found !== undefined) return JSON.parse(found);
        if (child.exitCode !== null) throw new Error(`${file} ended without: ${word}`);
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]);
      }
    },
  };
}

/** @param {boolean} switched @param {string} schedule @param {string[]} harm */
async function round(switched, schedule, harm) {
  const every = Number(values.every);
  const server = program('cluster-http-server.mjs', switched, {
    workers: Number(values.workers),
    schedule,
    harm,
    every,
  });
  const { port } = await server.says('ready');
  const requests = switched ? Number(values.requests) : Math.ceil(Number(values.requests) / 20);
  const client = program('cluster-load-client.mjs', switched, { host: '127.0.0.1', port, requests, patience: 3000 });
  await client.ended;
  const { facts } = await client.says('log');
  server.child.kill('SIGTERM');
  await server.ended;
  const unfair = Object.keys(facts.failures).filter((code) => !FAIR.has(code) && code !== LOST);
  const good = client.child.exitCode === 0 && facts.wrong === 0 && unfair.length === 0;
  const what = `${switched ? 'switch' : 'plain '} ${schedule.padEnd(4)} ${harm.join('+')}`;
  console.log(
    `${good ? 'good' : 'BAD '} ${what}: ${facts.done} done, ${facts.wrong} wrong,`,
    JSON.stringify(facts.failures),
  );
  return good;
}

const until = Date.now() + Number(values.minutes) * 60_000;
let good = true;
do {
  for (const schedule of ['rr', 'none']) {
    for (const harm of [['kill'], ['disconnect'], ['close'], ['kill', 'disconnect', 'close']]) {
      good = (await round(true, schedule, harm)) && good;
    }
    // A stopped worker of a round-robin cluster keeps what the primary has given to it, and plain TCP hangs for minutes.
    if (schedule === 'none') good = (await round(true, schedule, ['kill', 'stop'])) && good;
    good = (await round(false, schedule, ['kill'])) && good;
  }
} while (Date.now() < until);
process.exitCode = good ? 0 : 1;
