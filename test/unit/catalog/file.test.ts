import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { encodeDocument } from '../../../src/catalog/document.js';
import { defaultCatalogPath, moduleProblem, readCatalogFile } from '../../../src/catalog/file.js';
import { catalogPath } from './support.js';

const TEXT = encodeDocument({ providers: [], sanList: [] });
/** Only root can give files to somebody else. */
const asRoot = { skip: process.geteuid?.() === 0 ? false : 'only root can give files away' };

/** A catalog file that is believed. */
function present(context: TestContext, text = TEXT): string {
  const path = catalogPath(context);
  mkdirSync(dirname(path), { mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
  assert.equal(readCatalogFile(path).problem, null);
  return path;
}

describe('a catalog file', () => {
  test('that is not there is an empty catalog', (context) => {
    const read = readCatalogFile(catalogPath(context));
    assert.deepEqual([read.document, read.present, read.problem], [{ providers: [], sanList: [] }, false, null]);
  });

  test('is not believed if others could have written it', (context) => {
    const path = present(context);
    for (const mode of [0o602, 0o620, 0o666]) {
      chmodSync(path, mode);
      assert.match(readCatalogFile(path).problem ?? '', /^others may write to \(mode 6/);
    }
    chmodSync(path, 0o644);
    assert.equal(readCatalogFile(path).problem, null);
  });

  test('is not believed in a directory that others may write to: they could put another in its place', (context) => {
    const path = present(context);
    for (const mode of [0o777, 0o1777, 0o770]) {
      chmodSync(dirname(path), mode);
      assert.match(readCatalogFile(path).problem ?? '', /^is in a directory that others may write to/);
    }
  });

  test('is not believed if it is another user’s', asRoot, (context) => {
    const path = present(context);
    chownSync(path, 12345, 12345);
    assert.match(readCatalogFile(path).problem ?? '', /belongs to user 12345, who is neither user 0 nor root/);
    chownSync(path, 0, 0);
    chownSync(dirname(path), 12345, 12345);
    assert.match(readCatalogFile(path).problem ?? '', /^is in a directory that belongs to user 12345/);
  });

  test('is not waited for if it is no file, and not read if it is huge', (context) => {
    const path = present(context);
    rmSync(path);
    assert.equal(spawnSync('mkfifo', ['-m', '600', path]).status, 0);
    assert.equal(readCatalogFile(path).problem, 'is not a regular file');
    rmSync(path);
    writeFileSync(path, ' '.repeat(1024 * 1024 + 1), { mode: 0o600 });
    assert.match(readCatalogFile(path).problem ?? '', /larger than 1048576 bytes/);
    rmSync(path);
    mkdirSync(path, { mode: 0o700 });
    assert.equal(readCatalogFile(path).problem, 'is not a regular file');
  });

  test('that makes no sense says where', (context) => {
    const path = present(context);
    writeFileSync(path, '{"format":1,"providers":7}');
    assert.match(readCatalogFile(path).problem ?? '', /^providers is no list/);
  });
});

test('a module is not loaded if others could have written it', (context) => {
  const path = present(context);
  const module = join(dirname(path), 'module.cjs');
  assert.equal(moduleProblem(module), 'cannot be read: ENOENT');
  writeFileSync(module, '', { mode: 0o644 });
  assert.equal(moduleProblem(module), null);
  chmodSync(module, 0o646);
  assert.match(moduleProblem(module) ?? '', /^others may write to/);
  assert.equal(moduleProblem(dirname(module)), 'is not a file');
});

test('a module of another user is not loaded', asRoot, (context) => {
  const path = present(context);
  chownSync(path, 12345, 12345);
  assert.match(moduleProblem(path) ?? '', /belongs to user 12345/);
});

test('the catalog is in the user’s configuration directory', () => {
  const end = join('sockets-direct', 'providers.json');
  assert.equal(defaultCatalogPath({ XDG_CONFIG_HOME: '/etc/xdg' }), join('/etc/xdg', end));
  for (const XDG_CONFIG_HOME of ['', 'relative', undefined]) {
    assert.equal(defaultCatalogPath({ XDG_CONFIG_HOME }), join(homedir(), '.config', end));
  }
});
