import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { splitNodeOptions } from '../../../src/cli/node-options.js';
import { makeEnvironment, parseRunArguments } from '../../../src/cli/run.js';
import { packageInfo } from '../../../src/config/index.js';
import { mainFile, runCommand } from './command.js';

const scratch = mkdtempSync(join(tmpdir(), 'sockets-direct-run-'));
after(() => {
  rmSync(scratch, { recursive: true });
});

const register = join(packageInfo().root, 'register.cjs');
/** Prints what it was started with: arguments, working directory, and the environment that concerns us. */
const SHOW = `
  const own = Object.entries(process.env).filter(([name]) => name.startsWith('SOCKETS_DIRECT_'));
  console.log(JSON.stringify({
    args: process.argv.slice(1), cwd: process.cwd(), options: process.env.NODE_OPTIONS, settings: Object.fromEntries(own),
  }));`;

interface Shown {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly options: string;
  readonly settings: Readonly<Record<string, string>>;
}

async function show(args: readonly string[], options: Parameters<typeof runCommand>[1] = {}): Promise<Shown> {
  const result = await runCommand(['run', ...args], options);
  assert.equal(result.stderr, '');
  assert.equal(result.code, 0);
  return JSON.parse(result.stdout) as Shown;
}

describe('the command line of run', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    // arguments, command, problems
    ['node app.js', ['node', 'app.js'], []],
    ['-- node app.js', ['node', 'app.js'], []],
    ['--log debug node app.js --log info', ['node', 'app.js', '--log', 'info'], []],
    ['--log=debug -- node -- app.js', ['node', '--', 'app.js'], []],
    ['--log debug -- -weird-command', ['-weird-command'], []],
    ['--log', [], ['option --log needs a value']],
    ['--lgo debug node', ['debug', 'node'], ['unknown option --lgo']],
    ['-x node', ['node'], ['unknown option -x']],
    ['', [], []],
  ];
  for (const [text, command, problems] of cases) {
    test(`"${text}" runs ${JSON.stringify(command)}`, () => {
      const parsed = parseRunArguments(text.split(' ').filter((word) => word !== ''));
      assert.deepEqual(parsed.command, command);
      assert.deepEqual(parsed.problems, problems);
    });
  }

  test('options of lists add up, others are replaced', () => {
    const { options } = parseRunArguments(
      '--exclude 80,81 --exclude port:90 --log info --log=debug --config sd.json node'.split(' '),
    );
    assert.deepEqual(options.get('exclude'), ['80', '81', 'port:90']);
    assert.deepEqual(options.get('log'), ['debug']);
    assert.deepEqual(options.get('config'), [join(process.cwd(), 'sd.json')]);
  });
});

describe('sockets-direct run', () => {
  test('preloads by an absolute path, from any working directory, and hands on arguments untouched', async () => {
    const cwd = join(scratch, 'with "quotes" and \\ spaces');
    mkdirSync(cwd);
    const args = ['a b', '', '--log', '$HOME', '"q"', 'ü'];
    const shown = await show(['--', process.execPath, '-e', SHOW, '--', ...args], { cwd });
    assert.deepEqual(shown.args, args);
    assert.equal(shown.cwd, cwd);
    assert.deepEqual(splitNodeOptions(shown.options), ['--require', register]);
    assert.deepEqual(shown.settings, {});
  });

  test('works from a package folder whose path has spaces and quotes', async () => {
    // No backslash: Node itself loads no ES module from such a path.
    const folder = join(scratch, 'pack "age" \' x');
    mkdirSync(folder);
    // The compiled command line, copied: what matters is where it lies.
    cpSync(join(mainFile, '..', '..'), join(folder, 'dist'), { recursive: true, dereference: true });
    writeFileSync(join(folder, 'package.json'), '{"name":"sockets-direct","version":"9.9.9","type":"module"}');
    writeFileSync(join(folder, 'register.cjs'), 'globalThis.preloaded = __filename;');
    const main = join(folder, 'dist', 'cli', 'main.js');
    const script = 'console.log(globalThis.preloaded)';
    const env = { ...process.env, NODE_OPTIONS: '' };
    const options = { encoding: 'utf8', env } as const;
    const result = spawnSync(process.execPath, [main, 'run', process.execPath, '-e', script], options);
    assert.equal(result.stderr, '');
    assert.equal(result.stdout, `${join(folder, 'register.cjs')}\n`);
    assert.equal(spawnSync(process.execPath, [main, '--version'], options).stdout, '9.9.9\n');
  });

  test('keeps an existing NODE_OPTIONS, and nests without repeating itself', async () => {
    const outer = { NODE_OPTIONS: '--max-old-space-size=123 --title="a b"' };
    const inner = ['run', '--log', 'info', process.execPath, '-e', SHOW];
    const shown = await show(['--log', 'error', '--', process.execPath, mainFile, ...inner], { env: outer });
    assert.deepEqual(splitNodeOptions(shown.options), [
      '--max-old-space-size=123',
      '--title=a b',
      '--require',
      register,
    ]);
    assert.deepEqual(shown.settings, { SOCKETS_DIRECT_LOG: 'info' });
  });

  test('reaches Node processes behind a shell and behind fork', async () => {
    const parent = `require('child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(SHOW)}], {stdio: 'inherit'})`;
    const shown = await show(['sh', '-c', '"$0" -e "$1"', process.execPath, parent]);
    assert.deepEqual(splitNodeOptions(shown.options), ['--require', register]);
  });

  test('hands settings on as variables that win over those it was given', async () => {
    const file = join(scratch, 'sd.json');
    writeFileSync(file, '{"windowBytes": "1MiB"}');
    const shown = await show(
      [
        ...[
          '--enabled',
          'off',
          '--exclude',
          '5432',
          '--exclude',
          'program:a.js',
          '--ring-bytes=2MiB',
          '--config',
          'sd.json',
        ],
        ...[process.execPath, '-e', SHOW],
      ],
      { cwd: scratch, env: { SOCKETS_DIRECT_ENABLED: 'on', SOCKETS_DIRECT_LOG: 'off' } },
    );
    assert.deepEqual(shown.settings, {
      SOCKETS_DIRECT_ENABLED: 'off',
      SOCKETS_DIRECT_EXCLUDE: '5432,program:a.js',
      SOCKETS_DIRECT_RING_BYTES: '2MiB',
      SOCKETS_DIRECT_CONFIG: file,
      SOCKETS_DIRECT_LOG: 'off',
    });
  });

  test('passes standard input, output and error through', async () => {
    const script = 'process.stdin.pipe(process.stdout); console.error("to stderr")';
    const result = await runCommand(['run', process.execPath, '-e', script], { input: 'from stdin' });
    assert.deepEqual(result, { code: 0, signal: null, stdout: 'from stdin', stderr: 'to stderr\n' });
  });

  test('ends with the command’s exit code', async () => {
    for (const code of [0, 1, 2, 77, 255]) {
      assert.equal((await runCommand(['run', process.execPath, '-e', `process.exit(${code})`])).code, code);
    }
  });

  test('ends by the signal that ended the command', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP'] as const) {
      const result = await runCommand([
        'run',
        process.execPath,
        '-e',
        `process.kill(process.pid, '${signal}'); setInterval(() => 0, 1000)`,
      ]);
      assert.deepEqual([result.code, result.signal], [null, signal]);
    }
  });

  test('ends with 128 + n where the signal does not end it itself', async () => {
    const result = await runCommand(['run', 'sh', '-c', 'kill -PIPE $$; sleep 9']);
    assert.deepEqual([result.code, result.signal], [128 + 13, null]);
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) {
    test(`forwards ${signal}, and the command decides what it means`, async () => {
      const script = `process.once('${signal}', () => { console.log('got it'); process.exit(7) }); setInterval(() => 0, 1000); console.log('ready')`;
      const result = await runCommand(['run', process.execPath, '-e', script], {
        onOutput: (text, child) => {
          if (text.includes('ready')) child.kill(signal);
        },
      });
      assert.deepEqual(result, { code: 7, signal: null, stdout: 'ready\ngot it\n', stderr: '' });
    });
  }

  test('dies of a forwarded signal that the command dies of', async () => {
    const result = await runCommand(
      ['run', process.execPath, '-e', `setInterval(() => 0, 1000); console.log('ready')`],
      {
        onOutput: (_, child) => child.kill('SIGTERM'),
      },
    );
    assert.deepEqual([result.code, result.signal], [null, 'SIGTERM']);
  });

  test('says 127 for a command that is not there, 126 for one that cannot be executed', async () => {
    const missing = await runCommand(['run', 'no-such-command-anywhere']);
    assert.equal(missing.code, 127);
    assert.match(missing.stderr, /cannot run no-such-command-anywhere: ENOENT/);
    const file = join(scratch, 'not-executable');
    writeFileSync(file, '');
    assert.equal((await runCommand(['run', file])).code, 126);
  });
});

describe('what run refuses', () => {
  const cases: readonly (readonly [string, readonly string[], NodeJS.ProcessEnv, RegExp])[] = [
    [
      'a bad option value',
      ['--window-bytes', '1', 'node'],
      {},
      /option --window-bytes: "1" is not allowed; allowed: 64KiB to 64MiB/,
    ],
    [
      'a bad variable',
      ['node'],
      { SOCKETS_DIRECT_LOG: 'loud' },
      /variable SOCKETS_DIRECT_LOG: "loud" .*off, error, info, debug/,
    ],
    [
      'an unknown variable',
      ['node'],
      { SOCKETS_DIRECT_X: '1' },
      /variable SOCKETS_DIRECT_X: "1" .*SOCKETS_DIRECT_ENABLED/,
    ],
    ['an unknown option', ['--loud', 'node'], {}, /unknown option --loud/],
    ['a missing file', ['--config', '/none/sd.json', 'node'], {}, /configuration file: "\/none\/sd.json" .*ENOENT/],
    ['no command', ['--log', 'info'], {}, /no command given/],
    ['nothing at all', [], {}, /no command given/],
  ];
  for (const [what, args, env, message] of cases) {
    test(`${what}: exit code 2, and the command does not start`, async () => {
      const command = args.includes('node') ? [...args, '-e', 'console.log("started")'] : args;
      const result = await runCommand(['run', ...command], { env });
      assert.equal(result.code, 2);
      assert.match(result.stderr, message);
      assert.equal(result.stdout, '');
    });
  }

  test('a malformed NODE_OPTIONS', () => {
    // Only from an API: Node itself would not have started this command with it.
    const made = makeEnvironment({ NODE_OPTIONS: '"' }, new Map(), '/register.cjs');
    assert.ok(typeof made === 'string' && made.includes('unbalanced quotes'));
  });

  test('all problems are told at once', async () => {
    const env = { SOCKETS_DIRECT_LOG: 'loud', SOCKETS_DIRECT_RING_BYTES: '7' };
    const result = await runCommand(['run', '--enabled', 'maybe', '--what', '--', 'node'], { env });
    assert.equal(result.code, 2);
    assert.equal(result.stderr.trimEnd().split('\n').length, 4);
  });
});

describe('help', () => {
  test('run --help comes from the table', async () => {
    const result = await runCommand(['run', '--help']);
    assert.equal(result.code, 0);
    assert.match(result.stdout, /--spin-limit-microseconds VALUE/);
    assert.match(result.stdout, /SOCKETS_DIRECT_SPIN_LIMIT_MICROSECONDS/);
  });

  test('the command itself tells what there is', async () => {
    for (const args of [['--help'], ['help'], ['-h']]) {
      const result = await runCommand(args);
      assert.deepEqual([result.code, result.stderr], [0, '']);
      assert.match(result.stdout, /Usage: sockets-direct/);
    }
    assert.equal((await runCommand(['--version'])).stdout, `${packageInfo().version}\n`);
    for (const args of [[], ['no-such-command']]) {
      const result = await runCommand(args);
      assert.deepEqual([result.code, result.stdout], [2, '']);
      assert.match(result.stderr, /Usage: sockets-direct/);
    }
  });
});
