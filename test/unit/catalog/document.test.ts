import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type CatalogDocument,
  decodeDocument,
  encodeDocument,
  isValueName,
  protocolProblem,
  readProtocolInfo,
} from '../../../src/catalog/document.js';
import {
  LAYERED_PROTOCOL,
  PFL_HIDDEN,
  WSAPROTOCOL_LEN,
  XP1_CONNECTIONLESS,
  XP1_IFS_HANDLES,
} from '../../../src/spi/index.js';
import { info, ONE, TWO } from './support.js';

const document: CatalogDocument = {
  providers: [
    { path: '/srv/one.cjs', id: ONE, protocols: [info(ONE)] },
    { path: '/srv/two.mjs', id: TWO, protocols: [info(TWO), info(TWO, { szProtocol: 'two', dwMessageSize: 0 })] },
  ],
  sanList: [
    { name: 'Fabric™', id: TWO },
    { name: '2', id: ONE },
  ],
};

/** What was found to be wrong; it must be something. */
function wrongIn(result: unknown): string {
  assert.ok(typeof result === 'string', 'it was accepted');
  return result;
}

type Json = Record<string, unknown>;
const json = (): Json => JSON.parse(encodeDocument(document)) as Json;

describe('the text of a catalog file', () => {
  test('is read as it was written', () => {
    assert.deepEqual(decodeDocument(encodeDocument(document)), document);
  });

  test('has each ProviderId as 16 bytes in memory order under a free name (SP-18)', () => {
    // {u32 LE, u16 LE, u16 LE, 8 bytes}
    const bytes = 'abefcdab222233438444555555555555';
    assert.deepEqual(json()['TCP on SAN'], [
      { name: 'Fabric™', data: bytes },
      { name: '2', data: '11111111222233438444555555555555' },
    ]);
  });

  /** Every place in the document, as a path of keys. */
  function places(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
    if (typeof value !== 'object' || value === null) return [path];
    const below = Object.entries(value).flatMap(([key, item]) => places(item, [...path, key]));
    return path.length === 0 ? below : [path, ...below];
  }

  test('is refused whole when any one field is missing or of another kind', () => {
    for (const path of places(json())) {
      for (const wrong of [undefined, -1, [[]], 'x\n'.repeat(200)]) {
        const copy = json();
        let at = copy;
        for (const key of path.slice(0, -1)) at = at[key] as Json;
        at[path[path.length - 1]] = wrong;
        assert.equal(typeof decodeDocument(JSON.stringify(copy)), 'string', `${path.join('.')} = ${String(wrong)}`);
      }
    }
  });

  test('is refused with what is wrong, in words', () => {
    const [first] = json()['providers'] as Json[];
    const cases: [unknown, RegExp][] = [
      ['{', /^not JSON: /],
      [[], /the file is no object/],
      [{ ...json(), format: 2 }, /format is 2, not 1/],
      [{ ...json(), providers: [{ ...first, path: 'one.cjs' }] }, /path is "one.cjs", not an absolute path/],
      [{ ...json(), providers: [first, first] }, new RegExp(`provider ${ONE} is there twice`)],
      [{ ...json(), providers: [{ ...first, ProviderId: ONE }] }, /not 16 bytes in hexadecimal/],
      [{ ...json(), providers: new Array(65).fill(first) }, /no list of at most 64/],
      [
        { ...json(), 'TCP on SAN': [...(json()['TCP on SAN'] as Json[]), { name: 'FABRIC™', data: '00'.repeat(16) }] },
        /name fabric™ is there twice/,
      ],
    ];
    for (const [given, wrong] of cases) {
      const result = decodeDocument(typeof given === 'string' ? given : JSON.stringify(given));
      assert.match(wrongIn(result), wrong);
    }
  });
});

test('only a hidden base provider of streams over IP is a SAN provider (SP-16, SP-17, SP-20, SW-23, SW-24)', () => {
  assert.equal(protocolProblem(info()), null);
  const layered = { ChainLen: LAYERED_PROTOCOL, ChainEntries: [] };
  const cases: [ReturnType<typeof info>, RegExp][] = [
    [info(ONE, { ProtocolChain: layered }), /not a base provider/],
    [info(ONE, { dwProviderFlags: 0xff & ~PFL_HIDDEN }), /not hidden/],
    [info(ONE, { iAddressFamily: 1 }), /family is not IP/],
    [info(ONE, { iSocketType: 3 }), /not for streams/],
    [info(ONE, { dwServiceFlags1: XP1_CONNECTIONLESS }), /connectionless/],
    [info(ONE, { dwServiceFlags1: XP1_IFS_HANDLES }), /file handles/],
  ];
  for (const [given, wrong] of cases) assert.match(protocolProblem(given) ?? '', wrong);
});

test('what a module tells of itself is copied field by field, or refused', () => {
  const told = info(ONE, { szProtocol: 'x'.repeat(WSAPROTOCOL_LEN) });
  assert.deepEqual(readProtocolInfo({ ...told, ProviderId: `{${ONE.toLowerCase()}}`, mood: 'fine' }), told);
  assert.match(wrongIn(readProtocolInfo({ ...told, ProviderId: 'none' })), /not a GUID/);
  assert.match(wrongIn(readProtocolInfo({ ...told, szProtocol: '' })), /szProtocol is "", not a name/);
  assert.match(wrongIn(readProtocolInfo({ ...told, szProtocol: 'x'.repeat(WSAPROTOCOL_LEN + 1) })), /not a name/);
  assert.match(wrongIn(readProtocolInfo({ ...told, iProtocol: '6' })), /iProtocol is "6"/);
  assert.match(wrongIn(readProtocolInfo(null)), /protocolInfo is no object/);
});

test('a name in the list is free, but for control characters and its length (SP-18)', () => {
  for (const name of ['Fabric™ 2', '17', ONE]) assert.equal(isValueName(name), true, name);
  for (const name of ['', 'a\nb', '\u009b', 'x'.repeat(256)]) assert.equal(isValueName(name), false, name);
});
