import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, test, type TestContext } from 'node:test';
import { encodeOffer } from '../../../src/session/index.js';
import { MESSAGE_CONFIRM, MESSAGE_DATA } from '../../../src/session/wire.js';
import {
  AF_INET6,
  SO_DEBUG,
  SO_GROUP_PRIORITY,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEHOSTUNREACH,
  WSAENOPROTOOPT,
  WSAENOTCONN,
  XP1_CONNECT_DATA,
  XP1_QOS_SUPPORTED,
} from '../../../src/spi/index.js';
import { FakeSan } from './fake-san.js';
import { type Harness, OFFER, OFFER_BYTES, Program, startHarness, turns, v4, v6 } from './harness.js';

const PEER = v4('127.0.0.1', 8080);

/** A connect that is under way, with the provider's socket. */
function connecting(harness = startHarness(), remote = PEER): { harness: typeof harness; program: Program } {
  const program = new Program().connect(harness.sw, remote);
  assert.equal(program.reason, null);
  return { harness, program };
}

describe('a connect on the SAN', () => {
  test('goes in the documented order (D12, SOCK-1, SOCK-5, CONN-1…7, CONN-9)', async () => {
    const { harness, program } = connecting();
    const { san } = harness;
    assert.deepEqual(san.takeLog(), [
      // The program's own socket is bound first, so that its port is really reserved.
      'tcp WSPBind 127.0.0.1:0',
      'WSPSocket 2',
      'WSPBind 127.0.0.1:50000',
      'WSPEventSelect 0x10',
      'WSPConnect 127.0.0.1:8080',
    ]);
    assert.deepEqual(program.answers, []);
    san.endConnect(san.last, 0, OFFER_BYTES);
    assert.deepEqual(program.answers, [], 'the program is not called from inside the provider');
    await turns();
    assert.deepEqual(program.answers, ['established']);
    assert.deepEqual(san.takeLog(), ['WSPEnumNetworkEvents', 'SdpSetReceiver']);
    assert.equal(san.open.length, 1);
  });

  test('confirms before the program hears of it: what that does next, elsewhere, is after it', async () => {
    const { harness, program } = connecting();
    const { san } = harness;
    const sent = (): unknown[] => san.last.sent.map((message) => [message[0], message[1]]);
    program.onEstablished = ({ session }) => {
      assert.deepEqual(sent(), [[MESSAGE_CONFIRM, 0]]);
      session.write(Buffer.from('hello'));
    };
    san.endConnect(san.last, 0, OFFER_BYTES);
    await turns();
    assert.deepEqual(sent(), [
      [MESSAGE_CONFIRM, 0],
      [MESSAGE_DATA, 0],
    ]);
  });

  test('shows the program TCP’s names and the peer (SW-26)', async () => {
    const { harness, program } = connecting();
    harness.san.endConnect(harness.san.last, 0, OFFER_BYTES);
    await turns();
    const { connection } = program;
    assert.ok(connection);
    assert.deepEqual([connection.local.sin_addr, connection.local.sin_port], ['127.0.0.1', 50000]);
    assert.deepEqual([connection.remote.sin_addr, connection.remote.sin_port], ['127.0.0.1', 8080]);
    assert.deepEqual(connection.peer, { pid: 4711, uid: 1000, link: 3 });
    assert.equal(connection.provider, 'fake');
    const [row] = harness.sw.snapshot().connections;
    assert.equal(row?.id, connection.id);
    assert.equal(row?.state, 'established');
    assert.equal(row?.since, 1000);
    assert.deepEqual(harness.events, [`san connect ${connection.id}`]);
    connection.session.reset();
    assert.deepEqual(harness.sw.snapshot().connections, []);
    assert.equal(harness.events.at(-1), `closed ${connection.id}`);
  });

  test('that WSPConnect ends at once is established in a callback of its own (CONN-5)', async () => {
    const harness = startHarness();
    harness.san.connectResult = 0;
    const { program } = connecting(harness);
    const { calleeData } = harness.san.last;
    calleeData?.buf.set(OFFER_BYTES);
    assert.deepEqual(program.answers, []);
    await turns();
    assert.deepEqual(program.answers, ['established']);
  });

  test('does not mind an event without FD_CONNECT', async () => {
    const { harness, program } = connecting();
    const { san } = harness;
    san.last.event?.onSet?.();
    await turns();
    assert.deepEqual(program.answers, []);
    san.endConnect(san.last, 0, OFFER_BYTES);
    await turns();
    assert.deepEqual(program.answers, ['established']);
  });

  test('carries our negotiation as caller data (SESS-2)', () => {
    const { harness } = connecting();
    assert.deepEqual(
      Buffer.from(harness.san.last.callerData),
      Buffer.from(encodeOffer({ ...OFFER, maxMessageBytes: 0xffffffff })),
    );
  });
});

describe('options that the program has set (SOCK-15, OPT-3)', () => {
  test('are replayed between WSPBind and WSPConnect: the two that are a provider’s; groups need QoS (OPT-8)', () => {
    const plain = ['WSPBind 127.0.0.1:50000', 'WSPSetSockOpt 0x1=1'];
    const cases = [
      [XP1_CONNECT_DATA, plain],
      [XP1_CONNECT_DATA | XP1_QOS_SUPPORTED, [...plain, 'WSPSetSockOpt 0x2002=5']],
    ] as const;
    for (const [dwServiceFlags1, calls] of cases) {
      const harness = startHarness(new FakeSan('fake', undefined, { dwServiceFlags1 }));
      harness.base.options.set(SO_DEBUG, 1).set(SO_GROUP_PRIORITY, 5).set(0x1001, 8192);
      connecting(harness);
      assert.deepEqual(harness.san.takeLog().slice(2, -2), calls);
    }
  });

  test('are left out if the provider does not know them', () => {
    const harness = startHarness();
    harness.base.options.set(SO_DEBUG, 1);
    harness.san.fail.set('WSPSetSockOpt', WSAENOPROTOOPT);
    connecting(harness);
  });
});

describe('the authoritative errors (CONN-13, ERR-4)', () => {
  const cases = [
    ['WSAECONNREFUSED', WSAECONNREFUSED, WSAECONNREFUSED],
    ['WSAEHOSTUNREACH', WSAEHOSTUNREACH, WSAEHOSTUNREACH],
    // "Nobody listens" is ECONNREFUSED to a program (TRAP-13).
    ['WSAECONNRESET', WSAECONNRESET, WSAECONNREFUSED],
  ] as const;
  for (const [name, code, shown] of cases) {
    test(`${name} by the event ends the program’s connect`, async () => {
      const { harness, program } = connecting();
      harness.san.endConnect(harness.san.last, code);
      await turns();
      assert.deepEqual(program.answers, [`error ${shown}`]);
      assert.equal(harness.san.open.length, 0);
    });

    test(`${name} from WSPConnect too, but not from inside the program’s call`, async () => {
      const harness = startHarness();
      harness.san.connectResult = code;
      const { program } = connecting(harness);
      assert.deepEqual(program.answers, []);
      await turns();
      assert.deepEqual(program.answers, [`error ${shown}`]);
      assert.equal(harness.san.open.length, 0);
    });
  }

  test('one that is cancelled before it is told is not told', async () => {
    const harness = startHarness();
    harness.san.connectResult = WSAECONNREFUSED;
    const { program } = connecting(harness);
    program.attempt?.cancel();
    await turns();
    assert.deepEqual(program.answers, []);
  });
});

describe('no answer in time (D12)', () => {
  const pass = (t: TestContext, harness: Harness, ms: number): void => {
    harness.clockMs += ms;
    t.mock.timers.tick(ms);
  };

  test('cancels the companion and goes on by TCP: listener-busy', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { harness, program } = connecting();
    harness.san.takeLog();
    pass(t, harness, 49);
    await turns();
    assert.deepEqual(program.answers, []);
    pass(t, harness, 1);
    await turns();
    assert.deepEqual(program.answers, ['fallback listener-busy']);
    assert.deepEqual(harness.san.takeLog(), ['WSPCloseSocket']);
  });

  test('another one that serves the same listener is asked first, and has as long', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { harness, program } = connecting();
    harness.san.takeLog();
    harness.san.others = 2;
    for (let i = 0; i < 2; i++) {
      pass(t, harness, 50);
      await turns();
      assert.deepEqual(harness.san.takeLog(), ['SIO_SD_ASK_ANOTHER']);
      assert.deepEqual(program.answers, []);
    }
    pass(t, harness, 49);
    await turns();
    assert.deepEqual(program.answers, []);
    pass(t, harness, 1);
    await turns();
    assert.deepEqual(program.answers, ['fallback listener-busy']);
    assert.deepEqual(harness.san.takeLog(), ['WSPCloseSocket']);
  });

  test('an answer that came in the same turn still counts', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { harness, program } = connecting();
    pass(t, harness, 50);
    // Our own long turn is over; only now does the event loop look at the link.
    harness.san.endConnect(harness.san.last, 0, OFFER_BYTES);
    await turns();
    assert.deepEqual(program.answers, ['established']);
  });

  test('nothing is left ticking after an answer', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { harness, program } = connecting();
    harness.san.endConnect(harness.san.last, 0, OFFER_BYTES);
    await turns();
    pass(t, harness, 1000);
    await turns();
    assert.deepEqual(program.answers, ['established']);
  });

  test('timers that the program falsifies later are not ours', async (t) => {
    const { setImmediate: trueImmediate } = globalThis;
    const harness = startHarness(undefined, { connectTimeoutMs: 1 });
    t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
    const { program } = connecting(harness);
    harness.clockMs += 1;
    while (program.answers.length === 0) await new Promise((resolve) => trueImmediate(resolve));
    assert.deepEqual(program.answers, ['fallback listener-busy']);
  });

  test('each has its own end, with one timer for all', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { harness, program: first } = connecting();
    pass(t, harness, 20);
    const { program: second } = connecting(harness);
    const { program: third } = connecting(harness);
    second.attempt?.cancel();
    pass(t, harness, 30);
    await turns();
    assert.deepEqual([first.answers.length, third.answers.length], [1, 0]);
    pass(t, harness, 19);
    await turns();
    assert.equal(third.answers.length, 0);
    pass(t, harness, 1);
    await turns();
    assert.deepEqual(third.answers, ['fallback listener-busy']);
    assert.deepEqual(second.answers, []);
    const { program: fourth } = connecting(harness);
    pass(t, harness, 50);
    await turns();
    assert.deepEqual(fourth.answers, ['fallback listener-busy']);
  });

  test('the timer that all share is in nobody’s async context', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const harness = startHarness();
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    for (const name of ['first', 'second']) {
      const { program } = storage.run(name, () => connecting(harness));
      program.onFallback = () => seen.push(storage.getStore());
      pass(t, harness, 10);
    }
    pass(t, harness, 50);
    await turns();
    assert.deepEqual(seen, [undefined, undefined]);
  });

  test('a busy listener is not remembered', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { harness } = connecting();
    pass(t, harness, 50);
    await turns();
    connecting(harness);
  });
});

describe('cancel (CONN-15, BLOCK-3)', () => {
  test('closes the companion at once, and no answer follows', async () => {
    const { harness, program } = connecting();
    const socket = harness.san.last;
    program.attempt?.cancel();
    assert.equal(socket.closed, true);
    program.attempt?.cancel();
    await turns();
    assert.deepEqual(program.answers, []);
    assert.equal(harness.san.takeLog().filter((call) => call === 'WSPCloseSocket').length, 1);
  });

  test('also between the event and what follows from it', async () => {
    const { harness, program } = connecting();
    harness.san.endConnect(harness.san.last, 0, OFFER_BYTES);
    program.attempt?.cancel();
    await turns();
    assert.deepEqual(program.answers, []);
    assert.equal(harness.san.open.length, 0);
  });

  test('after the connection is there, it does nothing', async () => {
    const { harness, program } = connecting();
    harness.san.endConnect(harness.san.last, 0, OFFER_BYTES);
    await turns();
    program.attempt?.cancel();
    assert.equal(harness.san.open.length, 1);
  });
});

describe('which destinations (CONN-1, SOCK-4, SW-25, SW-30, TC-6)', () => {
  const go = (address: string, prepare: (harness: ReturnType<typeof startHarness>) => void = () => undefined) => {
    const harness = startHarness();
    prepare(harness);
    const remote = address.includes(':') ? v6(address, 80) : v4(address, 80);
    const program = new Program().connect(harness.sw, remote);
    program.attempt?.cancel();
    return { program, log: harness.san.takeLog(), harness };
  };

  test('an address of this host', () => assert.ok(go('10.0.0.5').program.attempt));
  test('all of 127.0.0.0/8', () => assert.ok(go('127.4.5.6').log.includes('WSPConnect 127.4.5.6:80')));
  test('an IPv4-mapped one, as IPv4; the TCP socket is bound in its own family', () => {
    const { log } = go('::ffff:127.0.0.1');
    assert.ok(log.includes('WSPConnect 127.0.0.1:80'));
    assert.equal(log[0], 'tcp WSPBind ::ffff:127.0.0.1:0');
  });
  test('IPv6, in any spelling', () => {
    const { log } = go('0:0:0:0:0:0:0:1', ({ san, base }) => {
      san.addresses.push(v6('::1', 0));
      base.changeAddresses();
    });
    assert.ok(log.includes(`WSPSocket ${AF_INET6}`));
    assert.ok(log.includes('WSPConnect ::1:80'));
  });
  test('0.0.0.0 and :: mean this host', () => {
    assert.ok(go('0.0.0.0').log.includes('WSPConnect 127.0.0.1:80'));
    const { log } = go('::', ({ san, base }) => {
      san.addresses.push(v6('::1', 0));
      base.changeAddresses();
    });
    assert.ok(log.includes('WSPConnect ::1:80'));
  });

  const stays: [
    title: string,
    address: string,
    reason: string,
    prepare?: (harness: ReturnType<typeof startHarness>) => void,
  ][] = [
    ['another host', '8.8.8.8', 'not-local'],
    ['what is no address', 'fe80::zz', 'not-local'],
    ['a link-local address', 'fe80::1', 'not-local', ({ san }) => san.addresses.push(v6('fe80::1', 0))],
    [
      'what the routing table does not call local',
      '10.0.0.5',
      'not-local',
      ({ base }) => base.routes.set('10.0.0.5', { local: false, source: '10.0.0.5' }),
    ],
    ['what has no route', '10.0.0.5', 'not-local', ({ base }) => base.routes.set('10.0.0.5', null)],
    ['what a rule excludes', '10.0.0.5', 'excluded', ({ excluded }) => excluded.add('10.0.0.5:80 connect')],
  ];
  for (const [title, address, reason, prepare] of stays) {
    test(`${title} stays on TCP at once, untouched: ${reason}`, () => {
      const { program, log, harness } = go(address, prepare);
      assert.equal(program.reason, reason);
      assert.deepEqual(log, []);
      assert.deepEqual(program.answers, []);
      assert.deepEqual(harness.events, [`tcp ${reason} ${address}:80`]);
    });
  }

  test('port 0 stays on TCP, which knows what to say', () => {
    assert.equal(new Program().connect(startHarness().sw, v4('127.0.0.1', 0)).reason, 'not-local');
  });
});

describe('a socket that the program has bound', () => {
  test('keeps its name; nothing is bound again', () => {
    const harness = startHarness();
    new Program().connect(harness.sw, PEER, v4('10.0.0.5', 1234)).attempt?.cancel();
    assert.deepEqual(harness.san.takeLog().slice(0, 2), ['WSPSocket 2', 'WSPBind 10.0.0.5:1234']);
  });

  test('to the wildcard gets the address that TCP would connect from (SOCK-12)', () => {
    const harness = startHarness();
    harness.base.routes.set('10.0.0.5', { local: true, source: '10.0.0.5' });
    new Program().connect(harness.sw, v4('10.0.0.5', 80), v4('0.0.0.0', 1234)).attempt?.cancel();
    assert.deepEqual(harness.san.takeLog()[1], 'WSPBind 10.0.0.5:1234');
  });

  test('and the wildcard as destination is the address it is bound to', () => {
    const harness = startHarness();
    new Program().connect(harness.sw, v4('0.0.0.0', 80), v4('10.0.0.5', 1234)).attempt?.cancel();
    assert.ok(harness.san.takeLog().includes('WSPConnect 10.0.0.5:80'));
  });

  test('in vain, for the kernel refused the port, stays on TCP', () => {
    assert.equal(new Program().connect(startHarness().sw, PEER, v4('127.0.0.1', 0)).reason, 'bind-failed');
  });

  test('in another family than the destination’s stays on TCP', () => {
    const remote = v6('::ffff:127.0.0.1', 80);
    assert.equal(new Program().connect(startHarness().sw, remote, v6('::1', 1234)).reason, 'not-local');
  });
});

test('a dual-stack socket shows IPv4-mapped names', async () => {
  const harness = startHarness();
  const program = new Program().connect(harness.sw, v6('::ffff:127.0.0.1', 80));
  harness.san.endConnect(harness.san.last, 0, OFFER_BYTES);
  await turns();
  assert.equal(program.connection?.local.sin_addr, '::ffff:127.0.0.1');
  assert.equal(program.connection.remote.sin_addr, '::ffff:127.0.0.1');
  assert.equal(program.connection.remote.sa_family, AF_INET6);
});

test('routes are asked for once a second and destination, and anew after a change', () => {
  const harness = startHarness();
  const connect = () => new Program().connect(harness.sw, PEER).attempt?.cancel();
  connect();
  connect();
  assert.equal(harness.base.routeQueries, 1);
  harness.clockMs += 1001;
  connect();
  assert.equal(harness.base.routeQueries, 2);
  harness.base.changeAddresses();
  connect();
  assert.equal(harness.base.routeQueries, 3);
});

test('after establishment there is no way back: the program sees the error (SOCK-17, ERR-8)', async () => {
  const { harness, program } = connecting();
  harness.san.endConnect(harness.san.last, 0, OFFER_BYTES);
  await turns();
  const resets: number[] = [];
  assert.ok(program.connection);
  program.connection.session.user = {
    onData: () => undefined,
    onEnd: () => undefined,
    onReset: (error) => resets.push(error),
    onWritten: () => undefined,
    onShutdown: () => undefined,
    takeUnsent: () => null,
  };
  program.connection.session.startReading();
  program.connection.session.write(Buffer.from('never read'));
  harness.san.last.receiver?.onDisconnect(WSAECONNRESET);
  await turns();
  assert.deepEqual(program.answers, ['established']);
  assert.equal(resets.length, 1);
});

test('a session that cannot be attached falls back: link-failed', async () => {
  const { harness, program } = connecting();
  harness.san.fail.set('SdpSetReceiver', WSAENOTCONN);
  harness.san.endConnect(harness.san.last, 0, OFFER_BYTES);
  await turns();
  assert.deepEqual(program.answers, ['fallback link-failed']);
  assert.equal(harness.san.open.length, 0);
  assert.deepEqual(
    harness.events,
    ['tcp link-failed 127.0.0.1:8080'],
    'a connection that never was is not closed either',
  );
});
