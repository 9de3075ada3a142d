// redis-server and PostgreSQL as Debian has them: peers that are no Node processes. Their clients, with the switch and
// without it, must see the same, and each connection must stay on TCP because nobody answers for the listener (SW-1, D9).
// Needs the two installed (`apt-get install redis-server postgresql`); what is not there is skipped, by name.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../out/test/support/free-port.js';
import { Program } from '../../out/test/support/program.js';
import { assertTcp } from '../../out/test/support/routes.js';

/** @typedef {{ command: string, args: string[], env?: NodeJS.ProcessEnv, uid?: number, gid?: number, stop: NodeJS.Signals }} Daemon */

const STARTED_WITHIN = 60_000;
const CLIENT_WITHIN = 120_000;
const programs = fileURLToPath(new URL('programs/', import.meta.url));

/** Where Debian puts PostgreSQL's own commands, which are not in PATH. */
const postgresFolders = () => {
  const versions = '/usr/lib/postgresql';
  return existsSync(versions) ? readdirSync(versions).map((version) => path.join(versions, version, 'bin')) : [];
};

/** @param {string} command @returns {string | undefined} the file, if it is installed */
const find = (command) =>
  [...(process.env['PATH'] ?? '').split(':'), ...postgresFolders()]
    .map((folder) => path.join(folder, command))
    .find((file) => existsSync(file));

/** @param {number} port */
const accepts = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

/**
 * Runs clients, one after another, while the daemon runs; then ends it, and it must end by itself.
 * @param {Daemon} daemon @param {number} port @param {() => Promise<void>} act
 */
const withDaemon = async (daemon, port, act) => {
  const { command, args, stop, ...options } = daemon;
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  const exit = once(child, 'exit');
  try {
    const deadline = Date.now() + STARTED_WITHIN;
    while (!(await accepts(port))) {
      assert.ok(child.exitCode === null && Date.now() < deadline, `${command} did not start\n${said}`);
      await delay(50);
    }
    await act();
    child.kill(stop);
    assert.deepEqual(await exit, [0, null], said);
  } finally {
    child.kill('SIGKILL');
  }
};

/** @param {string} client file of programs/ @param {Record<string, unknown>} parameters */
const compare = async (client, parameters) => {
  const run = (/** @type {'off' | 'require'} */ switching) =>
    new Program(path.join(programs, client), { switching, parameters }).succeeded(CLIENT_WITHIN);
  const plain = await run('off');
  assert.ok(!Object.values(plain.log.facts).includes(false), JSON.stringify(plain.log.facts));
  const switched = await run('require');
  assert.deepEqual(switched.log, plain.log, 'the programs must not see a difference');
  assertTcp(switched.routes, 'no-companion', client);
};

describe('servers that are no Node processes: TCP, and the same for their clients (SW-1)', () => {
  const redis = find('redis-server');
  test('redis-server', { skip: redis === undefined && 'redis-server is not installed' }, async () => {
    const port = await freePort();
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()];
    await withDaemon({ command: String(redis), args, stop: 'SIGTERM' }, port, async () => {
      await compare('ioredis-client.mjs', { port });
      await compare('redis-client.mjs', { port });
    });
  });

  const postgres = find('postgres');
  const initdb = find('initdb');
  const missing = (postgres === undefined || initdb === undefined) && 'postgresql is not installed';
  test('PostgreSQL', { skip: missing }, async (t) => {
    const data = mkdtempSync(path.join(tmpdir(), 'sockets-direct-postgres-'));
    t.after(() => rmSync(data, { recursive: true, force: true }));
    // It refuses to run as root: then as the user that Debian made for it.
    const id = (/** @type {string} */ option) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
    const user = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : {};
    if (user.uid !== undefined) chownSync(data, user.uid, user.gid);
    chmodSync(data, 0o700);
    const env = { ...process.env, LC_ALL: 'C.UTF-8' };
    const options = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--no-sync'];
    const made = spawnSync(String(initdb), options, { ...user, env, cwd: data, encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
    const port = await freePort();
    const args = ['-D', data, '-p', String(port), '-k', '', '-F', '-c', 'listen_addresses=127.0.0.1'];
    await withDaemon({ command: String(postgres), args, env, ...user, stop: 'SIGINT' }, port, () =>
      compare('pg-client.mjs', { postgres: { port, host: '127.0.0.1', user: 'postgres', database: 'postgres' } }),
    );
  });
});
