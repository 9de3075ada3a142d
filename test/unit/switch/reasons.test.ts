import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WSAECONNREFUSED, WSAECONNRESET, WSAEHOSTUNREACH, WSAETIMEDOUT, WSA_ERRORS } from '../../../src/spi/index.js';
import {
  isAuthoritative,
  isLasting,
  isRouteReason,
  programError,
  REASONS,
  reasonFromConnect,
  type RouteReason,
} from '../../../src/switch/reasons.js';
import { decodeRefusal, encodeRefusal } from '../../../src/switch/refusal.js';

const ALL = Object.keys(REASONS) as RouteReason[];

describe('route reasons', () => {
  test('each has a code of lower-case words and a sentence', () => {
    for (const [code, sentence] of Object.entries(REASONS)) {
      assert.match(code, /^[a-z]+(-[a-z]+)*$/);
      assert.match(sentence, /^[A-Z].*\.$/);
    }
  });

  test('a word is a reason only if it is on the list', () => {
    assert.ok(ALL.every(isRouteReason));
    for (const word of ['', 'toString', 'constructor', '__proto__', 1, null, undefined, {}]) {
      assert.equal(isRouteReason(word), false);
    }
  });

  test('exactly three codes are authoritative (CONN-13)', () => {
    const found = WSA_ERRORS.filter(({ value }) => isAuthoritative(value)).map(({ value }) => value);
    assert.deepEqual(found.sort(), [WSAECONNRESET, WSAECONNREFUSED, WSAEHOSTUNREACH].sort());
  });

  test('“nobody listens” is ECONNREFUSED to a program (TRAP-13)', () => {
    assert.equal(programError(WSAECONNRESET), WSAECONNREFUSED);
    assert.equal(programError(WSAEHOSTUNREACH), WSAEHOSTUNREACH);
  });

  test('every code gives a reason', () => {
    for (const { value } of WSA_ERRORS) assert.ok(isRouteReason(reasonFromConnect(value)));
    assert.equal(reasonFromConnect(WSAETIMEDOUT), 'listener-busy');
  });

  test('what may change from one moment to the next does not last', () => {
    for (const reason of ['listener-busy', 'no-listener', 'link-failed', 'out-of-resources', 'cancelled'] as const) {
      assert.equal(isLasting(reason), false, reason);
    }
    assert.equal(isLasting('no-companion'), true);
  });
});

describe('refusals on the wire', () => {
  const written = (reason: RouteReason, room = 256) => {
    const data = { len: room, buf: new Uint8Array(256) };
    encodeRefusal(reason, data);
    return data;
  };

  test('carry their reason', () => {
    for (const reason of ['listener-refused', 'listener-busy', 'excluded', 'protocol-mismatch'] as const) {
      assert.equal(decodeRefusal(written(reason)), reason);
    }
  });

  test('of another reason are ordinary refusals', () => {
    assert.equal(decodeRefusal(written('not-local')), 'listener-refused');
  });

  test('of a newer peer with a code we do not know are, too', () => {
    const data = written('excluded');
    data.buf[6] = 200;
    assert.equal(decodeRefusal(data), 'listener-refused');
  });

  test('need room; without it nothing is said', () => {
    assert.equal(written('excluded', 7).len, 0);
    encodeRefusal('excluded', null);
  });

  test('anything else is none', () => {
    assert.equal(decodeRefusal({ len: 0, buf: new Uint8Array(256) }), null);
    assert.equal(decodeRefusal({ len: 256, buf: new Uint8Array(256) }), null);
    assert.equal(decodeRefusal({ len: 8, buf: new Uint8Array(4) }), null);
    const { buf } = written('excluded');
    assert.equal(decodeRefusal({ len: 7, buf }), null);
  });
});
