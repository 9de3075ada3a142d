import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeConnect, encodeConnect } from '../../../src/providers/shm/connect-record.js';
import {
  type ControlPacket,
  decodePacket,
  encodePacket,
  PACKET_HELLO,
  PACKET_REJECT,
  PACKET_SPILL,
  PACKET_WELCOME,
} from '../../../src/providers/shm/control-packets.js';
import { addressBytes, addressText } from '../../../src/providers/shm/ip.js';
import { RECORD_MESSAGE } from '../../../src/providers/shm/layout.js';
import { RECORD_BROKEN, RECORD_FOUND, RECORD_NONE } from '../../../src/providers/shm/record-source.js';
import { SpillReader, SpillWriter } from '../../../src/providers/shm/spill.js';
import { AF_INET, AF_INET6, makeSockaddr } from '../../../src/spi/index.js';

describe('control packets', () => {
  const isolate = '00112233445566778899aabbccddeeff';
  const proof = { address: 0x7f12_3456_7890, bytes: Uint8Array.from({ length: 16 }, (_, i) => i * 7) };
  const packets: ControlPacket[] = [
    { type: PACKET_HELLO, isolate, pid: 77, proof, ringBytes: 1 << 20, slotCount: 1024 },
    { type: PACKET_WELCOME, isolate, pid: 78, proof },
    { type: PACKET_REJECT, text: 'why: größer' },
    { type: PACKET_SPILL, bytes: 12345 },
  ];
  for (const packet of packets) {
    it(`type ${packet.type} comes back as it was sent, and no other length does`, () => {
      const bytes = encodePacket(packet);
      assert.deepEqual(decodePacket(bytes), packet);
      assert.equal(typeof decodePacket(bytes.subarray(0, bytes.length - 1)), 'string');
      assert.equal(typeof decodePacket(Buffer.concat([bytes, Buffer.alloc(1)])), 'string');
    });
  }

  it('of another version are refused by name', () => {
    const bytes = Buffer.from(encodePacket(packets[0]));
    bytes.writeUInt16LE(3, 4);
    assert.match(decodePacket(bytes) as string, /version 3/);
  });

  it('with a proof at an address that no program has are refused (D5)', () => {
    for (const packet of packets.slice(0, 2)) {
      const bytes = Buffer.from(encodePacket(packet));
      bytes.writeBigUInt64LE(2n ** 53n, 28);
      assert.match(decodePacket(bytes) as string, /no program has/);
    }
  });

  it('never throw, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => decodePacket(bytes) !== undefined));
  });
});

describe('CONNECT records', () => {
  it('carry both addresses of either family, and the connect data', () => {
    for (const [family, a, b] of [
      [AF_INET, '127.0.0.1', '10.1.2.3'],
      [AF_INET6, '::1', 'fe80::1:2'],
      [AF_INET6, '::ffff:127.0.0.1', '::ffff:10.0.0.1'],
    ] as const) {
      const record = {
        cookie: 0x1_0000_0001n,
        local: makeSockaddr(family, a, 40000),
        remote: makeSockaddr(family, b, 80),
        data: Buffer.from([1, 2, 3]),
      };
      assert.deepEqual(decodeConnect(encodeConnect(record)), record);
    }
  });

  it('never throw, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => decodeConnect(bytes) !== undefined));
  });

  it('print an IPv6 address as Node does', () => {
    for (const text of [
      '::',
      '::1',
      '1::',
      '1:2:3:4:5:6:7:8',
      '1:0:2::3',
      '2001:db8::1',
      '::ffff:1.2.3.4',
      '1::2:0:3',
    ]) {
      assert.equal(addressText(addressBytes(text), 6), text);
    }
  });
});

describe('what an exiting process leaves (D7)', () => {
  it('reads back record by record', () => {
    const writer = new SpillWriter(1 << 20);
    const parts = [Buffer.from('a'), Buffer.from('bc'.repeat(40)), Buffer.alloc(0)];
    parts.forEach((buf, i) => writer.add(RECORD_MESSAGE, i, [{ len: buf.length, buf }], 1));
    const memory = new ArrayBuffer(4096);
    writer.copyTo(memory);
    const reader = new SpillReader(memory, writer.bytes, 256);
    parts.forEach((buf, i) => {
      assert.equal(reader.next(), RECORD_FOUND);
      const payload = reader.bytes.subarray(reader.payloadOffset, reader.payloadOffset + reader.payloadBytes);
      assert.deepEqual([reader.connection, Buffer.from(payload)], [i, buf]);
      reader.take();
    });
    assert.equal(reader.next(), RECORD_NONE);
  });

  it('holes and nonsense in it are broken, not endless', () => {
    assert.equal(new SpillReader(new ArrayBuffer(4096), 4096, 256).next(), RECORD_BROKEN);
    fc.assert(
      fc.property(fc.int32Array({ minLength: 1024, maxLength: 1024 }), (words) => {
        const reader = new SpillReader(words.buffer.slice(0), 4096, 256);
        let count = 0;
        while (reader.next() === RECORD_FOUND && count++ < 300) reader.take();
        return count < 300;
      }),
    );
  });
});
