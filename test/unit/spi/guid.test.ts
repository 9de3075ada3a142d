import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import * as spi from '../../../src/spi/index.js';

const REGISTER = spi.WSAID_REGISTERMEMORY;
const REGISTER_BYTES = Uint8Array.of(
  ...[0xf5, 0x22, 0xb4, 0xc0, 0x8c, 0xf5, 0xd1, 0x11],
  ...[0xad, 0x6c, 0x00, 0xc0, 0x4f, 0xa3, 0x4a, 0x2d],
);

describe('spi guid', () => {
  test('in memory: u32, u16, u16 little endian, then eight bytes', () => {
    const guid = spi.parseGuid(REGISTER);
    assert.ok(guid !== null);
    assert.equal(guid.Data1, 0xc0b422f5);
    assert.deepEqual(spi.guidToBytes(guid), REGISTER_BYTES);
    assert.equal(spi.guidText(REGISTER_BYTES), REGISTER);
  });

  test('text, structure and bytes are one value, whatever the case or braces', () => {
    for (const form of [REGISTER, REGISTER.toLowerCase(), `{${REGISTER}}`, REGISTER_BYTES, spi.parseGuid(REGISTER)]) {
      assert.equal(spi.guidText(form), REGISTER);
    }
  });

  test('any 16 bytes survive text and structure', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const guid = spi.guidFromBytes(bytes);
        assert.ok(guid !== null);
        const text = spi.formatGuid(guid);
        const parsed = spi.parseGuid(text);
        assert.ok(parsed !== null);
        assert.deepEqual(spi.guidToBytes(parsed), bytes);
        assert.equal(text, text.toUpperCase());
      }),
    );
  });

  test('reads bytes at an offset of a larger buffer', () => {
    const large = new Uint8Array(64).fill(0xff);
    large.set(REGISTER_BYTES, 13);
    assert.equal(spi.guidText(large.subarray(13, 29)), REGISTER);
  });

  test('what is no GUID gives null and never throws', () => {
    const guid = spi.parseGuid(REGISTER);
    const wrong: unknown[] = [
      ...['', 'x', REGISTER.slice(1), `${REGISTER}0`, REGISTER.replace('-', ''), 5, null, undefined, true],
      ...[new Uint8Array(15), new Uint8Array(17), {}, [], { ...guid, Data1: -1 }, { ...guid, Data2: 0x10000 }],
      ...[
        { ...guid, Data3: 1.5 },
        { ...guid, Data4: [1] },
        { ...guid, Data4: [1, 2, 3, 4, 5, 6, 7, 256] },
      ],
      ...[{ ...guid, Data4: 'abcdefgh' }],
    ];
    for (const value of wrong) assert.equal(spi.guidText(value), null);
    fc.assert(fc.property(fc.anything(), (value) => spi.guidText(value) === null));
  });
});
