// Where the switch cannot work at all, the program does, on TCP; nothing is printed, and whoever asks is told why.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { nodeBinary, Proc, root, scratch, type StartOptions } from './support/process.js';

interface Shown {
  readonly pid: number;
  readonly status: string;
  readonly reason: string | null;
  readonly detail: string | null;
}

const ss = (pid: number): Shown => {
  const command = [join(root, 'dist', 'cli', 'main.js'), 'ss', '--all', '--json'];
  // All that runs on the host is shown, of which some program may have any number of connections.
  const text = execFileSync(nodeBinary, command, { encoding: 'utf8', maxBuffer: Infinity });
  const { processes } = JSON.parse(text) as { processes: Shown[] };
  const found = processes.find((process) => process.pid === pid);
  assert.ok(found, 'it answers');
  return found;
};

/** The package without its addon, or with something else in the addon's place. */
function copyOfPackage(name: string, addon: Buffer | null): string {
  const folder = join(scratch, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  for (const part of ['dist', 'register.cjs', 'package.json', 'node_modules/node-gyp-build']) {
    cpSync(join(root, part), join(folder, part), { recursive: true, dereference: true });
  }
  if (addon !== null) {
    mkdirSync(join(folder, 'build', 'Release'), { recursive: true });
    writeFileSync(join(folder, 'build', 'Release', 'sockets_direct.node'), addon);
  }
  return folder;
}

interface Case {
  readonly options: StartOptions;
  /** Where the package is. */
  readonly folder: string;
  readonly reason: RegExp;
  readonly detail: RegExp;
  /** Whether `ss` finds it; elsewhere than on Linux there is no name for it to be found by. Default true. */
  readonly answers?: boolean;
}

async function check(t: TestContext, { options, folder, reason, detail, answers = true }: Case): Promise<void> {
  const register = join(folder, 'register.cjs');
  // Nobody to tell routes to: what is printed, and what is not, is the point.
  const server = new Proc(t, 'echo.mjs', { ...options, register, probe: false });
  const port = await server.port();
  const index = join(folder, 'dist', 'index.js');
  const client = new Proc(t, 'asks.mjs', { ...options, register, probe: false, parameters: { port, index } });
  const { echo, route, status, stats } = await client.hears('asked');
  assert.equal(echo, 'hello');
  const { on, reason: why, detail: words } = status as { on: boolean; reason: string; detail: string };
  assert.equal(on, false);
  assert.match(why, reason);
  assert.match(words, detail);
  // Null where not even the sockets can be seen.
  if (why !== 'bindings-unavailable' && route !== null) {
    const { route: carrier, reason: itsReason } = route as { route: string; reason: string };
    assert.deepEqual([carrier, itsReason], ['tcp', why]);
    const { connections } = stats as { connections: { tcp: { byReason: Record<string, number> } } };
    assert.deepEqual(connections.tcp.byReason, { [why]: 1 });
  }
  for (const { pid } of answers ? [client, server] : []) {
    const shown = ss(pid);
    assert.deepEqual([shown.status, shown.reason], ['off', why]);
    assert.match(shown.detail ?? '', detail);
  }
  client.signal('SIGTERM');
  await client.succeeded();
  await server.stopped();
}

describe('no addon', () => {
  test('it was never built', async (t) => {
    const folder = copyOfPackage('unbuilt', null);
    await check(t, { options: {}, folder, reason: /^addon-unavailable$/, detail: /No native build was found/ });
  });

  test('it is no shared object', async (t) => {
    const folder = copyOfPackage('garbage', Buffer.from('garbage'));
    await check(t, { options: {}, folder, reason: /^addon-unavailable$/, detail: /too short|invalid ELF header/ });
  });

  test('it is a shared object that is cut off', async (t) => {
    const folder = copyOfPackage(
      'cut',
      Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), Buffer.alloc(500)]),
    );
    await check(t, { options: {}, folder, reason: /^addon-unavailable$/, detail: /./ });
  });

  test('it is another addon', async (t) => {
    const folder = copyOfPackage('other', null);
    mkdirSync(join(folder, 'build', 'Release'), { recursive: true });
    writeFileSync(join(folder, 'node_modules', 'node-gyp-build', 'index.js'), 'module.exports = () => ({ abi: 99 });');
    writeFileSync(
      join(folder, 'node_modules', 'node-gyp-build', 'node-gyp-build.js'),
      'module.exports = () => ({ abi: 99 });',
    );
    await check(t, { options: {}, folder, reason: /^addon-unavailable$/, detail: /version 99/ });
  });
});

describe('--permission', () => {
  const [major = 0] = process.versions.node.split('.').map(Number);
  const flag = major >= 22 ? '--permission' : '--experimental-permission';
  const allowed = ['--no-warnings', flag, '--allow-fs-read=*', ...(major >= 25 ? ['--allow-net'] : [])];
  for (const [title, more, reason] of [
    ['', [], /^(addon|bindings)-unavailable$/],
    [' with --allow-addons', ['--allow-addons'], /^bindings-unavailable$/],
  ] as const) {
    test(`the program works${title}`, async (t) => {
      await check(t, { options: { execArgv: [...allowed, ...more] }, folder: root, reason, detail: /./ });
    });
  }
});

test('another platform', async (t) => {
  const execArgv = ['-r', join(root, 'test', 'programs', 'faults', 'lib', 'darwin.cjs')];
  await check(t, {
    options: { execArgv },
    folder: root,
    reason: /^platform-unsupported$/,
    detail: /darwin/,
    answers: false,
  });
});

test('the switch cannot even be loaded', async (t) => {
  const folder = copyOfPackage('empty', null);
  rmSync(join(folder, 'dist'), { recursive: true });
  const register = join(folder, 'register.cjs');
  const server = new Proc(t, 'echo.mjs', { register, probe: false });
  const client = new Proc(t, 'dialer.mjs', { register, probe: false, parameters: { port: await server.port() } });
  client.say('dial one 1000');
  assert.equal((await client.hears('dialed'))['ok'], true);
  client.say('quit');
  await client.succeeded();
  await server.stopped();
});
