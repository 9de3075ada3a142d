import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as spi from '../../../src/spi/index.js';

const root = packageRoot();
const guide = readFileSync(join(root, 'docs/SPI.md'), 'utf8');
const sources = readdirSync(join(root, 'src/spi')).filter((name) => name.endsWith('.ts'));

describe('docs/SPI.md', () => {
  test('names every exported function and constant', () => {
    const missing = Object.keys(spi).filter((name) => !guide.includes(`\`${name}\``));
    assert.deepEqual(missing, []);
  });

  test('names every function of the tables', () => {
    const slots = [...spi.PROC_TABLE_SLOTS, ...spi.UPCALL_SLOTS].map((slot) => slot.slice(2));
    const names = [...slots, ...spi.SAN_EXTENSIONS.map((extension) => extension.name), 'WSPStartupEx'];
    assert.deepEqual(
      names.filter((name) => !guide.includes(`\`${name}\``)),
      [],
    );
  });

  test('has each result code with its value, errno and meaning', () => {
    for (const { name, value, errno, meaning } of spi.WSA_ERRORS) {
      const row = `| \`${name}\` | ${value} | ${errno ?? '–'} | ${meaning} |`;
      assert.ok(guide.includes(row), row);
    }
  });

  test('has each GUID', () => {
    for (const [name, value] of Object.entries(spi)) {
      if (name.startsWith('WSAID_')) assert.ok(guide.includes(`\`${name}\` | \`${value as string}\``), name);
    }
  });

  test('its skeleton is the one that the tests load', () => {
    const skeleton = readFileSync(join(root, 'test/unit/spi/skeleton.ts'), 'utf8');
    const block = /```ts\n(.*?)```/s.exec(guide)?.[1];
    assert.equal(block, skeleton.replace('../../../src/spi/index.js', 'sockets-direct/spi'));
  });
});

describe('src/spi', () => {
  test('every export has a docstring', () => {
    const bare: string[] = [];
    for (const name of sources.filter((source) => source !== 'index.ts')) {
      const lines = readFileSync(join(root, 'src/spi', name), 'utf8').split('\n');
      lines.forEach((line, index) => {
        if (line.startsWith('export ') && !lines[index - 1]?.endsWith('*/')) bare.push(`${name}:${index + 1}`);
      });
    }
    assert.deepEqual(bare, []);
  });

  test('every module is exported by the index', () => {
    const index = readFileSync(join(root, 'src/spi/index.ts'), 'utf8');
    for (const name of sources) {
      if (name !== 'index.ts') assert.ok(index.includes(` * from './${name.replace('.ts', '.js')}';`), name);
    }
  });

  test('imports nothing outside itself', () => {
    for (const name of sources) {
      const text = readFileSync(join(root, 'src/spi', name), 'utf8');
      for (const [, target = ''] of text.matchAll(/from '([^']+)'/g)) assert.match(target, /^\.\/[^/]+\.js$/, name);
      assert.doesNotMatch(text, /\b(?:import|require)\(/, name);
    }
  });
});

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'docs/SPI.md'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('docs/SPI.md is not above this test');
    folder = parent;
  }
  return folder;
}
