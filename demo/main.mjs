// npm run demo: the same two programs, first as they are, then under the switch, then with the switch on one side only.
// Exits non-zero if a byte was wrong or a connection took a route that it should not have taken.
//   --plain-only   only the first part: the programs without the switch
//   --quick        short measurements
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { comparison, connectionTable } from './print.mjs';

/** @typedef {{ pid: number, checked: number, wrong: number, figures: Record<string, number> }} Outcome */
/** @typedef {{ pid: number, api: number, echo: number }} Served */

const { values: options } = parseArgs({
  options: { 'plain-only': { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const file = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const cli = file('../dist/cli/main.js');
const MEASURE = options.quick ? 250 : 1000;
const problems = [];
/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** Starts a program and resolves with the line it prints, and with a way to end it. */
const start = async (/** @type {string[]} */ args, /** @type {boolean} */ switched) => {
  // On a busy machine a listener may need more than the usual 50 ms to answer; here the route must not depend on that.
  const env = switched ? { ...process.env, SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '5000' } : process.env;
  const command = switched ? [cli, 'run', '--', process.execPath, ...args] : args;
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'], env });
  running.add(child);
  const ended = new Promise((resolve) =>
    child.once('close', (code) => {
      running.delete(child);
      resolve(code);
    }),
  );
  const line = await new Promise((/** @type {(line: string) => void} */ resolve, reject) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part) => {
      text += part;
      if (text.includes('\n')) {
        resolve(text.slice(0, text.indexOf('\n')));
      }
    });
    child.once('close', (code) => reject(new Error(`${args[0]} ended with ${code} before it was done`)));
    child.once('error', reject);
  });
  const stop = async (/** @type {number} */ pid) => {
    process.kill(pid, 'SIGTERM');
    const code = await ended;
    if (code !== 0) {
      problems.push(`${args[0]} ended with ${code}`);
    }
  };
  return { line, stop };
};

/** What `sockets-direct ss` says about the connections of these two processes. */
const connectionsOf = async (/** @type {Served} */ server, /** @type {Outcome} */ client) => {
  const { stdout } = await promisify(execFile)(process.execPath, [cli, 'ss', '--json']);
  const roles = new Map([
    [server.pid, 'server'],
    [client.pid, 'client'],
  ]);
  const ours = new Set([server.api, server.echo]);
  return JSON.parse(stdout).processes.flatMap((process_) =>
    (roles.has(process_.pid) ? process_.connections : [])
      .filter(({ local, remote }) => ours.has(local.port) || ours.has(remote.port))
      .map((connection) => ({ role: roles.get(process_.pid), ...connection })),
  );
};

/** Every connection that ss shows must be as expected, and there must be some. */
const checkRoutes = (connections, role, expected) => {
  const shown = connections.filter((connection) => connection.role === role);
  if (shown.length === 0) {
    problems.push(`ss shows no connection of the ${role}`);
  }
  for (const { carrier, reason, remote } of shown) {
    const route = carrier === 'san' ? 'san' : `tcp, ${reason}`;
    if (route !== expected) {
      problems.push(`${role} to port ${remote.port}: ${route} instead of ${expected}`);
    }
  }
};

/** One run of both programs. `expected`: the route each role must show, null where it runs without the switch. */
const run = async (title, expected, duration) => {
  console.log(`\n${title}`);
  const server = await start([file('server.mjs')], expected.server !== null);
  const served = JSON.parse(server.line);
  const client = await start([file('client.mjs'), server.line, String(duration)], expected.client !== null);
  /** @type {Outcome} */
  const outcome = JSON.parse(client.line);
  if (expected.server !== null || expected.client !== null) {
    const connections = await connectionsOf(served, outcome);
    console.log(connectionTable(connections));
    for (const role of ['client', 'server']) {
      if (expected[role] !== null) {
        checkRoutes(connections, role, expected[role]);
      }
    }
  }
  console.log(`  ${outcome.checked - outcome.wrong} of ${outcome.checked} answers checked byte by byte and right`);
  if (outcome.wrong > 0) {
    problems.push(`${outcome.wrong} wrong answers`);
  }
  await client.stop(outcome.pid);
  await server.stop(served.pid);
  return outcome.figures;
};

const main = async () => {
  console.log('Two unmodified programs: demo/server.mjs (express, and an echo on net), demo/client.mjs (fetch, net).');
  const plain = await run('1. As they are, on TCP', { server: null, client: null }, MEASURE);
  if (options['plain-only']) {
    console.log(comparison(plain, null));
    return;
  }
  if (!existsSync(cli)) {
    throw new Error(`${cli} is missing: npm run build`);
  }
  const san = await run('2. Both under `sockets-direct run`', { server: 'san', client: 'san' }, MEASURE);
  console.log(`\n${comparison(plain, san)}`);
  await run('3. Only the client under the switch: it falls back', { server: null, client: 'tcp, no-companion' }, 100);
  await run(
    '4. Only the server under the switch: TCP clients as ever',
    { server: 'tcp, peer-used-tcp', client: null },
    100,
  );
};

await main().catch((error) => problems.push(error.message));
for (const child of running) {
  // `sockets-direct run` hands it on.
  child.kill('SIGTERM');
}
for (const problem of problems) {
  console.error(`WRONG: ${problem}`);
}
console.log(problems.length === 0 ? '\nAll bytes and all routes are right.' : '');
process.exitCode = problems.length === 0 ? 0 : 1;
