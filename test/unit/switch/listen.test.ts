import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeOffer, encodeOffer } from '../../../src/session/index.js';
import { encodeHeader, MESSAGE_DATA, SESSION_HEADER_BYTES } from '../../../src/session/wire.js';
import {
  AF_INET6,
  CF_ACCEPT,
  CF_REJECT,
  SO_DEBUG,
  WSAEINVAL,
  WSAEMFILE,
  WSAENETDOWN,
  WSAENOPROTOOPT,
  WSAECONNRESET,
  WSAENOTCONN,
} from '../../../src/spi/index.js';
import { decodeRefusal } from '../../../src/switch/refusal.js';
import { presentTimers } from '../../../src/switch/timers.js';
import { FakeSan } from './fake-san.js';
import {
  confirmMessage,
  install,
  Listener,
  makeHarness,
  OFFER,
  OFFER_BYTES,
  startHarness,
  turns,
  v4,
  v6,
} from './harness.js';

const LOCAL = v4('127.0.0.1', 8080);

/** A listener with its companion. */
function listening(harness = startHarness(), local = LOCAL, backlog = 511) {
  const listener = new Listener();
  const handle = harness.sw.listen(listener.request(local, backlog));
  return { harness, listener, handle, companion: harness.san.last };
}

/** What the switch said to the last refused caller. */
function refusal(companion: FakeSan['last']): string | null {
  const data = companion.answers.at(-1)?.data ?? new Uint8Array(0);
  return decodeRefusal({ len: data.length, buf: data });
}

describe('a listener', () => {
  test('gets its companion in the documented order, after TCP (LIST-1…3, TC-3)', () => {
    const { harness, handle } = listening();
    assert.deepEqual(harness.san.takeLog(), [
      'WSPSocket 2',
      'WSPBind 127.0.0.1:8080',
      // By what the host calls the TCP listener, its companion is found (D4).
      'WSPSetSockOpt 0x7f02=77',
      'WSPListen 511',
      'WSPEventSelect 0x8',
    ]);
    assert.equal(handle.reason, null);
    assert.deepEqual(harness.events, ['listener open 127.0.0.1:8080 fake']);
    const [row] = harness.sw.snapshot().listeners;
    assert.deepEqual(row, { id: handle.id, local: LOCAL, providers: ['fake'], reason: null });
  });

  test('on the wildcard gets one bound to the wildcard (SOCK-12, SOCK-13, LIST-2)', () => {
    const { harness } = listening(startHarness(), v4('0.0.0.0', 8080));
    assert.ok(harness.san.takeLog().includes('WSPBind 0.0.0.0:8080'));
    const dual = listening(startHarness(), v6('::', 8080));
    assert.deepEqual(dual.harness.san.takeLog().slice(0, 2), [`WSPSocket ${AF_INET6}`, 'WSPBind :::8080']);
    assert.equal(dual.handle.reason, null);
  });

  test('gets the options that the program has set (SOCK-15)', () => {
    const harness = startHarness();
    harness.base.options.set(SO_DEBUG, 1);
    listening(harness);
    assert.ok(harness.san.takeLog().includes('WSPSetSockOpt 0x1=1'));
  });

  test('gets it also where the provider has no use for the native address, or TCP/IP does not know it', () => {
    const harness = startHarness();
    harness.san.fail.set('WSPSetSockOpt', WSAENOPROTOOPT);
    assert.equal(listening(harness).handle.reason, null);
    const other = startHarness();
    other.base.nativeAddress = null;
    assert.equal(listening(other).handle.reason, null);
    assert.ok(!other.san.takeLog().some((call) => call.startsWith('WSPSetSockOpt')));
  });

  const stays: [
    title: string,
    local: ReturnType<typeof v4>,
    reason: string,
    prepare: (harness: ReturnType<typeof startHarness>) => void,
  ][] = [
    ['at an address no provider serves', v4('192.0.2.1', 80), 'not-local', () => undefined],
    ['that a rule excludes', LOCAL, 'excluded', ({ excluded }) => excluded.add('127.0.0.1:8080 listen')],
    ['whose WSPSocket fails', LOCAL, 'provider-failed', ({ san }) => san.fail.set('WSPSocket', WSAENETDOWN)],
    ['whose WSPBind fails', LOCAL, 'provider-failed', ({ san }) => san.fail.set('WSPBind', WSAEINVAL)],
    ['whose WSPListen fails', LOCAL, 'out-of-resources', ({ san }) => san.fail.set('WSPListen', WSAEMFILE)],
    ['whose WSPEventSelect fails', LOCAL, 'provider-failed', ({ san }) => san.fail.set('WSPEventSelect', WSAENETDOWN)],
    [
      'whose provider throws',
      LOCAL,
      'provider-failed',
      ({ san }) =>
        san.broken.set('WSPSocket', () => {
          throw new Error('broken');
        }),
    ],
  ];
  for (const [title, local, reason, prepare] of stays) {
    test(`${title} is on TCP alone: ${reason} (SOCK-16, TC-7)`, () => {
      const harness = startHarness();
      prepare(harness);
      const { handle } = listening(harness, local);
      assert.equal(handle.reason, reason);
      assert.equal(harness.san.open.length, 0);
      assert.deepEqual(harness.events, [`listener tcp ${local.sin_addr}:${local.sin_port} ${reason}`]);
    });
  }

  test('without providers, or before the start, says so', () => {
    const harness = makeHarness();
    assert.equal(listening(harness).handle.reason, 'switch-off');
    harness.catalog.WSCDeinstallProvider(harness.san.protocolInfo.ProviderId, { value: 0 });
    harness.sw.start();
    assert.equal(listening(harness).handle.reason, 'no-provider');
  });

  test('that closes takes its companion along, once', () => {
    const { harness, handle, companion } = listening();
    harness.san.takeLog();
    handle.close();
    handle.close();
    assert.deepEqual(harness.san.takeLog(), ['WSPCloseSocket']);
    assert.equal(companion.closed, true);
    assert.deepEqual(harness.sw.snapshot().listeners, []);
    assert.equal(harness.events.at(-1), 'listener close 127.0.0.1:8080');
  });
});

describe('a connection request', () => {
  test('is accepted in the documented order, and seen by the program when it is confirmed (ACC-1, ACC-10, LIST-5, LIST-6, TC-4, D12)', () => {
    const { harness, listener, companion } = listening();
    const { san } = harness;
    san.takeLog();
    san.request(companion, OFFER_BYTES, v4('127.0.0.1', 41000));
    assert.deepEqual(san.takeLog(), ['WSPEnumNetworkEvents', 'WSPAccept', 'SdpSetReceiver', 'WSPAccept']);
    const [answer] = companion.answers;
    assert.equal(answer?.code, CF_ACCEPT);
    assert.equal(typeof decodeOffer(answer.data), 'object', 'the reply travels with the acceptance (SESS-3)');
    assert.equal(listener.connections.length, 0);
    assert.deepEqual(harness.sw.snapshot().connections, []);

    san.deliver(san.last, confirmMessage());
    const [connection] = listener.connections;
    assert.ok(connection);
    assert.equal(connection.side, 'accept');
    assert.equal(connection.session.phase, 'established');
    assert.deepEqual([connection.remote.sin_addr, connection.remote.sin_port], ['127.0.0.1', 41000]);
    assert.deepEqual([connection.local.sin_addr, connection.local.sin_port], ['127.0.0.1', 8080]);
    assert.equal(harness.events.at(-1), `san accept ${connection.id}`);
    assert.equal(harness.sw.snapshot().connections.length, 1);
    connection.session.reset();
    assert.equal(harness.events.at(-1), `closed ${connection.id}`);
  });

  test('may bring data with its CONFIRM; they wait for the program', async () => {
    const { harness, listener, companion } = listening();
    harness.san.request(companion, OFFER_BYTES);
    const message = new Uint8Array(SESSION_HEADER_BYTES + 3);
    encodeHeader(message, MESSAGE_DATA, 1, 0, 3, 0);
    message.set([65, 66, 67], SESSION_HEADER_BYTES);
    harness.san.deliver(harness.san.last, message);
    const [connection] = listener.connections;
    assert.ok(connection);
    const data: string[] = [];
    connection.session.user = {
      onData: (memory, offset, length) => data.push(Buffer.from(memory, offset, length).toString()),
      onEnd: () => undefined,
      onReset: () => undefined,
      onWritten: () => undefined,
      onShutdown: () => undefined,
      takeUnsent: () => null,
    };
    connection.session.startReading();
    await turns();
    assert.deepEqual(data, ['ABC']);
  });

  test('on a dual-stack listener shows IPv4-mapped names', () => {
    const { harness, listener, companion } = listening(startHarness(), v6('::', 8080));
    companion.local = v4('127.0.0.1', 8080);
    harness.san.request(companion, OFFER_BYTES, v4('127.0.0.1', 41000));
    harness.san.deliver(harness.san.last, confirmMessage());
    assert.equal(listener.connections[0]?.remote.sin_addr, '::ffff:127.0.0.1');
    assert.equal(listener.connections[0].local.sin_addr, '::ffff:127.0.0.1');
    assert.equal(listener.connections[0].remote.sa_family, AF_INET6);
  });

  const refusals: [
    title: string,
    offer: Uint8Array,
    reason: string,
    prepare: (all: ReturnType<typeof listening>) => void,
  ][] = [
    ['that the program cannot take', OFFER_BYTES, 'listener-refused', ({ listener }) => (listener.eligible = false)],
    [
      'to an address that a rule excludes',
      OFFER_BYTES,
      'excluded',
      ({ harness }) => harness.excluded.add('127.0.0.1:8080 accept'),
    ],
    ['that makes no sense', Uint8Array.of(1, 2, 3), 'protocol-mismatch', () => undefined],
    ['of another version', encodeOffer({ ...OFFER, version: 2 }), 'protocol-mismatch', () => undefined],
    ['without a negotiation', new Uint8Array(0), 'protocol-mismatch', () => undefined],
  ];
  for (const [title, offer, reason, prepare] of refusals) {
    test(`${title} is refused, and the peer told that it is only the SAN: ${reason} (ACC-7)`, () => {
      const all = listening();
      prepare(all);
      all.harness.san.request(all.companion, offer);
      assert.equal(all.companion.answers[0]?.code, CF_REJECT);
      assert.equal(refusal(all.companion), reason);
      assert.equal(all.harness.san.open.length, 1, 'only the listener is left');
    });
  }

  test('refused does not keep the next one from being taken', () => {
    const { harness, companion } = listening();
    const event = companion.event;
    companion.event = null; // two requests before the event is seen
    harness.san.request(companion, Uint8Array.of(1));
    companion.event = event;
    harness.san.request(companion, OFFER_BYTES);
    assert.deepEqual(
      companion.answers.map(({ code }) => code),
      [CF_REJECT, CF_ACCEPT],
    );
  });

  test('that is gone before its session is attached leaves nothing', () => {
    const { harness, companion, listener } = listening();
    harness.san.fail.set('SdpSetReceiver', WSAENOTCONN);
    harness.san.request(companion, OFFER_BYTES);
    assert.equal(harness.san.open.length, 1);
    assert.equal(listener.connections.length, 0);
  });

  test('that is cancelled before its CONFIRM is never seen (D12)', () => {
    const { harness, companion, listener } = listening();
    harness.san.request(companion, OFFER_BYTES);
    harness.san.last.receiver?.onDisconnect(0);
    assert.equal(harness.san.open.length, 1);
    assert.equal(listener.connections.length, 0);
    assert.deepEqual(harness.events.slice(1), []);
  });

  test('that breaks the protocol is told to observers', () => {
    const { harness, companion } = listening();
    harness.san.request(companion, OFFER_BYTES);
    harness.san.deliver(harness.san.last, Uint8Array.of(9));
    assert.match(harness.events.at(-1) ?? '', /^violation a message of 1 bytes/);
  });
});

describe('the accept queue', () => {
  test('holds the backlog, counting what is not confirmed; then: listener-busy', () => {
    const { harness, companion, listener } = listening(startHarness(), LOCAL, 2);
    const { san } = harness;
    san.request(companion, OFFER_BYTES);
    const first = san.last;
    san.request(companion, OFFER_BYTES);
    san.request(companion, OFFER_BYTES);
    assert.equal(refusal(companion), 'listener-busy');
    san.deliver(first, confirmMessage());
    assert.equal(listener.connections.length, 1);
    san.request(companion, OFFER_BYTES);
    assert.equal(companion.answers.at(-1)?.code, CF_ACCEPT, 'a confirmed connection gives its place back');
  });

  test('gives the place of a peer that never confirms to the next, after five seconds', () => {
    const { harness, companion } = listening(startHarness(), LOCAL, 1);
    const { san } = harness;
    san.request(companion, OFFER_BYTES);
    const silent = san.last;
    harness.clockMs += 4999;
    san.request(companion, OFFER_BYTES);
    assert.equal(refusal(companion), 'listener-busy');
    harness.clockMs += 1;
    san.request(companion, OFFER_BYTES);
    assert.equal(companion.answers.at(-1)?.code, CF_ACCEPT);
    assert.equal(silent.closed, true);
  });

  test('of a listener that closes is reset, like a kernel’s (ACC-12)', () => {
    const { harness, companion, handle, listener } = listening();
    harness.san.request(companion, OFFER_BYTES);
    handle.close();
    assert.equal(harness.san.open.length, 0);
    assert.equal(listener.connections.length, 0);
  });

  test('of a listener that closes still comes, if others have the listening socket too: TCP would not lose it', () => {
    const { harness, companion, handle, listener } = listening();
    const { san } = harness;
    san.request(companion, OFFER_BYTES);
    const first = san.last;
    san.request(companion, OFFER_BYTES);
    harness.base.listenerAt = 77;
    assert.equal(handle.close(), 2);
    assert.equal(companion.closed, true);
    san.deliver(first, confirmMessage());
    assert.equal(listener.connections[0]?.session.phase, 'established');
    san.last.receiver?.onDisconnect(WSAECONNRESET);
    assert.deepEqual([listener.connections.length, listener.lost], [1, 1]);
    assert.equal(handle.close(), 0);
  });

  test('of which nobody confirms is lost after five seconds', () => {
    const due: (() => void)[] = [];
    const later = ((act: (...args: unknown[]) => void, ms: number, ...args: unknown[]) => {
      assert.equal(ms, 5000);
      due.push(() => act(...args));
      return { unref: () => undefined };
    }) as unknown as typeof setTimeout;
    const harness = startHarness(undefined, { timers: { ...presentTimers(), setTimeout: later } });
    const { companion, handle, listener } = listening(harness);
    harness.san.request(companion, OFFER_BYTES);
    harness.base.listenerAt = 77;
    assert.equal(handle.close(), 1);
    for (const act of due) act();
    assert.deepEqual([listener.connections.length, listener.lost, harness.san.open.length], [0, 1, 0]);
  });

  test('has no room in a worker that would give it back to its primary: listener-busy', () => {
    const { harness, companion, listener } = listening();
    listener.room = 1;
    harness.san.request(companion, OFFER_BYTES);
    harness.san.request(companion, OFFER_BYTES);
    assert.deepEqual([companion.answers[0]?.code, refusal(companion)], [CF_ACCEPT, 'listener-busy']);
  });

  test('a confirmed connection outlives its listener', () => {
    const { harness, companion, handle, listener } = listening();
    harness.san.request(companion, OFFER_BYTES);
    harness.san.deliver(harness.san.last, confirmMessage());
    handle.close();
    assert.equal(listener.connections[0]?.session.phase, 'established');
  });

  test('a flood is taken in portions, one per turn of the loop', async () => {
    const { harness, companion } = listening();
    const { event } = companion;
    companion.event = null;
    for (let i = 0; i < 149; i++) harness.san.request(companion, OFFER_BYTES);
    companion.event = event;
    harness.san.request(companion, OFFER_BYTES);
    assert.equal(companion.answers.length, 64);
    await turns();
    assert.equal(companion.answers.length, 150);
  });

  test('an event that is set from inside WSPAccept is no second loop', () => {
    const { harness, companion } = listening();
    const { san } = harness;
    let depth = 0;
    let deepest = 0;
    const { upcalls } = san.given ?? assert.fail();
    const create = upcalls.lpWPUCreateSocketHandle;
    upcalls.lpWPUCreateSocketHandle = (...args) => {
      deepest = Math.max(deepest, ++depth);
      const wasMore = companion.answers.length < 3;
      if (wasMore) san.request(companion, OFFER_BYTES);
      depth--;
      return create(...args);
    };
    san.request(companion, OFFER_BYTES);
    assert.equal(companion.answers.length, 3);
    assert.equal(deepest, 1);
  });
});

describe('later', () => {
  const LATE_ID = '22222222-2222-4333-8444-555555555555';

  test('a provider that is installed serves the wildcard listeners that are there already (SW-19…21)', () => {
    const { harness, handle } = listening(startHarness(), v4('0.0.0.0', 8080));
    const late = new FakeSan('late', LATE_ID);
    install(harness.catalog, late);
    assert.deepEqual(late.takeLog().slice(-5), [
      'WSPSocket 2',
      'WSPBind 0.0.0.0:8080',
      'WSPSetSockOpt 0x7f02=77',
      'WSPListen 511',
      'WSPEventSelect 0x8',
    ]);
    assert.deepEqual(
      handle.providers.map(({ name }) => name),
      ['fake', 'late'],
    );
    assert.equal(harness.events.at(0), 'listener open 0.0.0.0:8080 fake');
  });

  test('and takes a listener off TCP', () => {
    const harness = startHarness();
    const { handle } = listening(harness, v4('192.0.2.1', 80));
    assert.equal(handle.reason, 'not-local');
    const late = new FakeSan('late', LATE_ID);
    late.addresses = [v4('192.0.2.1', 0)];
    install(harness.catalog, late);
    assert.equal(handle.reason, null);
    assert.equal(harness.events.at(-1), 'listener open 192.0.2.1:80 late');
  });

  test('an address that appears does the same (ADDR-10, TC-11)', () => {
    const harness = startHarness();
    const { handle } = listening(harness, v4('192.0.2.1', 80));
    harness.san.takeLog();
    harness.san.addresses.push(v4('192.0.2.1', 0));
    assert.equal(harness.base.changeAddresses(), true);
    assert.deepEqual(
      harness.san.takeLog().slice(0, 2),
      // Armed again before anything is read (ADDR-11).
      ['tcp SIO_ADDRESS_LIST_CHANGE', 'SIO_ADDRESS_LIST_QUERY'],
    );
    assert.equal(handle.reason, null);
    assert.deepEqual(harness.sw.snapshot().providers[0]?.addresses, ['127.0.0.0/8', '10.0.0.5', '192.0.2.1']);
    assert.equal(harness.base.changeAddresses(), true, 'and the next change is seen too');
  });

  test('an address that disappears leaves listeners and connections (GAP-11)', () => {
    const { harness, companion, listener, handle } = listening(startHarness(), v4('10.0.0.5', 8080));
    harness.san.request(companion, OFFER_BYTES);
    harness.san.deliver(harness.san.last, confirmMessage());
    harness.san.addresses.pop();
    harness.base.changeAddresses();
    assert.equal(handle.reason, null);
    assert.equal(listener.connections[0]?.session.phase, 'established');
  });

  test('a provider that is removed loses its listeners; its last connection ends it', () => {
    const { harness, companion, listener, handle } = listening();
    const { san } = harness;
    san.request(companion, OFFER_BYTES);
    san.deliver(san.last, confirmMessage());
    harness.catalog.WSCDeinstallProvider(san.protocolInfo.ProviderId, { value: 0 });
    assert.equal(companion.closed, true);
    assert.notEqual(handle.reason, null);
    assert.ok(harness.events.includes('provider removed fake'));
    assert.ok(!san.takeLog().includes('WSPCleanup'));
    listener.connections[0]?.session.reset();
    assert.equal(san.takeLog().at(-1), 'WSPCleanup');
  });

  test('a provider that is removed still brings the connection whose caller has been told of it', () => {
    const { harness, companion, listener } = listening();
    const { san } = harness;
    san.request(companion, OFFER_BYTES);
    const accepted = san.last;
    harness.catalog.WSCDeinstallProvider(san.protocolInfo.ProviderId, { value: 0 });
    assert.deepEqual([companion.closed, accepted.closed], [true, false]);
    san.deliver(accepted, confirmMessage());
    assert.equal(listener.connections[0]?.session.phase, 'established');
    listener.connections[0].session.reset();
    assert.equal(san.takeLog().at(-1), 'WSPCleanup');
  });

  test('a provider without connections is ended at once', () => {
    const harness = startHarness();
    harness.catalog.WSCDeinstallProvider(harness.san.protocolInfo.ProviderId, { value: 0 });
    assert.deepEqual(harness.san.takeLog().slice(-2), ['WSPCloseSocket', 'WSPCleanup']);
  });
});

test('the end of the process: between SdpBeginExit and SdpEndExit every session says its last words (D7)', () => {
  const { harness, companion, listener } = listening();
  const { san } = harness;
  san.request(companion, OFFER_BYTES);
  san.deliver(san.last, confirmMessage());
  assert.equal(listener.connections.length, 1);
  san.takeLog();
  harness.sw.exit();
  assert.deepEqual(san.takeLog(), ['SdpBeginExit', 'SdpEndExit']);
  assert.ok(san.last.sent.length > 0, 'the FIN is out');
});

test('stop closes listeners and resets connections', () => {
  const { harness, companion } = listening();
  harness.san.request(companion, OFFER_BYTES);
  harness.san.deliver(harness.san.last, confirmMessage());
  harness.sw.stop();
  assert.equal(harness.san.open.length, 0);
  const { listeners, connections, off } = harness.sw.snapshot();
  assert.deepEqual({ listeners, connections, off }, { listeners: [], connections: [], off: 'switch-off' });
});
