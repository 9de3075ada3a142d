import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findViolations, importsOf, unitOf } from './checker.js';
import { MAXIMUM_LINES } from './rules.js';

const root = new URL('../../../', import.meta.url);

const read = (folder: string, wanted: RegExp): Map<string, string> => {
  const base = new URL(`${folder}/`, root);
  const files = readdirSync(fileURLToPath(base), { recursive: true, encoding: 'utf8' }).filter((file) =>
    wanted.test(file),
  );
  return new Map(files.sort().map((file) => [file, readFileSync(new URL(file, base), 'utf8')]));
};

const bad = (file: string, text: string): string[] => findViolations(new Map([[file, text]]));

test('src holds the direction table', () => {
  const sources = read('src', /\.ts$/);
  assert.ok(sources.size > 0, 'no sources found');
  assert.deepEqual(findViolations(sources), []);
});

test('no native file is longer than the limit', () => {
  for (const [file, text] of read('native', /\.[ch]$/)) {
    const lines = text.split('\n').length;
    assert.ok(lines <= MAXIMUM_LINES + 1, `native/${file}: ${lines} lines`);
  }
});

test('the checker sees every way to name a module', () => {
  const text = `
    import { a } from './a.js';
    import type { B } from './b.js';
    export * from './c.js';
    export { d } from './d.js';
    const e = await import('./e.js');
    let f: import('./f.js').F;
    const g = require('./g.js');
    import './h.js';
    const i = await import(\`./i.js\`);
    // import './comment.js'
    const text = "import './text.js'";
  `;
  const names = importsOf('x.ts', text).map((name) => name.slice(2, 3));
  assert.equal(names.sort().join(''), 'abcdefghi');
});

test('the checker refuses what the table does not allow', () => {
  assert.match(bad('switch/a.ts', `import '../providers/shm/index.js';`)[0], /switch may not import providers\/shm/);
  assert.match(
    bad('switch/a.ts', `import type { X } from '../proxy-driver/index.js';`)[0],
    /may not import proxy-driver/,
  );
  assert.match(bad('providers/shm/a.ts', `import '../tcpip/index.js';`)[0], /may not import providers\/tcpip/);
  assert.match(bad('providers/shm/a.ts', `export * from '../../switch/index.js';`)[0], /may not import switch/);
  assert.match(bad('spi/a.ts', `import 'node:buffer';`)[0], /spi may not import 'node:buffer'/);
  assert.match(bad('session/a.ts', `const x = import('../net/index.js');`)[0], /session may not import net/);
  assert.match(bad('config/a.ts', `import ms from 'ms';`)[0], /config may not import 'ms'/);
  assert.match(bad('switch/a.ts', `import '../../test/x.js';`)[0], /outside src/);
  assert.match(bad('switch/a.ts', `import '../spi/index';`)[0], /must end in \.js/);
  assert.match(bad('helpers/a.ts', '')[0], /'helpers' is not in the table/);
  assert.match(bad('loose.ts', '')[0], /'loose\.ts' is not in the table/);
  assert.match(bad('spi/a.ts', '\n'.repeat(MAXIMUM_LINES + 1))[0], /501 lines/);
  // Names that every object has are not folders of the table.
  assert.match(bad('constructor/a.ts', '')[0], /not in the table/);
});

test('the checker accepts what the table allows', () => {
  assert.deepEqual(bad('switch/a.ts', `import '../spi/index.js'; import './b.js'; import 'node:net';`), []);
  assert.deepEqual(bad('providers/shm/deep/a.ts', `import '../ring.js'; import '../../../spi/index.js';`), []);
  assert.deepEqual(bad('spi/a.ts', '\n'.repeat(MAXIMUM_LINES)), []);
});

test('the checker finds a cycle between folders', () => {
  const sources = new Map([
    ['runtime/a.ts', `import '../observe/a.js';`],
    ['observe/a.ts', `import '../switch/a.js';`],
    ['switch/a.ts', `import '../runtime/a.js';`],
  ]);
  assert.ok(findViolations(sources).some((line) => /cycle of folders: .*runtime.*->/.test(line)));
});

test('a file belongs to its folder, a provider to itself', () => {
  assert.equal(unitOf('providers/shm/ring/a.ts'), 'providers/shm');
  assert.equal(unitOf('providers/index.ts'), 'providers');
  assert.equal(unitOf('net/a.ts'), 'net');
  assert.equal(unitOf('index.ts'), 'index.ts');
});
