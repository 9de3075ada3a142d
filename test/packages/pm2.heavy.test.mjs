// A program that PM2 starts in cluster mode: its workers run the switch because `node_args` says so, under a primary (PM2's
// daemon) without it, or because NODE_OPTIONS does, which the daemon has too. Clients with the switch and without it must see
// the same, on the SAN and on TCP, also after `pm2 reload` (D4; docs/design/cluster.md).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { nodeBinary, Program, registerFile, root } from '../../out/test/support/program.js';
import { assertSan, assertTcp, parseRoutes } from '../../out/test/support/routes.js';

/** @typedef {import('../../out/test/support/routes.js').Route} Route */

const folder = fileURLToPath(new URL('.', import.meta.url));
const program = (/** @type {string} */ name) => path.join(folder, 'programs', name);
const probe = path.join(root, 'test', 'support', 'route-probe.cjs');
const preloads = `-r ${registerFile} -r ${probe}`;
const { version } = JSON.parse(readFileSync(path.join(folder, 'node_modules/pm2/package.json'), 'utf8'));
const WORKERS = 3;
const WITHIN = 120_000;

/** @param {number} pid */
const isThere = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** PM2 with a home and a daemon of its own. */
class Pm2 {
  #home = mkdtempSync(path.join(tmpdir(), 'sockets-direct-pm2-'));
  #ports = path.join(this.#home, 'ports');
  #routes = path.join(this.#home, 'routes');
  /** @type {NodeJS.ProcessEnv} */
  #env;
  /** Every process that has been seen: the daemon, and who has listened. @type {Set<number>} */
  #pids = new Set();

  /** @param {Record<string, string>} env */
  constructor(env) {
    const clean = Object.entries(process.env).filter(([name]) => !/^(NODE_|SOCKETS_DIRECT|SD_TEST_|PM2_)/.test(name));
    this.#env = {
      ...Object.fromEntries(clean),
      HOME: this.#home,
      PM2_HOME: this.#home,
      PM2_DISABLE_VERSION_CHECK: 'true',
      PORTS: this.#ports,
      SD_TEST_ROUTES: this.#routes,
      ...env,
    };
    mkdirSync(this.#ports);
  }

  /** @param {string[]} args */
  async run(...args) {
    const pm2 = path.join(folder, 'node_modules/pm2/bin/pm2');
    const options = { env: this.#env, cwd: this.#home, timeout: WITHIN };
    try {
      await promisify(execFile)(nodeBinary, [pm2, ...args], options);
    } finally {
      this.#look();
    }
  }

  #look() {
    const file = path.join(this.#home, 'pm2.pid');
    if (existsSync(file)) this.#pids.add(Number(readFileSync(file, 'utf8')));
    for (const pid of this.workers()) this.#pids.add(pid);
  }

  /** All that have ever listened; each has written down its port under its process id. @returns {number[]} */
  workers() {
    return readdirSync(this.#ports).map(Number);
  }

  /** Those that serve now. */
  living() {
    return this.workers().filter(isThere);
  }

  /** The one port they share. @returns {number} */
  port() {
    const ports = this.living().map((pid) => Number(readFileSync(path.join(this.#ports, String(pid)), 'utf8')));
    assert.equal(new Set(ports).size, 1, 'the workers share a port');
    return Number(ports[0]);
  }

  /** What the workers have announced. @returns {Route[]} */
  routes() {
    return parseRoutes(readFileSync(this.#routes, 'utf8'));
  }

  /** Ends the daemon, which ends its programs; nobody may be left. */
  async end() {
    assert.equal(this.#pids.size, 1 + this.workers().length, 'a daemon and its workers');
    await this.run('kill');
    const deadline = Date.now() + WITHIN;
    while ([...this.#pids].some(isThere)) {
      assert.ok(Date.now() < deadline, `still there: ${[...this.#pids].filter(isThere).join()}`);
      await delay(20);
    }
  }

  /** After a failure. */
  clear() {
    for (const pid of this.#pids) if (isThere(pid)) process.kill(pid, 'SIGKILL');
    rmSync(this.#home, { recursive: true, force: true });
  }
}

/** @param {number} port @param {'off' | 'require'} switching */
const client = (port, switching) =>
  new Program(program('cluster-client.mjs'), { switching, parameters: { port } }).succeeded(WITHIN);

const ways = [
  { name: 'node_args', args: ['--node-args', preloads], env: {} },
  { name: 'NODE_OPTIONS', args: [], env: { NODE_OPTIONS: preloads } },
  { name: 'nothing', args: [], env: {} },
];

describe(`PM2's cluster mode (pm2 ${version}): the same on every route (SW-1, SW-3, D4)`, () => {
  for (const { name, args, env } of ways) {
    test(`the switch by ${name}`, async (t) => {
      const pm2 = new Pm2(env);
      t.after(() => pm2.clear());
      const start = ['start', program('pm2-server.mjs'), '--name', 'app', '-i', String(WORKERS), ...args];
      await pm2.run(...start, '--wait-ready', '--listen-timeout', String(WITHIN));
      const first = pm2.living();
      assert.equal(first.length, WORKERS);
      const compare = async () => {
        const port = pm2.port();
        const plain = await client(port, 'off');
        assert.deepEqual(plain.log.facts, { workers: [0, 1, 2] });
        const switched = await client(port, 'require');
        assert.deepEqual(switched.log, plain.log, 'the programs must not see a difference');
        if (name === 'nothing') assertTcp(switched.routes, 'no-companion', 'client');
        else assertSan(switched.routes, 'client');
        return switched.routes.length;
      };
      let connected = await compare();
      await pm2.run('reload', 'app');
      const second = pm2.living();
      assert.deepEqual([second.length, second.filter((pid) => first.includes(pid))], [WORKERS, []], 'all replaced');
      connected += await compare();
      if (name !== 'nothing') {
        const onSan = pm2.routes().filter(({ carrier }) => carrier === 'san');
        assert.equal(onSan.length, connected, 'the workers have accepted what the clients connected');
        assert.deepEqual(
          new Set(onSan.map(({ pid }) => pid)),
          new Set(pm2.workers()),
          'each worker has served, those before the reload and those after',
        );
      }
      await pm2.end();
    });
  }
});
