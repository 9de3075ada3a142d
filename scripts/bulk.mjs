// Much data in mixed sizes between two processes over shm, in each mode of large transfers: what arrives is what was
// written, whatever pauses, half-closes and aborts come in between.
//
//   node scripts/bulk.mjs [--megabytes N] [--modes pull,push,copy] [--seed N] [--at-once N]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '2048' },
    modes: { type: 'string', default: 'pull,push,copy' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'at-once': { type: 'string', default: '3' },
    'largest-megabytes': { type: 'string', default: '64' },
  },
});
const MIB = 1024 * 1024;
const budget = Number(values.megabytes) * MIB;
const largest = Number(values['largest-megabytes']) * MIB;
const root = fileURLToPath(new URL('..', import.meta.url));
const program = fileURLToPath(new URL('../test/programs/bulk-peer.mjs', import.meta.url));

/** Whether Yama forbids one process to read another's memory: then pull turns into something else, which is not wrong. */
function isRestricted() {
  try {
    return readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'latin1').trim() !== '0';
  } catch {
    return false;
  }
}
const restricted = isRestricted();

function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

/** Sizes from 1 byte to the largest, evenly on a logarithmic scale. */
function sizes(draw, bytes) {
  const list = [];
  for (let left = bytes; left > 0; ) {
    const size = Math.min(left, Math.max(1, Math.floor(Math.exp(draw() * Math.log(largest)))));
    list.push(size);
    left -= size;
  }
  return list;
}

function makePlan(id, draw, bytes) {
  const total = { client: Math.floor(bytes * draw()), server: 0 };
  total.server = bytes - total.client;
  const plan = { id };
  for (const side of ['client', 'server']) {
    plan[side] = { seed: Math.floor(draw() * 0x1_0000_0000), sizes: sizes(draw, total[side]), abort: null };
  }
  if (draw() < 0.25) {
    const side = draw() < 0.5 ? 'client' : 'server';
    const when = draw() < 0.5 ? 'sending' : 'receiving';
    const from = when === 'sending' ? side : side === 'client' ? 'server' : 'client';
    plan[side].abort = { when, at: Math.floor(draw() * total[from]), how: draw() < 0.5 ? 'reset' : 'destroy' };
  }
  return plan;
}

async function peer(role, mode) {
  const child = fork(program, [role], {
    execArgv: ['-r', `${root}register.cjs`],
    env: {
      ...process.env,
      SOCKETS_DIRECT_TRANSFER: mode,
      SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '10000',
    },
  });
  const [{ port }] = await once(child, 'message');
  return { child, port };
}

function check(plan, reports, mode) {
  const wrong = [];
  for (const report of reports) {
    const other = reports.find(({ side }) => side !== report.side);
    if (!report.intact) wrong.push(`${report.side}: bytes that are not the stream's`);
    if (report.route !== null && report.route !== 'san') wrong.push(`${report.side}: on ${report.route}`);
    if (report.transfer !== null && report.transfer !== mode && !restricted)
      wrong.push(`${report.side}: ${report.transfer}`);
    if (plan.client.abort !== null || plan.server.abort !== null) {
      if (report.receivedBytes > other.sentBytes) wrong.push(`${report.side}: more than was sent`);
      continue;
    }
    if (report.receivedHash !== other.sentHash) {
      wrong.push(`${report.side}: ${report.receivedBytes} of ${other.sentBytes} bytes, another hash`);
    }
    if (report.error !== null || !report.ended)
      wrong.push(`${report.side}: error ${report.error}, end ${report.ended}`);
  }
  return wrong;
}

async function runMode(mode, seed) {
  const draw = random(seed);
  const server = await peer('serve', mode);
  const client = await peer('connect', mode);
  const open = new Map();
  let left = budget;
  let id = 0;
  let connections = 0;
  let aborted = 0;
  let moved = 0;
  const wrong = [];
  const started = process.hrtime.bigint();
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  const next = () => {
    while (left > 0 && open.size < Number(values['at-once'])) {
      const bytes = Math.min(left, Math.floor(Math.exp(draw() * Math.log(largest * 2))) + 1);
      left -= bytes;
      const plan = makePlan(++id, draw, bytes);
      open.set(id, { plan, reports: [] });
      server.child.send({ plan });
      client.child.send({ plan, port: server.port });
    }
    if (open.size === 0) finish();
  };
  const onMessage = ({ report }) => {
    if (report === undefined) return;
    const entry = open.get(report.id);
    entry.reports.push(report);
    moved += report.receivedBytes;
    if (entry.reports.length < 2) return;
    open.delete(report.id);
    connections++;
    if (entry.plan.client.abort !== null || entry.plan.server.abort !== null) aborted++;
    for (const what of check(entry.plan, entry.reports, mode)) wrong.push(`connection ${report.id}: ${what}`);
    next();
  };
  for (const { child } of [server, client]) {
    child.on('message', onMessage);
    child.on('exit', (code, signal) => {
      if (open.size > 0) {
        wrong.push(`a process ended: ${code ?? signal}`);
        finish();
      }
    });
  }
  next();
  await finished;
  for (const { child } of [server, client]) child.disconnect();
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  console.log(
    `${mode}: ${connections} connections, ${aborted} with an abort, ${(moved / MIB).toFixed(0)} MiB arrived in ${seconds.toFixed(1)} s, seed ${seed}: ${wrong.length === 0 ? 'all as written' : 'WRONG'}`,
  );
  for (const line of wrong.slice(0, 20)) console.log(`  ${line}`);
  return wrong.length === 0;
}

let good = true;
for (const mode of values.modes.split(',')) good = (await runMode(mode, Number(values.seed))) && good;
if (!good) process.exitCode = 1;
