import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { type TestContext, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { programOf } from '../../../src/cli/isolates.js';
import { makeQueryName } from '../../../src/observe/query-name.js';
import { IsolateProcess } from '../observe/child.js';
import { sampleConnection, sampleSnapshot } from '../observe/sample.js';
import { cleanEnvironment, mainFile, runCommand } from './command.js';

const observeUrl = new URL('../../../src/observe/index.js', import.meta.url).href;

interface Listed {
  readonly format: number;
  readonly processes: readonly Readonly<Record<string, unknown>>[];
}

async function start(
  context: TestContext,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<IsolateProcess> {
  const child = new IsolateProcess({ hold: true, ...parameters });
  context.after(() => child.kill());
  await child.paths(parameters['worker'] === true ? 2 : 1);
  return child;
}

async function list(child: { readonly pid: number }, ...args: readonly string[]): Promise<Listed['processes']> {
  const result = await runCommand(['ss', '--json', '--pid', String(child.pid), ...args]);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  const listed = JSON.parse(result.stdout) as Listed;
  assert.equal(listed.format, 1);
  return listed.processes;
}

/** The table's lines as words, without the heading. */
async function table(
  child: { readonly pid: number },
  ...args: readonly string[]
): Promise<readonly (readonly string[])[]> {
  const result = await runCommand(['ss', '--pid', String(child.pid), ...args]);
  assert.equal(result.code, 0);
  const lines = result.stdout.trimEnd().split('\n');
  return lines.slice(1).map((line) => line.split(/ {2,}/));
}

describe('sockets-direct ss', () => {
  test('lists connections with their route, and the reason of those on TCP', async (context) => {
    const child = await start(context);
    assert.deepEqual(await table(child), [
      [
        ...['ESTABLISHED', 'shm', '127.0.0.1:40000', '127.0.0.1:8080', String(child.pid), 'isolate.js'],
        ...['1.2M', '89', '77'],
      ],
      [
        ...['ESTABLISHED', 'tcp', '127.0.0.1:40000', '127.0.0.1:8080', String(child.pid), 'isolate.js'],
        ...['-', '-', '-', 'no-companion'],
      ],
    ]);
  });

  test('shows what was asked for', async (context) => {
    const child = await start(context);
    const states = async (...args: readonly string[]): Promise<readonly string[]> =>
      (await table(child, ...args)).map(([state, route]) => `${state} ${route}`);
    assert.deepEqual(await states('-l'), ['LISTEN shm']);
    assert.deepEqual(await states('--all'), ['LISTEN shm', 'ESTABLISHED shm', 'ESTABLISHED tcp']);
    assert.deepEqual(await states('--san'), ['ESTABLISHED shm']);
    assert.deepEqual(await states('--tcp'), ['ESTABLISHED tcp']);
    assert.deepEqual(await states('--tcp', '--san'), ['ESTABLISHED shm', 'ESTABLISHED tcp']);
  });

  test('as JSON has the documented shape', async (context) => {
    const child = await start(context);
    const [isolate] = await list(child);
    assert.deepEqual(Object.keys(isolate), [
      ...['pid', 'thread', 'uid', 'verified', 'status', 'reason', 'detail', 'program', 'version', 'node'],
      ...['providers', 'listeners', 'connections', 'omitted', 'stats'],
    ]);
    assert.equal(isolate['pid'], child.pid);
    assert.equal(isolate['status'], 'ok');
    assert.equal(isolate['verified'], true);
    assert.equal(isolate['uid'], process.geteuid?.());
    assert.deepEqual(isolate['listeners'], [
      { id: 3, local: { address: '::', port: 8080 }, carrier: 'san', provider: 'shm', reason: null },
    ]);
    assert.deepEqual((isolate['connections'] as readonly unknown[])[1], {
      id: 2,
      side: 'connect',
      carrier: 'tcp',
      provider: null,
      reason: 'no-companion',
      state: 'established',
      local: { address: '127.0.0.1', port: 40000 },
      remote: { address: '127.0.0.1', port: 8080 },
      peerPid: null,
      link: null,
      bytesRead: null,
      bytesWritten: null,
      pendingBytes: null,
      transfer: null,
    });
    assert.equal((await list(child, '--tcp'))[0]['connections'] instanceof Array, true);
  });

  test('lists every isolate of a process', async (context) => {
    const child = await start(context, { worker: true });
    const isolates = await list(child);
    assert.deepEqual(
      isolates.map(({ thread }) => thread),
      [0, 1],
    );
    const rows = await table(child, '--san');
    assert.deepEqual(
      rows.map((row) => row[4]),
      [String(child.pid), `${child.pid}/1`],
    );
  });

  test('lists a stopped process as not answering, and ends', async (context) => {
    const child = await start(context);
    const other = await start(context);
    child.signal('SIGSTOP');
    const [isolate] = await list(child);
    assert.equal(isolate['status'], 'no-answer');
    assert.equal(isolate['reason'], 'timeout');
    assert.match(String(isolate['program']), /isolate\.js$/);
    assert.deepEqual(isolate['connections'], []);
    const [row] = await table(child);
    assert.deepEqual(row, ['NO-ANSWER', '-', '-', '-', String(child.pid), 'isolate.js', '-', '-', '-', 'timeout']);
    assert.equal((await list(other))[0]['status'], 'ok');
    child.signal('SIGCONT');
    assert.equal((await list(child))[0]['status'], 'ok');
  });

  test('lists a process whose switch is off, with the reason', async (context) => {
    const child = await start(context, { status: 'off', reason: 'bad-configuration', connections: 0 });
    const [isolate] = await list(child);
    assert.deepEqual([isolate['status'], isolate['reason']], ['off', 'bad-configuration']);
    const [row] = await table(child);
    assert.deepEqual([row[0], row[9]], ['OFF', 'bad-configuration']);
  });

  test('says so when there is nothing to show, and --all shows idle processes', async (context) => {
    const child = await start(context, { connections: 0 });
    const result = await runCommand(['ss', '--pid', String(child.pid)]);
    assert.deepEqual([result.code, result.stdout], [0, '']);
    assert.match(result.stderr, /Nothing to show \(1 under the switch/);
    const nobody = await runCommand(['ss', '--pid', String(process.pid)]);
    assert.deepEqual([nobody.code, nobody.stdout, nobody.stderr], [0, '', 'Nothing runs the switch.\n']);
  });

  test('marks a pid that cannot be confirmed, and shows no control characters', async (context) => {
    const { path } = makeQueryName(process.geteuid?.() ?? 0, 1, 0);
    const evil = '\u001b[2Jevil\n';
    const connections = [sampleConnection({ state: evil, local: { address: evil, port: 1 } })];
    const snapshot = sampleSnapshot({ program: evil, connections });
    const server = createServer((socket) => socket.end(JSON.stringify(snapshot)));
    await new Promise<void>((resolve) => server.listen({ path, exclusive: true }, resolve));
    context.after(() => server.close());
    const result = await runCommand(['ss', '--pid', '1']);
    const row = result.stdout.split('\n').find((line) => line.includes('evil'));
    assert.ok(row !== undefined, result.stdout);
    assert.match(row, / 1\? /);
    // eslint-disable-next-line no-control-regex -- that there is none is what is tested
    assert.doesNotMatch(result.stdout, /\u001b/);
  });

  test('does not list itself', async (context) => {
    const child = await start(context);
    // Under its own query server, as it has one when it is started by `run`.
    const script = `
      const { startQueryServer } = await import(${JSON.stringify(observeUrl)});
      startQueryServer({ peerUid: null, snapshot: () => null });
      process.argv.splice(1, 1, 'sockets-direct');
      await import(${JSON.stringify(pathToFileURL(mainFile).href)});`;
    const args = ['--input-type=module', '-e', script, '--', 'x', 'ss', '--json'];
    const result = spawnSync(process.execPath, args, {
      env: cleanEnvironment(),
      encoding: 'utf8',
      maxBuffer: Infinity,
    });
    assert.equal(result.stderr, '');
    const pids = (JSON.parse(result.stdout) as Listed).processes.map(({ pid }) => pid);
    assert.ok(pids.includes(child.pid));
    assert.ok(!pids.includes(result.pid));
  });

  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [['--verbose'], /--verbose/],
    [['something'], /something/],
    [['--pid', 'init'], /option --pid: "init" is not allowed; allowed: a process id/],
    [['--pid', '0'], /allowed: a process id/],
    [['--pid'], /--pid/],
  ];
  for (const [args, message] of refused) {
    test(`${args.join(' ')} is refused with exit code 2`, async () => {
      const result = await runCommand(['ss', ...args]);
      assert.deepEqual([result.code, result.stdout], [2, '']);
      assert.match(result.stderr, message);
    });
  }

  test('has help', async () => {
    const result = await runCommand(['ss', '--help']);
    assert.equal(result.code, 0);
    assert.match(result.stdout, /--all-users/);
  });

  test('survives a reader that leaves early', async () => {
    const result = await runCommand([
      'run',
      'sh',
      '-c',
      `"${process.execPath}" "${mainFile}" ss --help | true; echo done`,
    ]);
    assert.deepEqual([result.stdout, result.stderr], ['done\n', '']);
  });
});

describe('the program of a process that does not answer', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['node app.js --x', 'app.js'],
    ['node -r ./a.js --import b.mjs --inspect app.js', 'app.js'],
    ['node -e code', 'code'],
    ['node', 'node'],
    ['node --inspect', 'node'],
    ['', ''],
  ];
  for (const [commandLine, program] of cases) {
    test(`"${commandLine}" is ${JSON.stringify(program)}`, () => {
      assert.equal(programOf(commandLine.replaceAll(' ', '\0')), program);
    });
  }
});
