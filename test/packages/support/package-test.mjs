// The form of a package test: programs in a chain (API, perhaps proxies, client), each a process of its own that knows
// nothing of the switch, run plainly, with the switch in all of them, and in each of them alone.
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
 * @property {string[]} [tlsClients] programs whose own connections are made by tls.connect: they stay on TCP, `tls-client`
 * @property {boolean} [keeps] the servers keep connections to each other when the client has gone (pools): then what they
 *   hold is only compared between the first client and the second
 * @property {number} [within] milliseconds the client may take, by default 30 000
 */
/** @typedef {{ results: Finished[], facts: unknown[], stderr: string[] }} Run */

/** Two, so that what each one leaves can be told from what a package makes once. */
const CLIENTS = 2;
const folder = fileURLToPath(new URL('../', import.meta.url));

/** @param {string} name @returns {string} the version that is installed */
const versionOf = (name) => {
  const file = path.join(folder, 'node_modules', name, 'package.json');
  assert.ok(existsSync(file), `${name} is not installed: npm run packages does that`);
  return JSON.parse(readFileSync(file, 'utf8')).version;
};

/** Process ids and the path differ by themselves. @param {string} text */
const comparable = (text) => text.replaceAll(/\(node:\d+\)/g, '(node)').replaceAll(/pid \d+/g, 'pid');

/** Attempts where nobody listens are announced as well, but there is no connection to judge. @param {Route} route */
const established = ({ reason }) => reason !== 'no-listener';

/**
 * Each connection's route must follow from which of the two neighbours runs the switch.
 * @param {Chain} chain @param {boolean[]} switched @param {Finished[]} results
 */
const assertRoutes = (chain, switched, results) => {
  for (const [i, { routes }] of results.entries()) {
    const name = chain.programs[i];
    if (!switched[i]) {
      assert.deepEqual(routes, [], `${name} runs without the switch`);
      continue;
    }
    const seen = new Set(
      routes
        .filter(established)
        .map(({ side, carrier, provider, reason }) => `${side} ${reason ?? provider ?? carrier}`),
    );
    const expected = [];
    const viaTls = chain.tlsClients?.includes(name) ?? false;
    if (i > 0) expected.push(`connect ${viaTls ? 'tls-client' : switched[i - 1] ? 'shm' : 'no-companion'}`);
    if (i < results.length - 1) {
      const nextViaTls = chain.tlsClients?.includes(chain.programs[i + 1]) ?? false;
      expected.push(`accept ${switched[i + 1] && !nextViaTls ? 'shm' : 'peer-used-tcp'}`);
    }
    assert.deepEqual([...seen].sort(), expected.sort(), `the routes of ${name}`);
  }
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
 * Runs the chain once: servers, clients one after another, what is left, then the servers' end.
 * @param {Chain} chain @param {boolean[]} switched @returns {Promise<Run>}
 */
const run = async (chain, switched) => {
  /** @type {Program[]} */
  const servers = [];
  const clientIndex = chain.programs.length - 1;
  const start = (/** @type {number} */ i, /** @type {object} */ parameters) =>
    new Program(path.join(folder, 'programs', chain.programs[i]), {
      switching: switched[i] ? 'require' : 'off',
      parameters: { ...parameters },
      env: chain.env ?? {},
      execArgv: i === clientIndex ? [] : probe,
    });
  try {
    let parameters = { ...chain.parameters };
    for (let i = 0; i < clientIndex; i++) {
      const server = start(i, parameters);
      servers.push(server);
      parameters = { ...parameters, ...(await server.ready()) };
    }
    const watched = servers.map((server) => new LeftBehind(server));
    const before = await Promise.all(watched.map((left) => left.held()));
    /** @type {Finished | undefined} */
    let client;
    /** @type {import('./left.mjs').Objects[]} */
    let objects = [];
    for (let round = 0; round < CLIENTS; round++) {
      const program = start(clientIndex, parameters);
      servers.push(program);
      const result = await program.finished(chain.within);
      servers.pop();
      assert.equal(result.code, 0, `the client ended with ${result.signal ?? result.code}\n${result.stderr}`);
      client ??= result;
      for (const [i, left] of watched.entries()) {
        const name = chain.programs[i];
        if (chain.keeps && round === 0) before[i] = await left.held();
        else await left.settles(before[i], `${name}: handles, descriptors, links after the client`);
      }
      objects = await nothingInMemory(watched, chain, objects);
    }
    /** @type {Finished[]} */
    const results = [];
    for (const server of [...servers].reverse()) {
      server.signal('SIGTERM');
      const result = await server.finished();
      assert.equal(result.code, 0, `a server ended with ${result.signal ?? result.code}\n${result.stderr}`);
      assert.ok(groupIsGone(server), 'a process of a server is left');
      results.unshift(result);
    }
    results.push(/** @type {Finished} */ (client));
    return {
      results,
      facts: results.map(({ log }) => withoutPorts(log)),
      stderr: results.map(({ stderr }) => comparable(stderr)),
    };
  } finally {
    for (const server of servers) server.kill();
  }
};

/**
 * Another client must not leave more objects than the one before it did; what the switch made goes with the connection.
 * @param {LeftBehind[]} watched @param {Chain} chain @param {import('./left.mjs').Objects[]} earlier
 */
const nothingInMemory = async (watched, chain, earlier) => {
  const objects = [];
  for (const [i, left] of watched.entries()) {
    const now = await left.objects();
    const name = chain.programs[i];
    if (earlier[i] !== undefined) {
      const { sockets, ours } = earlier[i];
      assert.ok(
        now.sockets <= sockets,
        `${name}: ${now.sockets} sockets in memory, ${sockets} after the client before`,
      );
      assert.ok((now.ours?.handles ?? 0) <= (ours?.handles ?? 0), `${name}: handles of the switch in memory`);
    }
    objects.push(now);
  }
  return objects;
};

/**
 * Defines the tests of one package, or of some that belong together.
 * @param {string} title @param {string[]} packages their versions are shown @param {Chain} chain
 */
export const packageTest = (title, packages, chain) => {
  const versions = packages.map((name) => `${name} ${versionOf(name)}`).join(', ');
  const { length } = chain.programs;
  const all = (/** @type {boolean} */ on) => chain.programs.map(() => on);
  describe(`${title} (${versions}): the same on every route (SW-1, SW-3, TC-17)`, () => {
    /** @type {Run} */
    let plain;
    test('plain', async () => {
      plain = await run(chain, all(false));
      assertRoutes(chain, all(false), plain.results);
    });
    const modes = [['the switch in all', all(true)]];
    for (let i = 0; i < length; i++) {
      modes.push([`the switch in ${chain.programs[i]} alone`, chain.programs.map((_, k) => k === i)]);
    }
    for (const [mode, switched] of /** @type {[string, boolean[]][]} */ (modes)) {
      test(mode, async () => {
        assert.ok(plain !== undefined, 'the plain run failed, there is nothing to compare with');
        const switchedRun = await run(chain, switched);
        assert.deepEqual(switchedRun.facts, plain.facts, 'the programs must not see a difference');
        assert.deepEqual(switchedRun.stderr, plain.stderr, 'nor say more');
        assertRoutes(chain, switched, switchedRun.results);
      });
    }
  });
};
