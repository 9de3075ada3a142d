// The form of a package test: programs in a chain (API, perhaps proxies, client), each a process of its own that knows
// nothing of the switch. The servers run plainly, all with the switch, and each of them alone with it; to each such set
// comes a client without the switch, then one with it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withoutPorts } from '../../../out/test/support/log.js';
import { Program } from '../../../out/test/support/program.js';
import { LeftBehind, probe } from './left.mjs';

/** @typedef {import('../../../out/test/support/program.js').Finished} Finished */
/** @typedef {import('../../../out/test/support/routes.js').Route} Route */
/**
 * @typedef {object} Chain
 * @property {string[]} programs files of test/packages/programs, the innermost server first, the client last. Each says
 *   "ready {…}" (but for the client), and gets what all before it said as its parameters: those nearer to it win.
 * @property {Record<string, unknown>} [parameters] given to all of them
 * @property {Record<string, string>} [env] for all of them
 * @property {boolean} [keeps] the servers keep connections to each other when the client has gone, at most 16 (pools)
 * @property {string[]} [remembering] servers that keep in memory what is left of connections, more or less of it by chance, on
 *   TCP too: what they hold is looked at, not what is in their memory
 * @property {boolean} [alone] whether each server also runs alone with the switch, where there are several; by default yes
 * @property {number} [within] milliseconds the client may take, by default 120 000: the machine may be busy
 */
/** @typedef {{ servers: Finished[], clients: Finished[] }} Run one client without the switch, one with it */

/** What proxies may keep in a pool; their programs set it. */
const POOLED = 16;
const folder = fileURLToPath(new URL('../', import.meta.url));

/** @param {string} name @returns {string} the version that is installed */
const versionOf = (name) => {
  const file = path.join(folder, 'node_modules', name, 'package.json');
  assert.ok(existsSync(file), `${name} is not installed: npm run packages does that`);
  return JSON.parse(readFileSync(file, 'utf8')).version;
};

/** What a program has recorded and said; port numbers and process ids differ by themselves. @param {Finished} result */
const seen = ({ log, stderr }) => ({
  facts: withoutPorts(log.facts),
  sockets: withoutPorts(log.sockets),
  stderr: stderr.replaceAll(/\(node:\d+\)/g, '(node)'),
});

/** Attempts where nobody listens are announced as well, but there is no connection to judge. @param {Route} route */
const established = ({ reason }) => reason !== 'no-listener';

/** The ways connections went, each once. @param {Finished} result @returns {string[]} */
const waysOf = ({ routes }) =>
  [
    ...new Set(
      routes
        .filter(established)
        .map(({ side, carrier, provider, reason }) => `${side} ${reason ?? provider ?? carrier}`),
    ),
  ].sort();

/** How many connections a program has on the SAN. @param {Finished} result @param {Route['side']} side */
const onSan = ({ routes }, side) => routes.filter((route) => route.side === side && route.carrier === 'san').length;

/**
 * Each connection's route must follow from which of its two ends runs the switch.
 * @param {Chain} chain @param {boolean[]} switched which servers do @param {Run} run
 */
const assertRoutes = (chain, switched, { servers, clients }) => {
  const last = servers.length - 1;
  const connecting = (/** @type {number} */ i) => `connect ${switched[i - 1] ? 'shm' : 'no-companion'}`;
  const accepting = (/** @type {boolean} */ peer) => `accept ${peer ? 'shm' : 'peer-used-tcp'}`;
  for (const [i, server] of servers.entries()) {
    const expected = new Set();
    if (switched[i]) {
      if (i > 0) expected.add(connecting(i));
      for (const peer of i === last ? [false, true] : [switched[i + 1]]) expected.add(accepting(peer));
    }
    assert.deepEqual(waysOf(server), [...expected].sort(), `the routes of ${chain.programs[i]}`);
    const peers = i === last ? clients : [servers[i + 1]];
    const connected = peers.reduce((sum, peer) => sum + onSan(peer, 'connect'), 0);
    assert.equal(
      onSan(server, 'accept'),
      connected,
      `${chain.programs[i]} must have accepted what its peers connected`,
    );
  }
  const [plain, withSwitch] = clients;
  assert.deepEqual(waysOf(plain), [], 'the client without the switch');
  assert.deepEqual(waysOf(withSwitch), [connecting(last + 1)], 'the routes of the client');
};

/** @param {Program} program */
const groupIsGone = (program) => {
  try {
    process.kill(-program.pid, 0);
    return false;
  } catch {
    return true;
  }
};

/**
 * Runs the servers, two clients one after another, looks at what each leaves, then has the servers end.
 * @param {Chain} chain @param {boolean[]} switched which servers run the switch @returns {Promise<Run>}
 */
const run = async (chain, switched) => {
  /** @type {Program[]} */
  const running = [];
  const start = (
    /** @type {string} */ file,
    /** @type {boolean} */ on,
    /** @type {object} */ parameters,
    isServer = true,
  ) => {
    const program = new Program(path.join(folder, 'programs', file), {
      switching: on ? 'require' : 'off',
      parameters: { ...parameters },
      env: chain.env ?? {},
      execArgv: isServer ? probe : [],
    });
    running.push(program);
    return program;
  };
  try {
    let parameters = { ...chain.parameters };
    const names = chain.programs.slice(0, -1);
    for (const [i, name] of names.entries()) {
      const server = start(name, switched[i], parameters);
      parameters = { ...parameters, ...(await server.ready()) };
    }
    const programs = [...running];
    const watched = programs.map((server) => new LeftBehind(server));
    const before = await Promise.all(watched.map((left) => left.held()));
    const pooled = chain.keeps ? POOLED : 0;
    // Servers go on, and so may the links between them.
    const allowances = names.map((_, i) => {
      const peers = [i - 1, i + 1].filter((peer) => peer >= 0 && peer < names.length);
      const links = switched[i] ? peers.filter((peer) => switched[peer]).length : 0;
      return { connections: pooled * peers.length, links };
    });
    /** @type {Run} */
    const result = { servers: [], clients: [] };
    /** How many the client before has left in memory. @type {number[]} */
    const sockets = [];
    for (const on of [false, true]) {
      const client = start(chain.programs[names.length], on, parameters, false);
      const { code, signal, stderr, ...rest } = await client.finished(chain.within ?? 120_000);
      assert.equal(code, 0, `the client ended with ${signal ?? code}\n${rest.stdout}\n${stderr}`);
      running.pop();
      result.clients.push({ code, signal, stderr, ...rest });
      for (const [i, left] of watched.entries()) {
        const who = `${names[i]} after the client ${on ? 'with' : 'without'} the switch`;
        await left.settles(before[i], allowances[i], who);
        if (chain.remembering?.includes(names[i])) continue;
        // A second client must not leave more sockets than the first did.
        sockets[i] = await left.forgets((sockets[i] ?? Infinity) + 2 * pooled, who);
      }
    }
    for (const server of [...programs].reverse()) {
      server.signal('SIGTERM');
      const finished = await server.finished();
      const { code, signal, stderr } = finished;
      assert.equal(code, 0, `a server ended with ${signal ?? code}\n${stderr}`);
      assert.ok(groupIsGone(server), 'a process of a server is left');
      result.servers.unshift(finished);
    }
    return result;
  } finally {
    for (const program of running) program.kill();
  }
};

/**
 * Defines the tests of one package, or of some that belong together.
 * @param {string} title @param {string[]} packages their versions are shown @param {Chain} chain
 */
export const packageTest = (title, packages, chain) => {
  const versions = packages.map((name) => `${name} ${versionOf(name)}`).join(', ') || `Node ${process.version}`;
  const servers = chain.programs.length - 1;
  const all = (/** @type {boolean} */ on) => Array.from({ length: servers }, () => on);
  const sets = [['the switch in all servers', all(true)]];
  for (let i = 0; servers > 1 && chain.alone !== false && i < servers; i++) {
    sets.push([`the switch in ${chain.programs[i]} alone`, all(false).map((_, k) => k === i)]);
  }
  describe(`${title} (${versions}): the same on every route (SW-1, SW-3, TC-17)`, () => {
    /** What each program must see: what it did without the switch in the servers, all of it on TCP. @type {unknown[]} */
    let plain;
    const programs = (/** @type {Run} */ result) => [...result.servers, ...result.clients].map(seen);
    test('plain servers', async () => {
      const result = await run(chain, all(false));
      plain = programs(result);
      assertRoutes(chain, all(false), result);
    });
    for (const [name, switched] of /** @type {[string, boolean[]][]} */ (sets)) {
      test(name, async () => {
        assert.ok(plain !== undefined, 'the plain run failed, there is nothing to compare with');
        const result = await run(chain, switched);
        assert.deepEqual(programs(result), plain, 'the programs must not see a difference');
        assertRoutes(chain, switched, result);
      });
    }
  });
};
