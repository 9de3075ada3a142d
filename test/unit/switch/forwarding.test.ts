// What reaches a provider over a whole life of listeners and connections, and what never does: the call-routing matrix
// (reference 2.22). The provider records; the program has set every option there is.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  AF_INET,
  AF_INET6,
  FD_ACCEPT,
  FD_CONNECT,
  IPPROTO_TCP,
  SAN_GET_OPTIONS,
  SAN_SET_OPTIONS,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SO_DEBUG,
  SO_DONTROUTE,
  SO_GROUP_ID,
  SO_GROUP_PRIORITY,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_MAX_MSG_SIZE,
  SO_OOBINLINE,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_SNDTIMEO,
  SOCK_STREAM,
  WSA_FLAG_OVERLAPPED,
  WSA_IO_PENDING,
  WSAEADDRNOTAVAIL,
  XP1_CONNECT_DATA,
  XP1_QOS_SUPPORTED,
} from '../../../src/spi/index.js';
import { FakeSan } from './fake-san.js';
import {
  confirmMessage,
  type Harness,
  Listener,
  makeHarness,
  OFFER_BYTES,
  Program,
  turns,
  User,
  v4,
  v6,
} from './harness.js';

const EVERYTHING = [SO_DEBUG, SO_REUSEADDR, SO_KEEPALIVE, SO_DONTROUTE, SO_LINGER, SO_OOBINLINE, SO_SNDBUF, SO_RCVBUF];
const MORE = [SO_SNDTIMEO, SO_GROUP_ID, SO_GROUP_PRIORITY];
const PEER = v4('127.0.0.1', 8080);

/** Listeners, connects and accepts, with every end that they can have. */
async function life(san: FakeSan): Promise<Harness> {
  const harness = makeHarness(san);
  const { sw, base } = harness;
  for (const option of [...EVERYTHING, ...MORE]) base.options.set(option, 1);
  san.hint = () => true;
  sw.start();

  const listener = new Listener();
  const handle = sw.listen(listener.request(PEER));
  const companion = san.last;
  const six = sw.listen(new Listener().request(v6('::', 8081)));
  san.request(companion, OFFER_BYTES);
  san.deliver(san.last, confirmMessage());
  const user = new User(listener.connections[0]);
  listener.connections[0].session.write(Buffer.from('from the listener'));
  listener.eligible = false;
  san.request(companion, OFFER_BYTES);

  const program = new Program().connect(sw, PEER);
  const socket = san.last;
  san.endConnect(socket, 0, OFFER_BYTES);
  await turns();
  assert.ok(program.connection);
  const other = new User(program.connection);
  san.sendResult = WSA_IO_PENDING;
  program.connection.session.write(Buffer.from('data'));
  san.completeSends(0);
  san.sendResult = 0;
  program.connection.session.shutdown();
  await turns();
  assert.deepEqual(other.heard, ['written 0', 'shutdown 0']);

  const cancelled = new Program().connect(sw, PEER);
  cancelled.attempt?.cancel();
  const failed = new Program().connect(sw, v4('127.0.0.1', 8082));
  san.endConnect(san.last, WSAEADDRNOTAVAIL);
  await turns();
  assert.deepEqual(failed.answers, ['fallback no-companion']);

  base.changeAddresses();
  listener.connections[0].session.close();
  program.connection.session.reset();
  await turns();
  handle.close();
  six.close();
  sw.exit();
  sw.stop();
  assert.deepEqual(user.heard, []);
  return harness;
}

/** Options and codes of this project are outside the published ranges. */
const published = (numbers: Iterable<number>): number[] =>
  [...numbers].filter((number) => (number & 0xff00) !== 0x7f00 && number >>> 24 !== 0x98).sort((a, b) => a - b);

describe('over a life of connections', () => {
  test('options set: SO_DEBUG, and the group’s priority where there is QoS; no other (OPT-1, OPT-3, OPT-4, OPT-8, GAP-13)', async () => {
    const plain = new FakeSan();
    await life(plain);
    assert.deepEqual(published(plain.asked.set), [SO_DEBUG]);
    const qos = new FakeSan('qos', undefined, { dwServiceFlags1: XP1_CONNECT_DATA | XP1_QOS_SUPPORTED });
    await life(qos);
    assert.deepEqual(
      published(qos.asked.set),
      [...SAN_SET_OPTIONS].sort((a, b) => a - b),
    );
  });

  test('options got: those of the transport’s limits, and none beyond the six (OPT-1, OPT-2, OPT-5)', async () => {
    const san = new FakeSan();
    await life(san);
    const got = published(san.asked.get);
    assert.ok(got.includes(SO_MAX_MSG_SIZE));
    assert.deepEqual(
      got.filter((optname) => !SAN_GET_OPTIONS.includes(optname)),
      [],
    );
    assert.ok(!got.includes(SO_GROUP_ID) && !got.includes(SO_GROUP_PRIORITY), 'without QoS they are TCP/IP’s (OPT-8)');
  });

  test('control codes: extensions by GUID, and the address list (OPT-1, OPT-9, OPT-10, ADDR-10)', async () => {
    const san = new FakeSan();
    await life(san);
    assert.deepEqual(published(san.asked.ioctl), [SIO_ADDRESS_LIST_QUERY, SIO_GET_EXTENSION_FUNCTION_POINTER]);
  });

  test('events: FD_CONNECT and FD_ACCEPT; all other readiness is the switch’s own (SYNC-1, SYNC-3, SESS-16)', async () => {
    const san = new FakeSan();
    await life(san);
    assert.deepEqual(
      [...san.asked.events].sort((a, b) => a - b),
      [FD_ACCEPT, FD_CONNECT],
    );
  });

  test('sockets: streams over TCP, overlapped, of IP families; never raw (SOCK-9, SW-23, SW-24, XFER-33)', async () => {
    const san = new FakeSan();
    await life(san);
    assert.deepEqual([...san.asked.sockets], [`${SOCK_STREAM} ${IPPROTO_TCP} ${WSA_FLAG_OVERLAPPED}`]);
    const families = san.log.filter((call) => call.startsWith('WSPSocket')).map((call) => Number(call.split(' ')[1]));
    assert.deepEqual(
      [...new Set(families)].sort((a, b) => a - b),
      [AF_INET, AF_INET6],
    );
  });

  test('sends: without flags (XFER-29, OOB-4)', async () => {
    const san = new FakeSan();
    await life(san);
    assert.deepEqual([...san.asked.sendFlags], [0]);
  });

  test('none of the thirteen that a provider leaves null: no cancelling, no names, no shutdown, no select (SP-8, BLOCK-1, CLOSE-1, SW-26, TC-12, TC-13)', async () => {
    const san = new FakeSan();
    await life(san);
    assert.deepEqual(san.forbidden, []);
  });

  test('WSPConnect once per connect, and never after it is established (CONN-2, CONN-10)', async () => {
    const san = new FakeSan();
    await life(san);
    const connects = san.log.filter((call) => call.startsWith('WSPConnect'));
    assert.deepEqual(connects, ['WSPConnect 127.0.0.1:8080', 'WSPConnect 127.0.0.1:8080', 'WSPConnect 127.0.0.1:8082']);
  });

  test('each start has its clean-up, the provider’s before TCP/IP’s, and no socket is left (SP-11, SP-12, CLOSE-15)', async () => {
    const san = new FakeSan();
    await life(san);
    assert.equal(san.log.filter((call) => call === 'WSPStartupEx').length, 1);
    assert.equal(san.log.filter((call) => call === 'WSPCleanup').length, 1);
    assert.deepEqual(san.log.slice(-4), ['WSPCloseSocket', 'WSPCleanup', 'tcp WSPCloseSocket', 'tcp WSPCleanup']);
    assert.equal([...san.sockets.values()].filter(({ closed }) => !closed).length, 0);
  });
});

test('start and stop, again and again, are paired (SP-11, CLOSE-15)', () => {
  const harness = makeHarness();
  for (let round = 0; round < 3; round++) {
    harness.sw.start();
    harness.sw.start();
    assert.equal(harness.sw.snapshot().providers[0].started, true);
    harness.sw.stop();
    harness.sw.stop();
  }
  const count = (call: string): number => harness.san.log.filter((entry) => entry === call).length;
  assert.deepEqual([count('WSPStartupEx'), count('WSPCleanup')], [3, 3]);
  assert.deepEqual([count('tcp WSPStartupEx'), count('tcp WSPCleanup')], [3, 3]);
});
