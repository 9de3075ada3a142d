import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import * as spi from '../../../src/spi/index.js';
import * as codes from '../../../src/spi/errors.js';
import { ERROR_TABLE, rows } from './reference.js';

const exported = spi as Readonly<Record<string, unknown>>;
const systemErrno = constants.errno as unknown as Readonly<Record<string, number>>;

describe('spi result codes', () => {
  for (const [name = '', value = '', errno = ''] of rows(ERROR_TABLE)) {
    test(`${name} is ${value}, errno ${errno}`, () => {
      const code = Number(value);
      assert.equal(exported[name], code);
      assert.equal(spi.wsaName(code), name);
      const entry = spi.WSA_ERRORS.find((row) => row.name === name);
      assert.equal(entry?.errno ?? '-', errno);
      assert.equal(spi.errnoNameFromWsa(code), errno === '-' ? 'EIO' : errno);
    });
  }

  test('the table has every code of errors.ts, once, by value', () => {
    const declared = Object.entries(codes).filter(([name]) => name !== 'NO_ERROR');
    assert.deepEqual(
      spi.WSA_ERRORS.map((row) => [row.name, row.value]),
      declared.map(([name, value]) => [name, value]).sort((a, b) => Number(a[1]) - Number(b[1])),
    );
    assert.equal(new Set(spi.WSA_ERRORS.map((row) => row.value)).size, spi.WSA_ERRORS.length);
  });

  test('errno numbers are this system’s', () => {
    for (const { name, value, errno } of spi.WSA_ERRORS) {
      if (errno === null) continue;
      const number = systemErrno[errno];
      if (number !== undefined) assert.equal(spi.errnoFromWsa(value), number, name);
    }
  });

  test('there and back: a code returns unless another one owns its errno', () => {
    const others = new Map([
      [spi.WSA_INVALID_HANDLE, spi.WSAENOTSOCK],
      [spi.WSA_INVALID_PARAMETER, spi.WSAEINVAL],
      [spi.WSA_IO_INCOMPLETE, spi.WSAEWOULDBLOCK],
      [spi.WSA_IO_PENDING, spi.WSAEWOULDBLOCK],
      [spi.WSATRY_AGAIN, spi.WSAEWOULDBLOCK],
    ]);
    for (const { name, value, errno } of spi.WSA_ERRORS) {
      const back = spi.wsaFromErrno(spi.errnoFromWsa(value));
      assert.equal(back, errno === null ? spi.WSASYSCALLFAILURE : (others.get(value) ?? value), name);
    }
  });

  test('errno to code: either sign, or the name', () => {
    const expected: readonly [string, number][] = [
      ['ECONNRESET', spi.WSAECONNRESET],
      ['ECONNREFUSED', spi.WSAECONNREFUSED],
      ['EPIPE', spi.WSAESHUTDOWN],
      ['EAGAIN', spi.WSAEWOULDBLOCK],
      ['EINPROGRESS', spi.WSAEWOULDBLOCK],
      ['EBADF', spi.WSAENOTSOCK],
      ['ENFILE', spi.WSAEMFILE],
      ['EPERM', spi.WSAEACCES],
      ['ENOMEM', spi.WSA_NOT_ENOUGH_MEMORY],
      ['ECANCELED', spi.WSA_OPERATION_ABORTED],
      ['EXDEV', spi.WSASYSCALLFAILURE],
    ];
    for (const [name, code] of expected) {
      assert.equal(spi.wsaFromErrno(name), code, name);
      const number = systemErrno[name];
      if (number === undefined) continue;
      assert.equal(spi.wsaFromErrno(number), code, name);
      assert.equal(spi.wsaFromErrno(-number), code, `-${name}`);
    }
    assert.equal(spi.wsaFromErrno('ESHUTDOWN'), spi.WSAESHUTDOWN);
    assert.equal(spi.wsaFromErrno('nonsense'), spi.WSASYSCALLFAILURE);
    assert.equal(spi.wsaFromErrno(Number.NaN), spi.WSASYSCALLFAILURE);
  });

  test('success is success, and a failure never looks like it', () => {
    assert.equal(spi.wsaFromErrno(0), 0);
    assert.equal(spi.errnoFromWsa(0), 0);
    assert.equal(spi.errnoNameFromWsa(0), '');
    assert.equal(spi.wsaName(0), 'NO_ERROR');
    assert.equal(spi.wsaMeaning(0), 'success');
    for (const value of [spi.WSASYSNOTREADY, 12345, -1]) assert.equal(spi.errnoFromWsa(value), 5, String(value));
    assert.equal(spi.wsaName(12345), 'WSA(12345)');
    assert.equal(spi.wsaMeaning(12345), 'unknown code');
  });

  test('only the two progress codes are not errors', () => {
    const progress = spi.WSA_ERRORS.filter((row) => !row.error).map((row) => row.name);
    assert.deepEqual(progress, ['WSA_IO_INCOMPLETE', 'WSA_IO_PENDING']);
    for (const row of spi.WSA_ERRORS) assert.equal(spi.wsaMeaning(row.value), row.meaning);
  });
});
