// The fall-back matrix (ERR-2, ERR-3, ERR-5…8; reference 2.20): every way a connect can fail before it is established,
// and what the program gets. A row that ends on TCP leaves no companion behind.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  WSAEACCES,
  WSAEADDRNOTAVAIL,
  WSAECONNABORTED,
  WSAECONNREFUSED,
  WSAEMFILE,
  WSAENETDOWN,
  WSAENOBUFS,
  WSAEPROTONOSUPPORT,
  WSAETIMEDOUT,
  WSAEINVAL,
} from '../../../src/spi/index.js';
import { encodeRefusal } from '../../../src/switch/refusal.js';
import type { KnownReason, RouteReason } from '../../../src/switch/reasons.js';
import type { FakeSan } from './fake-san.js';
import { OFFER_BYTES, Program, startHarness, turns, v4 } from './harness.js';

const PEER = v4('127.0.0.1', 8080);

function refusal(reason: RouteReason): Uint8Array {
  const data = { len: 256, buf: new Uint8Array(256) };
  encodeRefusal(reason, data);
  return data.buf.slice(0, data.len);
}

describe('fails before it begins: the reason is known at once (ERR-2, ERR-3, SOCK-10, SOCK-16, CONN-11, CONN-12, TC-7)', () => {
  const rows: [call: string, prepare: (san: FakeSan) => void, reason: RouteReason][] = [
    ['WSPSocket: WSAENETDOWN', (san) => san.fail.set('WSPSocket', WSAENETDOWN), 'provider-failed'],
    ['WSPSocket: WSAEMFILE', (san) => san.fail.set('WSPSocket', WSAEMFILE), 'out-of-resources'],
    ['WSPSocket without a handle', (san) => (san.noHandles = true), 'provider-failed'],
    ['WSPBind: WSAEADDRNOTAVAIL', (san) => san.fail.set('WSPBind', WSAEADDRNOTAVAIL), 'provider-failed'],
    ['WSPBind: WSAENOBUFS', (san) => san.fail.set('WSPBind', WSAENOBUFS), 'out-of-resources'],
    ['WSPSetSockOpt: WSAEINVAL', (san) => san.fail.set('WSPSetSockOpt', WSAEINVAL), 'provider-failed'],
    ['WSPEventSelect: WSAENETDOWN', (san) => san.fail.set('WSPEventSelect', WSAENETDOWN), 'provider-failed'],
    ['WSPConnect: WSAEADDRNOTAVAIL', (san) => (san.connectResult = WSAEADDRNOTAVAIL), 'no-companion'],
    ['WSPConnect: WSAETIMEDOUT', (san) => (san.connectResult = WSAETIMEDOUT), 'listener-busy'],
    ['WSPConnect: WSAEACCES', (san) => (san.connectResult = WSAEACCES), 'uid-not-allowed'],
    ['WSPConnect: WSAENOBUFS', (san) => (san.connectResult = WSAENOBUFS), 'out-of-resources'],
    ['WSPConnect: WSAEMFILE', (san) => (san.connectResult = WSAEMFILE), 'out-of-resources'],
    ['WSPConnect: WSAEPROTONOSUPPORT', (san) => (san.connectResult = WSAEPROTONOSUPPORT), 'protocol-mismatch'],
    ['WSPConnect: WSAENETDOWN', (san) => (san.connectResult = WSAENETDOWN), 'link-failed'],
    ['WSPConnect: WSAECONNABORTED', (san) => (san.connectResult = WSAECONNABORTED), 'link-failed'],
    ['WSPConnect: WSAEINVAL', (san) => (san.connectResult = WSAEINVAL), 'provider-failed'],
    [
      'WSPConnect with a detail',
      (san) => {
        san.connectResult = WSAEADDRNOTAVAIL;
        san.detail = 'no-listener';
      },
      'no-listener',
    ],
    [
      'WSPConnect with a detail that is not on the list',
      (san) => {
        san.connectResult = WSAEADDRNOTAVAIL;
        san.detail = 'constructor';
      },
      'no-companion',
    ],
    [
      'WSPConnect throws',
      (san) =>
        san.broken.set('WSPConnect', () => {
          throw new Error('broken');
        }),
      'provider-failed',
    ],
    [
      'WSPConnect throws, and WSPCloseSocket as well',
      (san) => {
        for (const call of ['WSPConnect', 'WSPCloseSocket']) {
          san.broken.set(call, () => {
            throw new Error('broken');
          });
        }
      },
      'provider-failed',
    ],
  ];
  for (const [call, prepare, reason] of rows) {
    test(`${call} → TCP, ${reason}`, async () => {
      const harness = startHarness();
      harness.base.options.set(1, 1);
      prepare(harness.san);
      const program = new Program().connect(harness.sw, PEER);
      assert.equal(program.reason, reason);
      await turns();
      assert.deepEqual(program.answers, []);
      assert.deepEqual(harness.events, [`tcp ${reason} 127.0.0.1:8080`]);
      if (!harness.san.broken.has('WSPCloseSocket')) assert.equal(harness.san.open.length, 0);
      assert.equal(harness.sw.snapshot().connections.length, 0);
    });
  }

  test('the TCP socket cannot be bound → TCP, bind-failed, and no companion was tried', () => {
    const harness = startHarness();
    harness.base.bindFails = true;
    assert.equal(new Program().connect(harness.sw, PEER).reason, 'bind-failed');
    assert.deepEqual(harness.san.takeLog(), ['tcp WSPBind 127.0.0.1:0']);
  });
});

describe('fails under way (ERR-3, ERR-5, CONN-12, CONN-14)', () => {
  const rows: [title: string, code: number, data: Uint8Array, detail: string | null, reason: RouteReason][] = [
    ['WSAEADDRNOTAVAIL', WSAEADDRNOTAVAIL, new Uint8Array(0), null, 'no-companion'],
    ['WSAETIMEDOUT', WSAETIMEDOUT, new Uint8Array(0), null, 'listener-busy'],
    ['WSAEACCES with a detail', WSAEACCES, new Uint8Array(0), 'uid-mismatch', 'uid-mismatch'],
    ['an unknown code', 12345, new Uint8Array(0), null, 'provider-failed'],
    [
      'the peer’s switch refuses: its program was not asked (ACC-7)',
      WSAECONNREFUSED,
      refusal('excluded'),
      null,
      'excluded',
    ],
    ['the peer’s switch is full', WSAECONNREFUSED, refusal('listener-busy'), null, 'listener-busy'],
    [
      'the peer’s refusal beats the detail',
      WSAEADDRNOTAVAIL,
      refusal('protocol-mismatch'),
      'no-listener',
      'protocol-mismatch',
    ],
    ['connected, but the reply makes no sense', 0, Uint8Array.of(1, 2, 3), null, 'protocol-mismatch'],
    ['connected, but the reply is of another version', 0, version(9), null, 'protocol-mismatch'],
  ];
  for (const [title, code, data, detail, reason] of rows) {
    test(`${title} → TCP, ${reason}`, async () => {
      const harness = startHarness();
      harness.san.detail = detail;
      const program = new Program().connect(harness.sw, PEER);
      harness.san.endConnect(harness.san.last, code, data);
      await turns();
      assert.deepEqual(program.answers, [`fallback ${reason}`]);
      assert.equal(harness.san.open.length, 0);
      assert.deepEqual(harness.events, [`tcp ${reason} 127.0.0.1:8080`]);
    });
  }

  test('the provider fails to tell → TCP, provider-failed', async () => {
    for (const prepare of [
      (san: FakeSan) => san.fail.set('WSPEnumNetworkEvents', WSAENETDOWN),
      (san: FakeSan) =>
        san.broken.set('WSPEnumNetworkEvents', () => {
          throw new Error('broken');
        }),
    ]) {
      const harness = startHarness();
      const program = new Program().connect(harness.sw, PEER);
      prepare(harness.san);
      harness.san.endConnect(harness.san.last, 0, OFFER_BYTES);
      await turns();
      assert.deepEqual(program.answers, ['fallback provider-failed']);
      assert.equal(harness.san.open.length, 0);
    }
  });
});

function version(value: number): Uint8Array {
  const bytes = OFFER_BYTES.slice();
  new DataView(bytes.buffer).setUint16(4, value, true);
  return bytes;
}

describe('a listener that cannot be reached on the SAN', () => {
  const plain = () => {
    const harness = startHarness();
    harness.san.connectResult = WSAEADDRNOTAVAIL;
    new Program().connect(harness.sw, PEER);
    harness.san.takeLog();
    return harness;
  };

  test('costs the next connect nothing: no bind, no provider', () => {
    const harness = plain();
    assert.equal(new Program().connect(harness.sw, PEER).reason, 'no-companion');
    assert.deepEqual(harness.san.takeLog(), []);
    assert.equal(harness.base.routeQueries, 1);
  });

  test('also if that was found out under way', async () => {
    const harness = startHarness();
    new Program().connect(harness.sw, PEER);
    harness.san.endConnect(harness.san.last, WSAEADDRNOTAVAIL);
    await turns();
    assert.equal(new Program().connect(harness.sw, PEER).reason, 'no-companion');
  });

  test('is tried again after a while', () => {
    const harness = plain();
    harness.clockMs += 1000;
    new Program().connect(harness.sw, PEER);
    assert.ok(harness.san.takeLog().includes('WSPConnect 127.0.0.1:8080'));
  });

  test('is not another one on another port or address', () => {
    const harness = plain();
    harness.san.connectResult = 10035;
    assert.ok(new Program().connect(harness.sw, v4('127.0.0.1', 8081)).attempt);
    assert.ok(new Program().connect(harness.sw, v4('10.0.0.5', 8080)).attempt);
  });

  test('is forgotten when a listener of our own takes the port', () => {
    const harness = plain();
    const listening = harness.sw.listen({
      tcp: 8,
      local: v4('127.0.0.1', 8080),
      backlog: 5,
      isEligible: () => true,
      hasRoom: () => true,
      onLost: () => undefined,
      onConnection: () => undefined,
    });
    new Program().connect(harness.sw, PEER);
    assert.ok(harness.san.takeLog().includes('WSPConnect 127.0.0.1:8080'));
    listening.close();
  });

  test('what may be otherwise the next moment is not remembered', () => {
    for (const detail of ['no-listener', 'listener-busy', 'link-failed', 'out-of-resources']) {
      const harness = startHarness();
      harness.san.connectResult = WSAEADDRNOTAVAIL;
      harness.san.detail = detail;
      assert.equal(new Program().connect(harness.sw, PEER).reason, detail);
      harness.san.takeLog();
      new Program().connect(harness.sw, PEER);
      assert.ok(harness.san.takeLog().includes('WSPConnect 127.0.0.1:8080'), detail);
    }
  });
});

describe('what next to nothing tells ahead of a connect', () => {
  const asked = (san: FakeSan): number => san.takeLog().filter((line) => line.includes('SIO_SD_LISTENER_HINT')).length;

  test('nobody on that port is announced: no-companion, asked each time, for a listener may appear', () => {
    const { sw, san, excluded } = startHarness();
    let announced = false;
    san.hint = (port) => announced && port === 8080;
    assert.equal(sw.known('127.0.0.1', 8080)?.reason, 'no-companion');
    assert.equal(sw.known('127.0.0.1', 8080)?.reason, 'no-companion');
    assert.equal(asked(san), 2);
    announced = true;
    assert.equal(sw.known('127.0.0.1', 8080), null);
    assert.equal(sw.known('127.0.0.1', 8081)?.reason, 'no-companion');
    // As a dual-stack socket writes it (SW-26).
    assert.equal(sw.known('::ffff:127.0.0.1', 8080), null);
    assert.equal(sw.known('::ffff:127.0.0.1', 8081)?.reason, 'no-companion');
    assert.equal(sw.known('no.address:at.all', 8081), null);
    excluded.add('127.0.0.1:8081 connect');
    assert.equal(sw.known('127.0.0.1', 8081)?.reason, 'excluded');
  });

  const pick = (known: KnownReason | null): unknown[] => [known?.reason, known?.remembered];

  test('one that has answered on TCP is not asked about again for a while', () => {
    const harness = startHarness();
    const { sw, san } = harness;
    san.hint = () => false;
    assert.equal(sw.known('127.0.0.1', 8080)?.remembered, false);
    assert.equal(asked(san), 1);
    sw.provenPlain('127.0.0.1', 8080, 1000); // by a connection that is too old to say how things are now
    assert.equal(sw.known('127.0.0.1', 8080)?.remembered, false);
    assert.equal(asked(san), 1);
    sw.provenPlain('127.0.0.1', 8080, 400);
    harness.clockMs += 599;
    assert.equal(sw.known('127.0.0.1', 8080)?.remembered, true);
    harness.clockMs += 1;
    assert.equal(sw.known('127.0.0.1', 8080)?.remembered, false);
    assert.equal(asked(san), 1);
    sw.provenPlain('127.0.0.1', 8080, 0);
    assert.deepEqual(pick(sw.known('127.0.0.1', 8080)), ['no-companion', true]);
    assert.equal(asked(san), 0);
    harness.clockMs += 1001;
    assert.deepEqual(pick(sw.known('127.0.0.1', 8080)), ['no-companion', false]);
    assert.equal(asked(san), 1);
  });

  test('a port that was reached on the SAN is not asked about for a while', async () => {
    const harness = startHarness();
    const { sw, san } = harness;
    san.hint = () => true;
    const program = new Program().connect(sw, PEER);
    san.endConnect(san.last, 0, OFFER_BYTES);
    await turns();
    assert.deepEqual(program.answers, ['established']);
    san.takeLog();
    assert.equal(sw.known('127.0.0.1', 8080), null);
    assert.equal(asked(san), 0);
    assert.equal(sw.known('127.0.0.1', 8081), null);
    assert.equal(asked(san), 1);
    harness.clockMs += 1000;
    assert.equal(sw.known('127.0.0.1', 8080), null);
    assert.equal(asked(san), 1);
  });

  test('an address that no provider serves is not asked about: connect() knows better why', () => {
    const { sw, san } = startHarness();
    san.hint = () => false;
    assert.equal(sw.known('203.0.113.1', 8080), null);
    assert.equal(sw.known('::ffff:203.0.113.1', 8080), null);
    assert.equal(asked(san), 0);
  });

  test('a provider that cannot tell is asked once', () => {
    const { sw, san } = startHarness();
    assert.equal(sw.known('127.0.0.1', 8080), null);
    san.hint = () => false;
    assert.equal(sw.known('127.0.0.1', 8080), null);
    assert.equal(asked(san), 0);
  });
});
