import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeOffer, encodeOffer, NEGOTIATION_BYTES_MAX } from '../../../src/session/index.js';
import { OFFER } from './support/wire-pair.js';

describe('negotiation messages (SESS-5, GAP-4)', () => {
  it('come back as they were sent, within 256 bytes', () => {
    const offer = { ...OFFER, rdmaWrite: true, suspend: true, rdmaThresholdBytes: 4096 };
    const bytes = encodeOffer(offer);
    assert.ok(bytes.length <= NEGOTIATION_BYTES_MAX);
    assert.deepEqual(decodeOffer(bytes), offer);
  });

  it('may be longer than this version knows', () => {
    const bytes = Buffer.concat([encodeOffer(OFFER), Buffer.alloc(32)]);
    bytes.writeUInt16LE(bytes.length, 6);
    assert.deepEqual(decodeOffer(bytes), OFFER);
  });

  it('are refused with a reason for any other version, window, buffer count or size', () => {
    const wrong = (at: number, value: number, width: 2 | 4) => {
      const bytes = Buffer.from(encodeOffer(OFFER));
      if (width === 2) bytes.writeUInt16LE(value, at);
      else bytes.writeUInt32LE(value, at);
      return decodeOffer(bytes);
    };
    for (const result of [
      wrong(0, 0, 4),
      wrong(4, 2, 2),
      wrong(6, 300, 2),
      wrong(8, 0, 4),
      wrong(8, 0xffffffff, 4),
      wrong(12, 7, 2),
      wrong(12, 40000, 2),
      wrong(16, 0, 4),
      decodeOffer(new Uint8Array(10)),
      decodeOffer(new Uint8Array(257)),
    ]) {
      assert.equal(typeof result, 'string');
    }
  });

  it('never throw, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const result = decodeOffer(bytes);
        return typeof result === 'string' || result.version === 1;
      }),
    );
  });
});
