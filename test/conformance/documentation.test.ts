// docs/CONFORMANCE.md and the code say the same; and the cases are what the page says of them.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CASES } from '../../src/conformance/index.js';
import { root } from '../support/program.js';

const page = readFileSync(join(root, 'docs/CONFORMANCE.md'), 'utf8');

describe('docs/CONFORMANCE.md', () => {
  test('lists every case, and none that does not exist', () => {
    const listed = page
      .slice(page.indexOf('<!-- cases -->'), page.indexOf('<!-- end of cases -->'))
      .split('\n')
      .filter((line) => line.startsWith('- '));
    const expected = CASES.map(({ name, base }) => `- ${name}${base === true ? ' · also base' : ''}`);
    assert.deepEqual(listed, expected, 'npm run build && node scripts/conformance-cases.mjs');
  });

  test('explains every member of the manifest, the factory and the pair', () => {
    const sources = ['manifest.ts', 'factory.ts'].map((name) =>
      readFileSync(join(root, 'src/conformance', name), 'utf8'),
    );
    const members = [...sources.join('\n').matchAll(/^ {2}(?:readonly )?(\w+)[?]?[:(]/gm)].map(([, name = '']) => name);
    const lacks = [...(sources[0] ?? '').matchAll(/^ {2}\| '([a-z-]+)'/gm)].map(([, name = '']) => name);
    assert.ok(members.length > 15 && lacks.length >= 3);
    const untold = new Set([
      'name',
      'provider',
      'processId',
      'options',
      'lacks',
      'limits',
      'close',
      'manifest',
      'create',
    ]);
    const missing = [...new Set([...members, ...lacks])].filter((name) => !untold.has(name) && !page.includes(name));
    assert.deepEqual(missing, []);
  });
});

describe('the cases', () => {
  test('have names of their own, each with the requirements it is about', () => {
    const names = CASES.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    const groups = /^(ACC|ADDR|CACHE|CLOSE|CONN|DUP|ERR|EXT|LIST|MEM|OBS|OOB|OPT|SESS|SOCK|SP|SYNC|XFER)-[1-9][0-9]?$/;
    const odd = CASES.flatMap(({ requirements }) => requirements).filter((id) => !groups.test(id));
    assert.deepEqual(odd, []);
    for (const { name, requirements } of CASES) assert.ok(requirements.length > 0, name);
  });

  test('every file of cases is part of the kit', () => {
    const files = readdirSync(join(root, 'src/conformance/cases')).filter((name) => name !== 'index.ts');
    const topics = new Set(CASES.map(({ topic }) => `${topic}.ts`));
    assert.deepEqual(files.sort(), [...topics].sort());
  });
});
