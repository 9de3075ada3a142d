import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageInfo, settingsHelp, settingsMarkdown, SETTING_NAMES, optionOf } from '../../../src/config/index.js';

test('docs/CONFIGURATION.md holds the table of settings as the code has it', () => {
  const page = readFileSync(join(packageInfo().root, 'docs', 'CONFIGURATION.md'), 'utf8');
  const table = /<!-- settings -->\n\n([\s\S]*?)\n\n<!-- \/settings -->/.exec(page);
  assert.ok(table !== null, 'the page has its markers');
  assert.equal(table[1], settingsMarkdown(), 'put this table between the markers');
});

test('the help has every option, its range and its default, in lines that fit a terminal', () => {
  const help = settingsHelp();
  for (const name of SETTING_NAMES) assert.match(help, new RegExp(`^  --${optionOf(name)} VALUE`, 'm'));
  assert.match(help, /allowed: 512KiB to 16MiB \(524288 to 16777216\), a power of two; default: 2MiB;/);
  for (const line of help.split('\n')) assert.ok(line.length <= 100, line);
});

test('the package knows where it is and which version', () => {
  const { root, version } = packageInfo();
  assert.ok(existsSync(join(root, 'package.json')));
  assert.match(version, /^\d+\.\d+\.\d+/);
});
