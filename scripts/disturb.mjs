// Runs tests while the programs that they start are stopped and continued at random moments, as a busy machine does it, only
// worse. What a test compares must come out the same; a difference is either a fault or was never determined.
//   node scripts/disturb.mjs [--seed 1] [--most 400] -- npm run packages
//   --seed   of the random numbers: which program is stopped, and how long; when they run is for the machine
//   --most   milliseconds that one is stopped at most; a link, a connect and many a package give up after seconds
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** Milliseconds between two looks at who is there, at most. */
const PACE = 120;
/** How likely a program is stopped at a look. */
const CHANCE = 0.5;
/** What tests start. Runners and tools go on, or it would only take longer. */
const PROGRAM = /test\/(packages\/)?programs\/|node_modules\/\.bundles\//;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' }, most: { type: 'string', default: '400' } },
});
const [command, ...args] = positionals;
if (command === undefined) {
  console.error('node scripts/disturb.mjs [--seed 1] [--most 400] -- command');
  process.exit(2);
}
const most = Number(values.most);
let state = Number(values.seed) >>> 0;

/** Mulberry32. */
function random() {
  state = (state + 0x6d2b_79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
}

/** @param {string} pid @param {string} file @returns {string} nothing if it has ended meanwhile */
function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** The programs below a process. @param {number} root @returns {number[]} */
function programsOf(root) {
  /** @type {Map<string, string[]>} */
  const children = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = read(pid, 'stat');
    const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? '';
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = [];
  const below = [String(root)];
  for (let pid = below.pop(); pid !== undefined; pid = below.pop()) {
    below.push(...(children.get(pid) ?? []));
    if (pid !== String(root) && PROGRAM.test(read(pid, 'cmdline'))) found.push(Number(pid));
  }
  return found;
}

/** @param {number} pid @param {NodeJS.Signals} signal */
function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

/** @type {Set<number>} */
const stopped = new Set();

/** @param {number} pid */
function go(pid) {
  stopped.delete(pid);
  send(pid, 'SIGCONT');
}

const child = spawn(command, args, { stdio: 'inherit' });
const disturb = () => {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  for (const pid of programsOf(child.pid)) {
    if (stopped.has(pid) || random() > CHANCE) continue;
    stopped.add(pid);
    send(pid, 'SIGSTOP');
    // Mostly short, sometimes long.
    setTimeout(go, random() ** 3 * most, pid);
  }
  setTimeout(disturb, random() * PACE);
};
disturb();

const letGo = () => {
  for (const pid of stopped) go(pid);
};
for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    letGo();
    child.kill(signal);
  });
}
child.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
child.on('exit', (code) => {
  letGo();
  process.exitCode = code ?? 1;
});
