// A long run over what the fault tests do briefly: `npm run soak -- --seconds N [--seed S]`. Clients and workers of a server
// come, talk in sizes of all kinds, go or are killed, and come back, under the switch. At the end, and every few seconds
// before, bytes, descriptors, mappings and memory must be right.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const programs = `${root}test/programs/faults/`;
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    clients: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const end = Date.now() + Number(values.seconds) * 1000;
const MEMORY_GROWTH_MAX = 64;
const running = new Set();

let state = Number(values.seed) >>> 0;
/** A repeatable choice of 0 … below-1 (mulberry32). */
function random(below) {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % below;
}

function fail(what) {
  console.error(`soak: ${what} (--seed ${values.seed})`);
  for (const child of running) child.kill('SIGKILL');
  process.exit(1);
}

class Program {
  #text = '';
  #heard = [];
  errors = '';

  constructor(file, parameters) {
    const options = ['--expose-gc', '--max-semi-space-size=1', '-r', `${root}register.cjs`];
    const env = { ...process.env, NODE_OPTIONS: '', SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '1000' };
    this.child = spawn(process.execPath, [...options, programs + file, JSON.stringify(parameters)], { env });
    running.add(this.child);
    this.over = new Promise((resolve) => this.child.once('close', resolve)).then(() => running.delete(this.child));
    this.child.stdin.on('error', () => {});
    this.child.stderr.on('data', (text) => (this.errors += text));
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (this.#text + text).split('\n');
      this.#text = lines.pop();
      for (const line of lines) {
        const space = line.indexOf(' ');
        this.#heard.push({ word: line.slice(0, space), message: JSON.parse(line.slice(space + 1)) });
      }
    });
  }

  say(line) {
    this.child.stdin.write(`${line}\n`);
  }

  /** The next message of this kind; it and what came before it are forgotten. */
  async hears(word) {
    for (const deadline = Date.now() + 30_000; ; await delay(5)) {
      const at = this.#heard.findIndex((heard) => heard.word === word);
      if (at >= 0) return this.#heard.splice(0, at + 1)[at].message;
      if (this.child.exitCode !== null || this.child.signalCode !== null) return null;
      if (Date.now() > deadline) fail(`no "${word}" from process ${this.child.pid}`);
    }
  }

  /** What it holds: descriptors, mapped link memory, and MiB of memory of its own. */
  sizes() {
    const folder = `/proc/${this.child.pid}/`;
    const maps = readFileSync(`${folder}maps`, 'utf8').split('\n');
    return {
      descriptors: readdirSync(`${folder}fd`).length,
      mappings: maps.filter((line) => line.includes('/memfd:')).length,
      memory: Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`${folder}status`, 'utf8'))[1]) / 1024,
    };
  }
}

const server = new Program('echo.mjs', {});
const { port } = await server.hears('ready');
const totals = { rounds: 0, connections: 0, clients: 0, killed: 0 };

/** One client after another: some are asked to go, some are killed, some are stopped for a while first. */
async function keepClient() {
  while (Date.now() < end) {
    const client = new Program('honest.mjs', { port });
    totals.clients++;
    await client.hears('ready');
    const until = Math.min(end, Date.now() + 200 + random(4000));
    while (Date.now() < until) {
      await delay(20 + random(300));
      if (random(4) > 0) continue;
      client.child.kill('SIGSTOP');
      await delay(random(200));
      client.child.kill('SIGCONT');
    }
    client.say('report');
    const { rounds, connections, wrong } = (await client.hears('report')) ?? fail(`a client died: ${client.errors}`);
    if (wrong > 0) fail(`wrong bytes or lost connections: ${wrong}`);
    totals.rounds += rounds;
    totals.connections += connections;
    if (random(2) === 0) {
      totals.killed++;
      client.child.kill('SIGKILL');
    } else {
      client.child.kill('SIGTERM');
    }
    await client.over;
    if (client.errors !== '') fail(`a client printed: ${client.errors}`);
  }
}

/** Short connections by the hundred. */
async function keepLooping() {
  const loop = new Program('loop.mjs', { port });
  await loop.hears('ready');
  while (Date.now() < end) {
    loop.say(`run ${100 + random(2000)}`);
    const { count, failed } = (await loop.hears('ran')) ?? fail(`the loop died: ${loop.errors}`);
    if (failed > 0) fail(`${failed} of ${count} short connections failed`);
    totals.connections += count;
  }
  loop.say('quit');
  await loop.over;
}

async function watchServer() {
  const before = server.sizes();
  while (Date.now() < end) {
    await delay(Math.min(5000, Math.max(0, end - Date.now())));
    server.say('report');
    const { heap, longest } = (await server.hears('report')) ?? fail(`the server died: ${server.errors}`);
    const { descriptors, mappings, memory } = server.sizes();
    const left = Math.max(0, Math.round((end - Date.now()) / 1000));
    console.log(
      `${left} s left: ${totals.rounds} rounds, ${totals.connections} connections, ${totals.clients} clients of which ` +
        `${totals.killed} were killed; server: ${descriptors} descriptors, ${mappings} links, ` +
        `${memory.toFixed(0)} MiB, heap ${(heap / 1048576).toFixed(1)} MiB, longest turn ${longest.toFixed(0)} ms`,
    );
    if (memory - before.memory > MEMORY_GROWTH_MAX) fail(`the server has grown by ${memory - before.memory} MiB`);
  }
}

console.log(`soak: ${values.seconds} s, ${values.clients} clients, --seed ${values.seed}`);
const before = server.sizes();
await Promise.all([watchServer(), keepLooping(), ...Array.from({ length: Number(values.clients) }, keepClient)]);
for (let i = 0; i < 100 && server.sizes().mappings > 0; i++) await delay(20);
const after = server.sizes();
if (after.mappings !== 0) fail(`${after.mappings} links are left`);
// The first links open what stays open: two netlink sockets at most, and the spare descriptor.
if (after.descriptors > before.descriptors + 3)
  fail(`${after.descriptors} descriptors, ${before.descriptors} at the start`);
server.child.kill('SIGTERM');
await server.over;
if (server.errors !== '') fail(`the server printed: ${server.errors}`);
console.log(`soak: well. ${JSON.stringify(totals)}`);
