import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeOffer } from '../../../src/session/index.js';
import {
  SAN_EXTENSIONS,
  WSAEINVAL,
  WSAENETDOWN,
  WSAEOPNOTSUPP,
  WSAEPROVIDERFAILEDINIT,
  WSAID_MEMORYREGISTRATIONCACHECALLBACK,
  WSAID_RDMAREAD,
  WSAID_SD_OWNEDRECEIVE,
  WSASYSNOTREADY,
  WINSOCK_VERSION_2_2,
  XP1_CONNECT_DATA,
  XP1_CONNECTIONLESS,
  XP1_GUARANTEED_DELIVERY,
} from '../../../src/spi/index.js';
import { BASE_ID } from './fake-base.js';
import { FakeSan } from './fake-san.js';
import { makeHarness, Program, v4 } from './harness.js';

/** Starts a switch over this provider; what became of it. */
function started(san: FakeSan): {
  reason: string | null;
  detail: string;
  log: string[];
  harness: ReturnType<typeof makeHarness>;
} {
  const harness = makeHarness(san);
  harness.sw.start();
  const [row] = harness.sw.snapshot().providers;
  return { reason: row?.reason ?? null, detail: row?.detail ?? '', log: san.log, harness };
}

describe('start-up', () => {
  test('goes in the documented order: TCP/IP, WSPStartupEx, scratch socket, addresses, extensions (SW-10…17)', () => {
    const { log, reason } = started(new FakeSan());
    assert.equal(reason, null);
    assert.deepEqual(log, [
      'tcp WSPStartupEx',
      'tcp WSPSocket',
      // Armed before anything is read (ADDR-11).
      'tcp SIO_ADDRESS_LIST_CHANGE',
      'WSPStartupEx',
      'WSPSocket 2',
      'SIO_ADDRESS_LIST_QUERY',
      ...SAN_EXTENSIONS.map(({ name }) => `extension ${name}`),
      'extension OwnedReceive',
      // The table is built from the lists of all providers (SW-15).
      'SIO_ADDRESS_LIST_QUERY',
    ]);
  });

  test('passes version 2.2, the TCP/IP provider’s protocol information and the up-call table (SW-12, SW-13)', () => {
    const san = new FakeSan();
    started(san);
    assert.equal(san.given?.version, WINSOCK_VERSION_2_2);
    assert.equal(san.given.info.ProviderId, BASE_ID);
    assert.equal(typeof san.given.upcalls.lpWPUCompleteOverlappedRequest, 'function');
  });

  test('tells observers', () => {
    const { harness } = started(new FakeSan());
    assert.deepEqual(harness.events, ['provider started fake', 'addresses 2']);
  });

  test('every provider of the list is started, in its order (SW-8, SP-18)', () => {
    const one = new FakeSan('one');
    const two = new FakeSan('two', '22222222-2222-4333-8444-555555555555');
    const harness = makeHarness(one);
    const { ProviderId } = two.protocolInfo;
    harness.catalog.WSCInstallProvider(ProviderId, '', () => two, [two.protocolInfo], { value: 0 });
    harness.sw.start();
    assert.deepEqual(
      harness.sw.snapshot().providers.map(({ name, started: yes }) => [name, yes]),
      [['one', true]],
      'one that is not on the list TCP on SAN is none (SP-18)',
    );
    harness.catalog.addToSanList(ProviderId);
    assert.deepEqual(
      harness.sw.snapshot().providers.map(({ name }) => name),
      ['one', 'two'],
    );
  });
});

describe('a provider is refused, closed and named if', () => {
  const cases: [title: string, prepare: (san: FakeSan) => void, reason: string, detail: RegExp][] = [
    [
      'it does not start',
      (san) => san.fail.set('WSPStartupEx', WSAEPROVIDERFAILEDINIT),
      'provider-failed',
      /FAILEDINIT/,
    ],
    [
      'the system lacks something',
      (san) => {
        san.fail.set('WSPStartupEx', WSASYSNOTREADY);
        san.description = 'no sock_diag';
      },
      'kernel-unsupported',
      /WSASYSNOTREADY \(no sock_diag\)/,
    ],
    ['it wants another version', (san) => (san.version = 0x0102), 'provider-failed', /version 0x102/],
    ['it makes no scratch socket', (san) => san.fail.set('WSPSocket', WSAENETDOWN), 'provider-failed', /WSPSocket/],
    ['it asks for no handle', (san) => (san.noHandles = true), 'provider-failed', /WPUCreateSocketHandle/],
    [
      'it has no addresses to tell',
      (san) => san.fail.set('SIO_ADDRESS_LIST_QUERY', WSAENETDOWN),
      'provider-failed',
      /SIO_ADDRESS_LIST_QUERY: WSAENETDOWN/,
    ],
    ['its largest message is too small', (san) => (san.maxMessageSize = 63), 'provider-failed', /SO_MAX_MSG_SIZE/],
    [
      'it cannot tell whether it has owned receive',
      (san) => san.extensions.set(WSAID_SD_OWNEDRECEIVE, WSAENETDOWN),
      'provider-failed',
      /owned receive: WSAENETDOWN/,
    ],
    [
      'its owned receive is not whole',
      (san) => san.extensions.set(WSAID_SD_OWNEDRECEIVE, { give: { SdpSetReceiver: () => 0 } }),
      'provider-failed',
      /owned receive lacks SdpSetConsumed/,
    ],
    [
      'it throws at start-up',
      (san) =>
        san.broken.set('WSPStartupEx', () => {
          throw new Error('oh');
        }),
      'provider-failed',
      /^oh$/,
    ],
  ];
  for (const [title, prepare, reason, detail] of cases) {
    test(title, () => {
      const san = new FakeSan();
      prepare(san);
      const result = started(san);
      assert.equal(result.reason, reason);
      assert.match(result.detail, detail);
      assert.equal(san.open.length, 0);
      // Its start is undone if it had started.
      const up = !san.fail.has('WSPStartupEx') && !san.broken.has('WSPStartupEx');
      assert.equal(san.log.includes('WSPCleanup'), up);
      // Connections stay on TCP, for that reason.
      assert.equal(new Program().connect(result.harness.sw, v4('127.0.0.1', 80)).reason, reason);
    });
  }

  test('its module does not load', () => {
    const harness = makeHarness();
    harness.catalog.WSCDeinstallProvider(harness.san.protocolInfo.ProviderId, { value: 0 });
    const { protocolInfo: info } = harness.san;
    const load = () => {
      throw new Error('no such file');
    };
    harness.catalog.WSCInstallProvider(info.ProviderId, '', load, [info], { value: 0 });
    harness.catalog.addToSanList(info.ProviderId);
    harness.sw.start();
    assert.match(harness.sw.snapshot().providers[0]?.detail ?? '', /no such file/);
  });

  test('it is connectionless (SP-20)', () => {
    const san = new FakeSan('fake', undefined, { dwServiceFlags1: XP1_CONNECT_DATA | XP1_CONNECTIONLESS });
    assert.equal(started(san).reason, 'provider-failed');
    assert.deepEqual(san.log.includes('WSPStartupEx'), false);
  });
});

describe('a provider is taken without what it need not have', () => {
  test('owned receive: WSAEOPNOTSUPP or WSAEINVAL, and buffers are posted (SESS-14)', () => {
    for (const code of [WSAEOPNOTSUPP, WSAEINVAL]) {
      const san = new FakeSan();
      san.extensions.set(WSAID_SD_OWNEDRECEIVE, code);
      assert.equal(started(san).reason, null);
    }
  });

  test('connect data: the session is negotiated in messages (SESS-2)', () => {
    assert.equal(started(new FakeSan('fake', undefined, { dwServiceFlags1: XP1_GUARANTEED_DELIVERY })).reason, null);
  });
});

describe('extensions (SW-16, SW-17, SP-9, OPT-10, ERR-1)', () => {
  const optional: readonly string[] = [WSAID_RDMAREAD, WSAID_MEMORYREGISTRATIONCACHECALLBACK];
  for (const { name, guid } of SAN_EXTENSIONS) {
    const accepted = optional.includes(guid);
    test(`WSAEOPNOTSUPP for ${name} is ${accepted ? 'accepted' : 'refused'}`, () => {
      const san = new FakeSan();
      san.extensions.set(guid, WSAEOPNOTSUPP);
      const { reason, detail } = started(san);
      assert.equal(reason, accepted ? null : 'provider-failed');
      if (!accepted) assert.match(detail, new RegExp(`${name}: WSAEOPNOTSUPP`));
    });
    test(`another code for ${name} is refused`, () => {
      const san = new FakeSan();
      san.extensions.set(guid, WSAEINVAL);
      assert.match(started(san).detail, new RegExp(`${name}: WSAEINVAL`));
    });
    test(`something else than a function for ${name} is refused`, () => {
      const san = new FakeSan();
      san.extensions.set(guid, { give: 7 });
      assert.match(started(san).detail, new RegExp(`${name}: not a function`));
    });
  }
});

describe('without', () => {
  test('TCP/IP nothing is routed, and nothing thrown', () => {
    for (const prepare of [
      (harness: ReturnType<typeof makeHarness>) => (harness.base.startCode = WSAENETDOWN),
      (harness: ReturnType<typeof makeHarness>) => (harness.base.noSockName = true),
    ]) {
      const harness = makeHarness();
      prepare(harness);
      harness.sw.start();
      const { off, detail, providers } = harness.sw.snapshot();
      assert.equal(off, 'provider-failed');
      assert.match(detail, /^TCP\/IP: /);
      assert.deepEqual(providers, []);
      assert.equal(new Program().connect(harness.sw, v4('127.0.0.1', 80)).reason, 'provider-failed');
    }
  });

  test('a start every connection is on TCP: switch-off', () => {
    const harness = makeHarness();
    assert.equal(new Program().connect(harness.sw, v4('127.0.0.1', 80)).reason, 'switch-off');
    assert.deepEqual(harness.san.log, []);
  });

  test('providers: no-provider', () => {
    const harness = makeHarness();
    harness.catalog.WSCDeinstallProvider(harness.san.protocolInfo.ProviderId, { value: 0 });
    harness.sw.start();
    assert.equal(new Program().connect(harness.sw, v4('127.0.0.1', 80)).reason, 'no-provider');
  });
});

test('the offer has the provider’s message limit', () => {
  const san = new FakeSan();
  san.maxMessageSize = 8192;
  const { harness } = started(san);
  new Program().connect(harness.sw, v4('127.0.0.1', 80)).attempt?.cancel();
  const offer = decodeOffer(san.last.callerData);
  assert.ok(typeof offer === 'object');
  assert.equal(offer.maxMessageBytes, 8192);
  assert.equal(offer.windowBytes, 1 << 20);
  assert.equal(offer.receiveBuffers, 64);
  // A provider that says nothing of RDMA is not asked for it.
  assert.equal(offer.rdmaThresholdBytes, 0xffffffff);
});

test('stop closes the scratch sockets and cleans up all providers (CLOSE-15)', () => {
  const san = new FakeSan();
  const { harness } = started(san);
  san.takeLog();
  harness.sw.stop();
  assert.deepEqual(san.takeLog(), ['WSPCloseSocket', 'WSPCleanup', 'tcp WSPCloseSocket', 'tcp WSPCleanup']);
  assert.equal(harness.base.changeAddresses(), true);
  assert.deepEqual(san.takeLog(), [], 'a change of addresses is nobody’s business any more');
  assert.equal(new Program().connect(harness.sw, v4('127.0.0.1', 80)).reason, 'switch-off');
});
