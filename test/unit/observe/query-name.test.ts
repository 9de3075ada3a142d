import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findQueryNames, makeQueryName } from '../../../src/observe/query-name.js';

const HEAD = 'Num       RefCount Protocol Flags    Type St Inode Path\n';

function line(path: string, flags = '00010000', type = '0001'): string {
  return `00000000a32ca072: 00000002 00000000 ${flags} ${type} 01 32511 ${path}\n`;
}

describe('names of query sockets', () => {
  test('are all of the full length, and no two alike', () => {
    const names = [makeQueryName(0, 1, 0), makeQueryName(0, 1, 0), makeQueryName(4294967294, 4194304, 12345)];
    for (const { path } of names) {
      assert.equal(Buffer.byteLength(path), 108);
      assert.match(path, /^\0sockets-direct\/query\/\d+\/\d+\/\d+\/[0-9a-f]{40,}$/);
    }
    assert.equal(new Set(names.map(({ path }) => path)).size, 3);
  });

  test('are found again in /proc/net/unix', () => {
    const { path, ...rest } = makeQueryName(1000, 4321, 7);
    const table = HEAD + line('/run/x') + line(path.replace('\0', '@')) + line('@other');
    assert.deepEqual(findQueryNames(table), [{ ...rest, path, inode: '32511' }]);
  });

  test('are not found in what only looks like them', () => {
    const good = makeQueryName(0, 1, 0).path.replace('\0', '@');
    const tables = [
      HEAD,
      '',
      line(good, '00000000'), // an accepted connection carries its listener's name
      line(good, '00010000', '0005'), // not a stream socket
      line(good.slice(0, -1)),
      line(`${good}0`),
      line(good.replace('@', '/')),
      line(good.replace('/0/', '/x/')),
      line(`${good.slice(0, -2)}@@`),
    ];
    for (const table of tables) assert.deepEqual(findQueryNames(table), []);
  });
});
