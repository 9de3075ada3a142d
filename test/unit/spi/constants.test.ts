import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as spi from '../../../src/spi/index.js';
import { EXTENSION_GUIDS, rows, SWITCH_GUIDS, VALUE_TABLE } from './reference.js';

const exported = spi as Readonly<Record<string, unknown>>;

describe('spi constants', () => {
  for (const [name = '', value = ''] of rows(VALUE_TABLE)) {
    test(`${name} is ${value}`, () => assert.equal(exported[name], Number(value)));
  }

  for (const [name = '', value] of [...rows(EXTENSION_GUIDS), ...rows(SWITCH_GUIDS)]) {
    test(`${name} is ${value}`, () => assert.equal(exported[name], value));
  }

  test('every SIO_ code is the unsigned sum of its parts', () => {
    for (const [name, value] of Object.entries(exported)) {
      if (!name.startsWith('SIO_')) continue;
      assert.ok(typeof value === 'number' && value > 0 && value <= 0xffffffff, name);
      assert.equal(value % 0x10000000 >= spi.IOC_WS2, true, `${name} lacks IOC_WS2`);
    }
  });

  test('event bits and masks agree', () => {
    const bits = Object.entries(exported).filter(([name]) => name.startsWith('FD_') && name.endsWith('_BIT'));
    assert.equal(bits.length, spi.FD_MAX_EVENTS);
    for (const [name, bit] of bits) assert.equal(exported[name.slice(0, -4)], 1 << Number(bit), name);
  });

  test('the options of OPT-2 and OPT-3', () => {
    assert.deepEqual([...spi.SAN_GET_OPTIONS].sort(), [0x0001, 0x2001, 0x2002, 0x2003, 0x700d, 0x700e].sort());
    assert.deepEqual([...spi.SAN_SET_OPTIONS], [0x0001, 0x2002]);
    for (const option of spi.SAN_SET_OPTIONS) assert.ok(spi.SAN_GET_OPTIONS.includes(option));
  });

  test('version words: low byte major, high byte minor', () => {
    assert.equal(spi.MAKEWORD(2, 2), spi.WINSOCK_VERSION_2_2);
    assert.equal(spi.MAKEWORD(2, 1), 0x0102);
    assert.equal(spi.LOBYTE(0x0102), 2);
    assert.equal(spi.HIBYTE(0x0102), 1);
  });

  test('out makes a holder', () => assert.deepEqual(spi.out(5), { value: 5 }));
});
