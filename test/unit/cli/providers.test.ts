import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { packageInfo } from '../../../src/config/index.js';
import { cleanEnvironment, type Result, runCommand } from './command.js';

const modules = join(packageInfo().root, 'test', 'programs', 'catalog', 'providers');
const SECOND = '0D8F31C7-4B5E-4C7A-9B5D-2A7F3E6C1B90';
const BROKEN = '5A1B6C2D-77E0-4F8B-8C11-93D5E0A4F276';

interface Setup {
  readonly file: string;
  run(args: readonly string[], env?: Readonly<Record<string, string>>, cwd?: string): Promise<Result>;
}

/** A home of its own for each test: nobody's real catalog is touched. */
function setup(context: TestContext): Setup {
  const home = mkdtempSync(join(tmpdir(), 'sockets-direct-home-'));
  context.after(() => rmSync(home, { recursive: true, force: true }));
  return {
    file: join(home, 'sockets-direct', 'providers.json'),
    run: (args, env = {}, cwd = modules) =>
      runCommand(['providers', ...args], { cwd, env: { ...cleanEnvironment(), XDG_CONFIG_HOME: home, ...env } }),
  };
}

const wentWell = ({ code, stderr, stdout }: Result): string => {
  assert.deepEqual([code, stderr], [0, '']);
  return stdout;
};

describe('sockets-direct providers', () => {
  test('installs, lists and removes (SP-16…18)', async (context) => {
    const { file, run } = setup(context);
    const none = await run(['list']);
    assert.deepEqual([none.code, none.stdout, none.stderr], [0, '', `No provider is installed in ${file}.\n`]);

    const installed = wentWell(await run(['install', './second.cjs', '--name', 'Second™']));
    assert.match(installed, new RegExp(`^Installed second as Second™: ${SECOND}, /.*/second\\.cjs\\n`));
    wentWell(await run(['install', join(modules, 'broken.cjs'), '--first']));

    const lines = wentWell(await run(['list']))
      .trimEnd()
      .split('\n');
    assert.deepEqual(
      lines.map((line) => line.trim().split(/ {2,}/)),
      [
        ['Order', 'Name', 'Provider', 'Id', 'Module'],
        ['1', BROKEN, 'broken', BROKEN, join(modules, 'broken.cjs')],
        ['2', 'Second™', 'second', SECOND, join(modules, 'second.cjs')],
      ],
    );
    assert.deepEqual(JSON.parse(wentWell(await run(['list', '--json']))), {
      format: 1,
      catalog: file,
      providers: [
        {
          order: 2,
          name: 'Second™',
          id: SECOND,
          protocol: 'second',
          path: join(modules, 'second.cjs'),
          problem: null,
        },
        { order: 1, name: BROKEN, id: BROKEN, protocol: 'broken', path: join(modules, 'broken.cjs'), problem: null },
      ],
    });

    wentWell(await run(['remove', 'Second™']));
    wentWell(await run(['remove', BROKEN]));
    const again = await run(['remove', BROKEN]);
    assert.deepEqual([again.code, again.stderr], [1, `sockets-direct providers: "${BROKEN}" is not installed\n`]);
  });

  test('loads modules of both kinds, and installs one under another id', async (context) => {
    const { run } = setup(context);
    wentWell(await run(['install', 'second.mjs', '--id', '{11111111-2222-4333-8444-555555555555}']));
    wentWell(await run(['install', 'second.cjs']));
    const { providers } = JSON.parse(wentWell(await run(['list', '--json']))) as { providers: { id: string }[] };
    assert.deepEqual(
      providers.map(({ id }) => id),
      ['11111111-2222-4333-8444-555555555555', SECOND],
    );
  });

  test('finds the file where a setting says, and where the option says', async (context) => {
    const { file, run } = setup(context);
    const other = join(dirname(dirname(file)), 'other', 'catalog.json');
    wentWell(await run(['install', 'second.cjs'], { SOCKETS_DIRECT_CATALOG: other }));
    assert.match(wentWell(await run(['list', '--catalog', other])), /second/);
    assert.equal((await run(['list'])).stdout, '');
  });

  test('says why it does not install', async (context) => {
    const { file, run } = setup(context);
    const here = dirname(dirname(file));
    writeFileSync(join(here, 'empty.cjs'), '');
    writeFileSync(join(here, 'open.cjs'), '', { mode: 0o666, flag: 'wx' });
    const nameless = "exports.WSPStartupEx = () => 0; exports.protocolInfo = { ProviderId: 'x' };";
    writeFileSync(join(here, 'nameless.cjs'), nameless);
    const cases: [args: string[], code: number, wrong: RegExp, env?: Record<string, string>][] = [
      [['nowhere'], 1, /there is no module nowhere/],
      [['./empty.cjs'], 1, /does not export WSPStartupEx and protocolInfo/],
      [['./nameless.cjs'], 1, /ProviderId is "x", not a GUID/],
      [[join(modules, 'awaiting.mjs')], 1, /top-level await/],
      [[join(modules, 'broken.cjs')], 1, /broken\.cjs: it does not load today/, { TEST_BROKEN: 'throws' }],
      [[join(modules, 'second.cjs'), '--id', 'none'], 2, /"none" is not a GUID/],
      [[join(modules, 'second.cjs'), '--name', ''], 2, /1 to 255 characters/],
      [[join(modules, 'second.cjs'), '--catalog', 'here.json'], 2, /not an absolute path/],
      [[], 2, /install takes one argument/],
    ];
    for (const [args, code, wrong, env] of cases) {
      const result = await run(['install', ...args], env, here);
      assert.deepEqual([result.code, result.stdout], [code, ''], args.join(' '));
      assert.match(result.stderr, wrong);
    }
    for (const [args, wrong] of [
      [['drop'], /no such action: drop/],
      [[], /no such action/],
      [['list', 'x'], /list takes no argument/],
      [['list', '--loud'], /Unknown option/],
    ] as const) {
      const result = await run([...args]);
      assert.equal(result.code, 2);
      assert.match(result.stderr, wrong);
    }
  });

  test('does not touch a catalog that it does not believe', async (context) => {
    const { file, run } = setup(context);
    mkdirSync(dirname(file), { mode: 0o700 });
    writeFileSync(file, 'not JSON', { mode: 0o600 });
    for (const args of [['list'], ['install', 'second.cjs'], ['remove', SECOND]]) {
      const result = await run(args);
      assert.deepEqual([result.code, result.stdout], [1, '']);
      assert.match(result.stderr, /providers\.json not JSON/);
    }
  });

  test('marks a module that programs would not load', async (context) => {
    const { file, run } = setup(context);
    const module = join(dirname(dirname(file)), 'second.cjs');
    writeFileSync(module, `module.exports = require(${JSON.stringify(join(modules, 'second.cjs'))});`);
    wentWell(await run(['install', module]));
    rmSync(module);
    assert.match(wentWell(await run(['list'])), /second\.cjs \(ERR: it cannot be read: ENOENT\)/);
  });

  test('has help', async (context) => {
    const { run } = setup(context);
    assert.match(wentWell(await run(['--help'])), /^Usage: sockets-direct providers install <module>/);
  });
});
