// The error table (reference 2.20), rows about connecting and listening: a provider that fails that way, and what comes of
// it. What each code of a failed call becomes is in fallback.test.ts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CF_REJECT,
  WSAEADDRINUSE,
  WSAEADDRNOTAVAIL,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEHOSTUNREACH,
  WSAEINVAL,
  WSAENETDOWN,
  WSAENOBUFS,
  WSAETIMEDOUT,
} from '../../../src/spi/index.js';
import { decodeRefusal } from '../../../src/switch/refusal.js';
import type { FakeSan } from './fake-san.js';
import { type Harness, Listener, OFFER_BYTES, Program, startHarness, turns, v4 } from './harness.js';

const PEER = v4('127.0.0.1', 8080);

const throwing = (): never => {
  throw new Error('broken');
};

describe('ERR-2: a companion that cannot be made (SOCK-16, TC-7)', () => {
  const rows: [call: string, code: number, closes: boolean][] = [
    ['WSPSocket', WSAENETDOWN, false],
    ['WSPBind', WSAEADDRNOTAVAIL, true],
    ['WSPSetSockOpt', WSAEINVAL, true],
  ];
  for (const [call, code, closes] of rows) {
    test(`${call} fails under a connect: ${closes ? 'WSPCloseSocket, ' : ''}TCP/IP carries on, the program unaware`, async () => {
      const { sw, san, base } = startHarness();
      base.options.set(1, 1);
      san.fail.set(call, code);
      const program = new Program().connect(sw, PEER);
      assert.notEqual(program.reason, null, 'TCP, at once');
      assert.equal(
        san
          .takeLog()
          .at(-1)
          ?.startsWith(closes ? 'WSPCloseSocket' : 'WSPSocket'),
        true,
      );
      await turns();
      assert.deepEqual(program.answers, []);
      assert.equal(san.open.length, 0);
    });

    test(`${call} fails under a listen: the listener is on TCP alone`, () => {
      const { sw, san, base } = startHarness();
      base.options.set(1, 1);
      san.fail.set(call, code);
      const handle = sw.listen(new Listener().request(PEER));
      assert.notEqual(handle.reason, null);
      assert.equal(san.open.length, 0);
    });
  }
});

describe('ERR-3: WSPConnect fails with an error that is not authoritative (CONN-11, CONN-12)', () => {
  for (const code of [WSAENETDOWN, WSAEADDRNOTAVAIL, WSAENOBUFS, WSAEADDRINUSE, 12345]) {
    test(`${code} at once, or by the event: WSPCloseSocket, then TCP`, async () => {
      const { sw, san } = startHarness();
      san.connectResult = code;
      const atOnce = new Program().connect(sw, PEER);
      assert.notEqual(atOnce.reason, null);
      assert.equal(san.takeLog().at(-1), 'WSPCloseSocket');
      san.connectResult = 10035;
      const later = new Program().connect(sw, v4('127.0.0.1', 8081));
      san.endConnect(san.last, code);
      await turns();
      assert.match(later.answers.join(), /^fallback /);
      assert.equal(san.takeLog().at(-1), 'WSPCloseSocket');
      assert.equal(san.open.length, 0);
    });
  }
});

describe('ERR-4: the authoritative errors end the program’s connect (CONN-13)', () => {
  for (const [code, seen] of [
    [WSAECONNRESET, WSAECONNREFUSED],
    [WSAECONNREFUSED, WSAECONNREFUSED],
    [WSAEHOSTUNREACH, WSAEHOSTUNREACH],
  ] as const) {
    test(`${code}: no TCP, the program sees ${seen}, the companion is closed`, async () => {
      const { sw, san, events } = startHarness();
      const program = new Program().connect(sw, PEER);
      san.endConnect(san.last, code);
      await turns();
      assert.deepEqual(program.answers, [`error ${seen}`]);
      assert.equal(san.open.length, 0);
      assert.deepEqual(events, [], 'nothing went on by TCP');
    });
  }
});

test('ERR-5: a target on the SAN that is not for us is WSAETIMEDOUT, and TCP (CONN-14)', async () => {
  const { sw, san } = startHarness();
  const program = new Program().connect(sw, PEER);
  san.endConnect(san.last, WSAETIMEDOUT);
  await turns();
  assert.deepEqual(program.answers, ['fallback listener-busy']);
});

describe('ERR-6: the backlog is full (LIST-7)', () => {
  test('the provider gives no event: the switch asks it nothing', () => {
    const { sw, san } = startHarness();
    sw.listen(new Listener().request(PEER));
    san.takeLog();
    // The provider refuses by itself; what it does not signal, nobody sees.
    assert.deepEqual(san.takeLog(), []);
  });

  test('of the switch’s own queue: refused at once, the caller told that it is only the SAN', () => {
    const { sw, san } = startHarness();
    const listener = new Listener();
    sw.listen(listener.request(PEER, 1));
    const companion = san.last;
    san.request(companion, OFFER_BYTES);
    san.request(companion, OFFER_BYTES);
    const [, refused] = companion.answers;
    assert.equal(refused.code, CF_REJECT);
    assert.equal(decodeRefusal({ len: refused.data.length, buf: refused.data }), 'listener-busy');
    assert.equal(listener.connections.length, 0);
  });

  test('of the peer, as its provider has it: WSAECONNREFUSED, which is authoritative', async () => {
    const { sw, san } = startHarness();
    const program = new Program().connect(sw, PEER);
    san.endConnect(san.last, WSAECONNREFUSED);
    await turns();
    assert.deepEqual(program.answers, [`error ${WSAECONNREFUSED}`]);
  });
});

describe('ERR-7: the condition function says CF_REJECT (ACC-7)', () => {
  test('WSPAccept answers WSAECONNREFUSED, no socket comes of it, and the next request is taken', () => {
    const { sw, san } = startHarness();
    const listener = new Listener();
    listener.eligible = false;
    sw.listen(listener.request(PEER));
    const companion = san.last;
    san.request(companion, OFFER_BYTES);
    assert.deepEqual(
      companion.answers.map(({ code }) => code),
      [CF_REJECT],
    );
    assert.equal(san.open.length, 1, 'only the companion listener is open');
    listener.eligible = true;
    san.request(companion, OFFER_BYTES);
    assert.deepEqual(
      companion.answers.map(({ code }) => code),
      [CF_REJECT, 0],
    );
    assert.equal(san.open.length, 2);
  });
});

describe('ERR-8: a failure after the connection is up is the program’s (SOCK-17, SP-19)', () => {
  test('the provider loses the connection: never TCP', async () => {
    const { sw, san, events } = startHarness();
    const program = new Program().connect(sw, PEER);
    san.endConnect(san.last, 0, OFFER_BYTES);
    await turns();
    events.length = 0;
    san.last.receiver?.onDisconnect(WSAENETDOWN);
    await turns();
    assert.deepEqual(program.answers, ['established']);
    assert.deepEqual(
      events.filter((event) => event.startsWith('tcp')),
      [],
    );
  });
});

describe('ERR-11: a connect under way (CONN-2, CONN-3, CONN-5)', () => {
  test('is WSAEWOULDBLOCK, for whatever the program wants, after WSPEventSelect made the socket nonblocking', () => {
    const { sw, san } = startHarness();
    const program = new Program().connect(sw, PEER);
    assert.equal(program.reason, null);
    assert.deepEqual(program.answers, []);
    assert.deepEqual(san.takeLog().slice(-2), ['WSPEventSelect 0x10', 'WSPConnect 127.0.0.1:8080']);
  });
});

describe('a provider that throws does not reach the program', () => {
  /** Whatever is thrown from a callback of the event loop would be the program's uncaught exception. */
  const survives = async (act: (harness: Harness, san: FakeSan) => void | Promise<void>): Promise<void> => {
    const harness = startHarness();
    await act(harness, harness.san);
    await turns();
  };

  test('in WSPAccept: the caller gets no answer, and the next one may be taken', () =>
    survives((harness, san) => {
      const listener = new Listener();
      harness.sw.listen(listener.request(PEER));
      const companion = san.last;
      san.broken.set('WSPAccept', throwing);
      san.request(companion, OFFER_BYTES);
      assert.equal(companion.answers.length, 0);
      san.broken.clear();
      san.request(companion, OFFER_BYTES);
      assert.equal(companion.answers.length, 2);
    }));

  test('in WSPEnumNetworkEvents of a listener', () =>
    survives((harness, san) => {
      harness.sw.listen(new Listener().request(PEER));
      const companion = san.last;
      san.broken.set('WSPEnumNetworkEvents', throwing);
      san.request(companion, OFFER_BYTES);
      san.broken.clear();
      san.request(companion, OFFER_BYTES);
      assert.equal(companion.answers.length, 2);
    }));

  test('in SIO_ADDRESS_LIST_QUERY after a change: it serves no address, until it can tell', () =>
    survives((harness, san) => {
      san.broken.set('SIO_ADDRESS_LIST_QUERY', throwing);
      harness.base.changeAddresses();
      assert.equal(new Program().connect(harness.sw, PEER).reason, 'not-local');
      san.broken.clear();
      harness.base.changeAddresses();
      assert.equal(new Program().connect(harness.sw, PEER).reason, null);
    }));

  test('in WSPCleanup, while it is removed: the catalog’s change goes through', () =>
    survives((harness, san) => {
      san.broken.set('WSPCleanup', throwing);
      harness.catalog.WSCDeinstallProvider(san.protocolInfo.ProviderId, { value: 0 });
      assert.equal(new Program().connect(harness.sw, PEER).reason, 'no-provider');
    }));
});
