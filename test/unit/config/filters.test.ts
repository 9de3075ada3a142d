import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readRule, writeRule } from '../../../src/config/filters.js';
import { compileFilters } from '../../../src/config/index.js';
import type { Filters } from '../../../src/config/index.js';

function compile(include: readonly string[], exclude: readonly string[] = []): Filters {
  const read = (text: string) => {
    const rule = readRule(text);
    assert.ok(rule !== undefined, `${text} is a rule`);
    return rule;
  };
  return compileFilters(include.map(read), exclude.map(read));
}

describe('rules', () => {
  const good: readonly (readonly [string, string])[] = [
    ['80', 'port:80'],
    ['port:0', 'port:0'],
    ['8000-8999', 'port:8000-8999'],
    ['port:7-7', 'port:7'],
    ['127.0.0.1', 'address:127.0.0.1'],
    ['10.0.0.0/8', 'address:10.0.0.0/8'],
    ['address:::1', 'address:::1'],
    ['::/0', 'address:::/0'],
    ['fd00::/8', 'address:fd00::/8'],
    ['program:worker.js', 'program:worker.js'],
    ['program:/srv/**/api-?.js', 'program:/srv/**/api-?.js'],
  ];
  for (const [text, written] of good) {
    test(`${text} is read, and written as ${written}`, () => {
      const rule = readRule(text);
      assert.ok(rule !== undefined);
      assert.equal(writeRule(rule), written);
      assert.deepEqual(readRule(written), rule);
    });
  }

  const bad = [
    ...['', '65536', '-1', '9-8', '80-', '1-65536', 'port:', 'port:http', 'Port:80', 'localhost', 'app.js'],
    ...['10.0.0.0/33', '10.0.0', '::1/129', 'fe80::1%eth0', 'address:10.0.0.0/', 'address:[::1]', '[::1]:80'],
    ...['program:', 'program:bin/app.js', 'program:./app.js'],
  ];
  for (const text of bad) {
    test(`${JSON.stringify(text)} is none`, () => {
      assert.equal(readRule(text), undefined);
    });
  }
});

describe('what rules decide', () => {
  test('without rules everything may use the switch', () => {
    const filters = compile([]);
    assert.equal(filters.connection('10.1.2.3', 80), true);
    assert.equal(filters.listener('::', 0), true);
    assert.equal(filters.program(''), true);
  });

  const cases: readonly (readonly [string, string, string, number, boolean])[] = [
    // include, exclude, address, port, may it
    ['80', '', '127.0.0.1', 80, true],
    ['80', '', '127.0.0.1', 81, false],
    ['80 90-92', '', '127.0.0.1', 91, true],
    ['80 90-92', '', '127.0.0.1', 93, false],
    ['10.0.0.0/8', '', '10.255.0.1', 1, true],
    ['10.0.0.0/8', '', '11.0.0.1', 1, false],
    ['10.0.0.0/8 ::1', '', '::1', 1, true],
    ['80 10.0.0.0/8', '', '10.0.0.1', 80, true],
    ['80 10.0.0.0/8', '', '10.0.0.1', 81, false],
    ['80 10.0.0.0/8', '', '11.0.0.1', 80, false],
    ['', '80', '127.0.0.1', 80, false],
    ['', '80', '127.0.0.1', 79, true],
    ['', '80 127.0.0.0/8', '127.0.0.1', 79, false],
    ['80', '80', '127.0.0.1', 80, false],
    ['127.0.0.1', '', '::ffff:127.0.0.1', 80, true],
    ['', '127.0.0.1', '::ffff:127.0.0.1', 80, false],
    ['', 'fe80::/10', 'fe80::1%eth0', 80, false],
    ['0.0.0.0/0', '', 'not an address', 80, false],
    ['', '0.0.0.0/0', 'not an address', 80, true],
    ['10.1.2.3/8', '', '10.9.9.9', 80, true],
    ['', '0-65535', '::1', 65535, false],
  ];
  for (const [include, exclude, address, port, expected] of cases) {
    test(`include "${include}" exclude "${exclude}": ${address} port ${port} ${expected ? 'may' : 'may not'}`, () => {
      const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
      assert.equal(compile(words(include), words(exclude)).connection(address, port), expected);
    });
  }

  test('a listener on every address is judged by its port alone', () => {
    const filters = compile(['10.0.0.0/8', '80'], ['10.0.0.9']);
    assert.equal(filters.listener('0.0.0.0', 80), true);
    assert.equal(filters.listener('::', 80), true);
    assert.equal(filters.listener('::', 81), false);
    assert.equal(filters.listener('127.0.0.1', 80), false);
    assert.equal(filters.listener('10.0.0.9', 80), false);
  });

  const programs: readonly (readonly [string, string, boolean])[] = [
    ['program:server.js', '/srv/app/server.js', true],
    ['program:server.js', '/srv/app/server.jsx', false],
    ['program:server.js', '/srv/server.js/index.js', false],
    ['program:server-*.js', '/srv/server-1.js', true],
    ['program:s?rver.js', '/srv/server.js', true],
    ['program:/srv/*/server.js', '/srv/a/server.js', true],
    ['program:/srv/*/server.js', '/srv/a/b/server.js', false],
    ['program:/srv/**/server.js', '/srv/a/b/server.js', true],
    ['program:/srv/**/server.js', '/srv/server.js', true],
    ['program:**/bin/next', '/app/node_modules/.bin/../bin/next', true],
    ['program:/srv/**', '/srv/a/b/c', true],
    ['program:a+b(1).js', '/x/a+b(1).js', true],
    ['program:server.js', '', false],
    ['program:*', '', true],
  ];
  for (const [rule, path, expected] of programs) {
    test(`${rule} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(path)}`, () => {
      assert.equal(compile([rule]).program(path), expected);
      assert.equal(compile([], [rule]).program(path), !expected);
    });
  }

  test('program rules do not decide about connections, nor the others about programs', () => {
    const filters = compile(['program:a.js'], ['80']);
    assert.equal(filters.connection('::1', 81), true);
    assert.equal(filters.program('/b.js'), false);
    assert.equal(compile(['80']).program('/b.js'), true);
  });
});
