// Session negotiation in messages, over a provider without connect data.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { decodeOffer, encodeOffer } from '../../../src/session/index.js';
import { MESSAGE_CONFIRM } from '../../../src/session/wire.js';
import { CF_ACCEPT, CF_REJECT, WSAECONNABORTED, WSAENOBUFS, XP1_GUARANTEED_DELIVERY } from '../../../src/spi/index.js';
import { decodeRefusal, encodeRefusal } from '../../../src/switch/refusal.js';
import { FakeSan } from './fake-san.js';
import { confirmMessage, Listener, OFFER_BYTES, Program, startHarness, turns, v4 } from './harness.js';

const PEER = v4('127.0.0.1', 8080);

const plain = (): FakeSan => new FakeSan('fake', undefined, { dwServiceFlags1: XP1_GUARANTEED_DELIVERY });

/** A connect whose transport is there, and whose offer is out. */
async function negotiating(prepare: (san: FakeSan) => void = () => undefined) {
  const san = plain();
  prepare(san);
  const harness = startHarness(san);
  const program = new Program().connect(harness.sw, PEER);
  assert.equal(program.reason, null);
  const socket = san.last;
  assert.deepEqual([socket.callerData.length, socket.calleeData], [0, null], 'OBS-27');
  san.takeLog();
  san.endConnect(socket, 0);
  await turns();
  return { san, harness, program, socket };
}

describe('the connecting side', () => {
  test('posts receives, then speaks first; the connect completes with the reply (SESS-2, SESS-10, CONN-8, CONN-9)', async () => {
    const { san, program, socket } = await negotiating();
    assert.deepEqual(san.takeLog(), ['WSPEnumNetworkEvents', 'SdpSetReceiver']);
    assert.equal(socket.sent.length, 1);
    assert.ok(socket.sent[0].length <= 256, 'SESS-5');
    assert.notEqual(typeof decodeOffer(socket.sent[0]), 'string');
    assert.deepEqual(program.answers, [], 'not before the reply');
    san.deliver(socket, OFFER_BYTES);
    assert.deepEqual(program.answers, ['established']);
    assert.equal(socket.sent[1]?.[0], MESSAGE_CONFIRM, 'D12');
  });

  test('a message behind the reply waits for the session', async () => {
    const { san, socket } = await negotiating();
    socket.receiver?.onMessage(OFFER_BYTES, 0, OFFER_BYTES.length);
    san.deliver(socket, confirmMessage());
    assert.equal(socket.kept.length, 1);
  });

  test('the words of a refusal mean TCP, with their reason (CONN-12)', async () => {
    const { san, program, socket } = await negotiating();
    const words = { len: 256, buf: new Uint8Array(256) };
    encodeRefusal('excluded', words);
    san.deliver(socket, words.buf.subarray(0, words.len));
    assert.deepEqual(program.answers, ['fallback excluded']);
    assert.equal(san.open.length, 0);
  });

  test('nonsense, too much of it, and a lost connection mean TCP as well', async () => {
    const nonsense = await negotiating();
    nonsense.san.deliver(nonsense.socket, new Uint8Array(100));
    assert.deepEqual(nonsense.program.answers, ['fallback protocol-mismatch']);
    const much = await negotiating();
    assert.equal(much.socket.receiver?.onMessage(new Uint8Array(257), 0, 257), 3, 'RUN_VIOLATION (SESS-5)');
    const lost = await negotiating();
    lost.socket.receiver?.onDisconnect(WSAECONNABORTED);
    assert.deepEqual(lost.program.answers, ['fallback link-failed']);
    for (const { san } of [nonsense, lost]) assert.equal(san.open.length, 0);
  });

  test('receives that cannot be posted mean TCP (XFER-15)', async () => {
    const { program, san } = await negotiating((fake) => fake.fail.set('SdpSetReceiver', WSAENOBUFS));
    assert.deepEqual(program.answers, ['fallback out-of-resources']);
    assert.equal(san.open.length, 0);
  });

  test('a peer that says nothing: TCP, in the time that a connect may take (D12)', async (t: TestContext) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { harness, program, san } = await negotiating();
    harness.clockMs += 50;
    t.mock.timers.tick(50);
    await turns();
    assert.deepEqual(program.answers, ['fallback listener-busy']);
    assert.equal(san.open.length, 0);
  });

  test('a connect that is given up hears nothing more (CONN-15)', async () => {
    const { program, san, socket } = await negotiating();
    const { receiver } = socket;
    program.attempt?.cancel();
    receiver?.onMessage(OFFER_BYTES, 0, OFFER_BYTES.length);
    receiver?.onRunEnd();
    receiver?.onDisconnect(0);
    assert.deepEqual(program.answers, []);
    assert.equal(san.open.length, 0);
  });
});

describe('the accepting side', () => {
  const accepting = (backlog = 511) => {
    const san = plain();
    const harness = startHarness(san);
    const listener = new Listener();
    const handle = harness.sw.listen(listener.request(PEER, backlog));
    const companion = san.last;
    return { san, harness, listener, handle, companion };
  };
  const refusalIn = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? null : decodeRefusal({ len: bytes.length, buf: bytes });

  test('posts receives before it replies; the program hears at the CONFIRM (SESS-3, D12)', () => {
    const { san, listener, companion } = accepting();
    san.takeLog();
    san.request(companion, new Uint8Array(0));
    assert.equal(companion.answers[0]?.code, CF_ACCEPT);
    assert.ok(san.takeLog().includes('SdpSetReceiver'));
    const accepted = san.last;
    assert.deepEqual(accepted.sent, []);
    san.deliver(accepted, OFFER_BYTES);
    assert.notEqual(typeof decodeOffer(accepted.sent[0]), 'string');
    assert.equal(listener.connections.length, 0);
    san.deliver(accepted, confirmMessage());
    assert.equal(listener.connections.length, 1);
    assert.deepEqual(listener.connections[0]?.remote, v4('127.0.0.1', 40000));
  });

  test('refuses with words, as a message, and closes', () => {
    const { san, harness, listener, companion } = accepting();
    harness.excluded.add('127.0.0.1:8080 accept');
    san.request(companion, new Uint8Array(0));
    san.deliver(san.last, OFFER_BYTES);
    assert.equal(refusalIn(san.last.sent[0]), 'excluded');
    assert.ok(san.last.closed);
    harness.excluded.clear();
    listener.eligible = false;
    san.request(companion, new Uint8Array(0));
    san.deliver(san.last, OFFER_BYTES);
    assert.equal(refusalIn(san.last.sent[0]), 'listener-refused');
    listener.eligible = true;
    san.request(companion, new Uint8Array(0));
    san.deliver(san.last, encodeOffer({ ...decoded(), version: 9 }));
    assert.equal(refusalIn(san.last.sent[0]), 'protocol-mismatch');
  });

  test('those that say nothing count against a backlog of their own, and give way after a while', () => {
    const { san, harness, companion } = accepting(2);
    for (let i = 0; i < 3; i++) san.request(companion, new Uint8Array(0));
    assert.deepEqual(
      companion.answers.map(({ code }) => code),
      [CF_ACCEPT, CF_ACCEPT, CF_REJECT],
    );
    harness.clockMs += 5000;
    san.request(companion, new Uint8Array(0));
    assert.equal(companion.answers[3]?.code, CF_ACCEPT);
    assert.equal(san.open.length, 1 + 2);
  });

  test('one that goes away, and a listener that is closed, leave nothing', () => {
    const { san, handle, companion } = accepting();
    san.request(companion, new Uint8Array(0));
    san.last.receiver?.onDisconnect(0);
    assert.ok(san.last.closed);
    san.request(companion, new Uint8Array(0));
    handle.close();
    assert.equal(san.open.length, 0);
  });
});

function decoded() {
  const offer = decodeOffer(OFFER_BYTES);
  assert.ok(typeof offer !== 'string');
  return offer;
}
