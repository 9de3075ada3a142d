import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { addRequire, quoteNodeOption, splitNodeOptions } from '../../../src/cli/node-options.js';
import { cleanEnvironment } from './command.js';

describe('NODE_OPTIONS', () => {
  const texts: readonly (readonly [string, readonly string[] | null])[] = [
    ['', []],
    ['   ', []],
    ['--a --b', ['--a', '--b']],
    ['  --a   --b  ', ['--a', '--b']],
    ['--require "/a b/c.js"', ['--require', '/a b/c.js']],
    ['--require="/a b/c.js" -x', ['--require=/a b/c.js', '-x']],
    ['"a\\"b\\\\c"', ['a"b\\c']],
    ['a\\b', ['a\\b']],
    ['"unterminated', null],
    ['"escaped\\', null],
  ];
  for (const [text, args] of texts) {
    test(`${JSON.stringify(text)} is ${args === null ? 'malformed' : JSON.stringify(args)}`, () => {
      assert.deepEqual(splitNodeOptions(text), args);
    });
  }

  test('quotes only what needs it, and reads back what it wrote', () => {
    assert.equal(quoteNodeOption('/plain/path.cjs'), '/plain/path.cjs');
    for (const argument of ['/a b', '/a"b', '/a\\b', '/a\\"b c\\', "/a'b", '/ü/\t']) {
      assert.deepEqual(splitNodeOptions(quoteNodeOption(argument)), [argument]);
    }
  });

  test('gets one --require more, once', () => {
    const path = '/x y/register.cjs';
    const added = '--require "/x y/register.cjs"';
    assert.equal(addRequire('', path), added);
    assert.equal(addRequire(' ', path), added);
    assert.equal(addRequire('--max-old-space-size=99', path), `--max-old-space-size=99 ${added}`);
    for (const present of [added, '-r "/x y/register.cjs" --trace-warnings', '--require="/x y/register.cjs"']) {
      assert.equal(addRequire(present, path), present);
    }
    assert.equal(addRequire('--require /x', path), `--require /x ${added}`);
    assert.equal(addRequire('"', path), null);
  });

  test('is read by Node itself as it was meant', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sockets-direct-options-'));
    try {
      for (const name of ['plain', 'two words', 'a "quote"', 'back\\slash', 'mixed \\" \\\\ end\\', "it's", 'ü ☃']) {
        mkdirSync(join(folder, name));
        const file = join(folder, name, 'preload.cjs');
        writeFileSync(file, 'console.log("loaded " + __filename)');
        const options = addRequire('--no-deprecation --title="two words"', file);
        assert.ok(options !== null);
        const result = spawnSync(process.execPath, ['-e', 'console.log(process.title)'], {
          env: { ...cleanEnvironment(), NODE_OPTIONS: options },
          encoding: 'utf8',
        });
        assert.equal(result.stdout, `loaded ${file}\ntwo words\n`, result.stderr);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
