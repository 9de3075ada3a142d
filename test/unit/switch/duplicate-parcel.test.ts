/** What travels when a connection changes hands (DUP-8, DUP-23): whole, or refused with a reason (D5). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AF_INET, AF_INET6, makeProtocolInfo, makeSockaddr } from '../../../src/spi/index.js';
import {
  decodeHello,
  decodeParcel,
  encodeHello,
  encodeParcel,
  isRefusal,
  type Parcel,
  REFUSAL,
} from '../../../src/switch/duplicate-parcel.js';
import { OFFER } from '../session/support/wire-pair.js';

const info = {
  ...makeProtocolInfo({ ProviderId: '6B0E2C58-5A7D-4B0B-9C3E-6F1D2A84B7C1', szProtocol: 'shm', dwServiceFlags1: 0 }),
  dwProviderReserved: 0xfedcba98,
};

function parcel(change: Partial<Parcel['state']> = {}): Parcel {
  return {
    info,
    side: 'accept',
    local: makeSockaddr(AF_INET, '127.0.0.1', 80),
    remote: makeSockaddr(AF_INET6, 'fe80::1', 4000, 3),
    state: {
      initiator: false,
      local: { ...OFFER, suspend: true },
      peer: { ...OFFER, suspend: true, windowBytes: 1 << 20 },
      counts: [1, -2, 3, 4, 5, 6, 7, 8, 9],
      finSent: false,
      finReceived: true,
      unread: [
        Buffer.from('not '),
        {
          number: 4,
          length: 100,
          received: 20,
          delivered: 5,
          initial: Buffer.from('first'),
          ready: [{ memory: Buffer.from('part'), counted: 2 }],
        },
        Buffer.from('read'),
        { urgent: Buffer.from('placed') },
      ],
      urgent: { underWay: 15, inline: true, mark: -7, waiting: [Buffer.from('hurry')] },
      lastIncoming: 4,
      lastOutgoing: 9,
      lent: [{ number: 8, length: 50, confirmed: 46, rest: Buffer.from('tail') }],
      unsent: [Buffer.from('not'), Buffer.from(' sent')],
      words: [{ type: 6, body: Buffer.from('word') }],
      ...change,
    },
  };
}

/** As the other side sees bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

test('a parcel says what the session was (DUP-8, DUP-23)', () => {
  const sent = parcel();
  const got = decodeParcel(encodeParcel(sent));
  assert.ok(typeof got === 'object');
  assert.deepEqual(plain(got), plain(sent));
  const empty = decodeParcel(encodeParcel(parcel({ unread: [], unsent: [], lent: [], words: [] })));
  assert.ok(typeof empty === 'object');
  assert.deepEqual([empty.state.unread, empty.state.unsent, empty.state.lent], [[], [], []]);
});

test('what cannot be is refused (D5)', () => {
  const good = encodeParcel(parcel());
  assert.equal(typeof decodeParcel(good.subarray(0, good.length - 1)), 'string');
  assert.equal(typeof decodeParcel(Buffer.concat([good, Buffer.alloc(1)])), 'string');
  assert.equal(typeof decodeParcel(new Uint8Array(0)), 'string');
  assert.equal(typeof decodeParcel(Buffer.alloc(8, 255)), 'string');
  const edited = (from: string, to: string): unknown => {
    const text = Buffer.from(good).subarray(4).toString('latin1');
    assert.ok(text.includes(from));
    const end = text.indexOf('}not first');
    const head = Buffer.from(text.slice(0, end + 1).replace(from, to), 'latin1');
    const size = Buffer.alloc(4);
    size.writeUInt32LE(head.length, 0);
    return decodeParcel(Buffer.concat([size, head, Buffer.from(text.slice(end + 1), 'latin1')]));
  };
  assert.equal(typeof edited('"version":1', '"version":1'), 'object', 'the edit itself does no harm');
  for (const [from, to] of [
    ['"version":1', '"version":2'],
    ['"side":"accept"', '"side":"both"'],
    ['"initiator":false', '"initiator":0'],
    ['"finSent":false', '"finSent":null'],
    ['[1,-2,3', '[1,-2,3.5'],
    ['[1,-2,3', '[1,3'],
    ['"sin_port":80', '"sin_port":80000'],
    ['"sa_family":2', '"sa_family":7'],
    ['"dwProviderReserved":4275878552', '"dwProviderReserved":0'],
    ['"ours":"53444e31', '"ours":"00000000'],
    ['"unread":[4', '"unread":[-4'],
    ['"unread":[4', '"unread":[5'],
    ['"unread":[4', '"unread":[3'],
    ['"unread":[', '"unread":[null,'],
    ['"urgent":6', '"urgent":null'],
    ['"underWay":15', '"underWay":17'],
    ['"inline":true', '"inline":1'],
    ['"mark":-7', '"mark":"7"'],
    ['"waiting":[5]', '"waiting":5'],
    ['"waiting":[5]', '"waiting":[5,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]'],
    ['"received":20', '"received":200'],
    ['"delivered":5', '"delivered":21'],
    ['"counted":2', '"counted":5'],
    ['"initial":5', '"initial":"5"'],
    ['"confirmed":46', '"confirmed":45'],
    ['"lastIncoming":4', '"lastIncoming":null'],
    ['"unsent":[3,5]', '"unsent":8'],
    ['"type":6', '"type":600'],
  ] as const) {
    assert.equal(typeof edited(from, to), 'string', to);
  }
});

test('nothing that a peer may send makes it throw (D5)', () => {
  const good = encodeParcel(parcel());
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 300 }), (at, value, any) => {
      const bent = Uint8Array.from(good);
      bent[at] = value;
      for (const bytes of [bent, any]) {
        decodeParcel(bytes);
        decodeHello(bytes);
      }
    }),
    { numRuns: 1000 },
  );
});

test('the claimer says which providers it has; a refusal is neither', () => {
  assert.deepEqual(decodeHello(encodeHello({ providers: ['a', 'b'] })), { providers: ['a', 'b'] });
  assert.equal(decodeHello(Buffer.from('{"version":1,"providers":[1]}')), null);
  assert.equal(decodeHello(Buffer.from('{"version":2,"providers":[]}')), null);
  assert.equal(decodeHello(REFUSAL), null);
  assert.ok(isRefusal(REFUSAL));
  assert.equal(isRefusal(encodeParcel(parcel())), false);
});
