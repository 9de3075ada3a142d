/** Handing a connected socket to another process (DUP-18 … DUP-33, OBS-38 … OBS-42): three providers, one of them remote. */
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import {
  AF_INET,
  createEvent,
  createNetworkEvents,
  createOverlapped,
  FD_CONNECT,
  FD_CONNECT_BIT,
  IPPROTO_TCP,
  makeProtocolInfo,
  SO_SD_DUPLICATION,
  SOCK_STREAM,
  SOL_SOCKET,
  WSA_FLAG_OVERLAPPED,
  WSA_IO_PENDING,
  WSAECONNABORTED,
  WSAENETDOWN,
  WSAENOTCONN,
  WSAENOTSOCK,
  type WSAPROTOCOL_INFOW,
  WSAEWOULDBLOCK,
} from '../../../src/spi/index.js';
import { until } from '../../support/until.js';
import { MiniSwitch, Recorder } from './support/mini-switch.js';

const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

class Duplicated extends Recorder {
  readonly duplicated: number[] = [];
  onDuplicated(error: number): void {
    this.duplicated.push(error);
  }
}

function emptyInfo(): WSAPROTOCOL_INFOW {
  return makeProtocolInfo({ ProviderId: '00000000-0000-0000-0000-000000000000', szProtocol: '', dwServiceFlags1: 0 });
}

/** `remote` accepted what `owner` connected; `other` has nothing yet. */
async function three(t: TestContext) {
  const remote = new MiniSwitch();
  const owner = new MiniSwitch();
  const other = new MiniSwitch();
  let accepted = -1;
  const { tcp, port } = await remote.listen((s) => (accepted = s));
  const { s, code } = await owner.connect(port);
  assert.equal(code, 0);
  await until(() => accepted >= 0, 'the accept');
  t.after(() => {
    tcp.close();
    for (const end of [owner, other, remote]) end.proc.lpWSPCleanup(end.errno);
  });
  return { remote, owner, other, s, accepted };
}

function duplicate(owner: MiniSwitch, s: number, pid = process.pid): { result: number; info: WSAPROTOCOL_INFOW } {
  const info = emptyInfo();
  return { result: owner.proc.lpWSPDuplicateSocket(s, pid, info, owner.errno), info };
}

/** WSPSocket with the token, and what FD_CONNECT says of it; a code without a socket is WSPSocket's own. */
async function attach(other: MiniSwitch, info: WSAPROTOCOL_INFOW): Promise<{ s: number; code: number }> {
  const { proc, errno } = other;
  const s = proc.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, info, 0, WSA_FLAG_OVERLAPPED, errno);
  if (s < 0) return { s, code: errno.value };
  const event = createEvent();
  const record = createNetworkEvents();
  const set = new Promise<void>((resolve) => (event.onSet = resolve));
  assert.equal(proc.lpWSPEventSelect(s, event, FD_CONNECT, errno), 0);
  await set;
  proc.lpWSPEnumNetworkEvents(s, event, record, errno);
  return { s, code: record.iErrorCode[FD_CONNECT_BIT] };
}

void test('a connection goes to another process: its remote end keeps its socket and its switch hears nothing (SOCK-11, DUP-18, DUP-22, DUP-24, DUP-25, DUP-29, DUP-30, OBS-39, OBS-40)', async (t) => {
  const { remote, owner, other, s, accepted } = await three(t);
  const before = remote.record(accepted);
  const old = new Duplicated();
  owner.owned.SdpSetReceiver(s, old, owner.errno);
  assert.equal(owner.send(s, Buffer.from('one')), 0);
  await until(() => before.messages.length === 1, 'the first message');
  remote.owned.SdpSetConsumed(accepted, 3);
  const { result, info } = duplicate(owner, s);
  assert.equal(result, 0);
  assert.ok(info.dwProviderReserved > 0 && info.dwProviderReserved < 2 ** 32);
  await until(() => old.duplicated.length === 1, 'the answer');
  assert.deepEqual(old.duplicated, [0]);
  assert.equal(owner.send(s, Buffer.from('x')), WSAENOTCONN); // DUP-21
  assert.equal(remote.send(accepted, Buffer.from('x')), WSAEWOULDBLOCK);
  remote.owned.SdpSetConsumed(accepted, 5);
  const { s: now, code } = await attach(other, info);
  assert.equal(code, 0);
  assert.equal(other.owned.SdpPeerConsumed(now), 5); // the counter goes on where it was
  const fresh = other.record(now);
  assert.equal(other.send(now, Buffer.from('two')), 0);
  await until(() => before.messages.length === 2, 'a message from the new process');
  assert.equal(remote.send(accepted, Buffer.from('three')), 0);
  await until(() => fresh.messages.length === 1, 'a message to the new process');
  assert.deepEqual(before.messages.map(String), ['one', 'two']);
  assert.deepEqual([before.ends, old.ends, old.messages], [[], [], []]);
  // The old owner has nothing to do with it any more.
  assert.equal(owner.proc.lpWSPCloseSocket(s, owner.errno), 0);
  assert.equal(owner.proc.lpWSPCloseSocket(s, owner.errno), -1);
  assert.equal(owner.errno.value, WSAENOTSOCK);
  owner.proc.lpWSPCleanup(owner.errno);
  assert.equal(other.send(now, Buffer.from('four')), 0);
  await until(() => before.messages.length === 3, 'a message after the owner has gone');
  // Its end is an ordinary one.
  other.proc.lpWSPCloseSocket(now, other.errno);
  await until(() => before.ends.length === 1, 'the end');
  assert.deepEqual(before.ends, [0]);
});

void test('what the owner and the remote end have posted ends with success and no byte, or stays posted (DUP-15, DUP-19, DUP-20, OBS-39, OBS-40)', async (t) => {
  const { remote, owner, other, s, accepted } = await three(t);
  const post = (end: MiniSwitch, at: number) => {
    const overlapped = createOverlapped();
    const buf = Buffer.alloc(64);
    const result = end.proc.lpWSPRecv(
      at,
      [{ len: 64, buf }],
      1,
      { value: 0 },
      { value: 0 },
      overlapped,
      null,
      null,
      end.errno,
    );
    assert.equal(result === 0 ? 0 : end.errno.value, WSA_IO_PENDING);
    return { overlapped, buf };
  };
  const mine = post(owner, s);
  const theirs = post(remote, accepted);
  const { info } = duplicate(owner, s);
  await until(() => owner.completed.length === 1, 'the end of the posted receive');
  assert.deepEqual([owner.completed[0]?.overlapped, owner.completed[0]?.error], [mine.overlapped, 0]);
  assert.equal(mine.overlapped.InternalHigh, 0);
  assert.equal(remote.completed.length, 0);
  const { s: now, code } = await attach(other, info);
  assert.equal(code, 0);
  assert.equal(other.send(now, Buffer.from('late')), 0);
  await until(() => remote.completed.length === 1, 'the remote end’s receive');
  assert.deepEqual([remote.completed[0]?.overlapped, remote.completed[0]?.error], [theirs.overlapped, 0]);
  assert.equal(theirs.buf.toString('utf8', 0, 4), 'late');
});

void test('a token is good for the named process alone, and once (DUP-22)', async (t) => {
  const { remote, owner, other, s, accepted } = await three(t);
  const recorder = remote.record(accepted);
  const { info } = duplicate(owner, s, process.pid + 1);
  await until(() => remote.send(accepted, Buffer.from('x')) === WSAEWOULDBLOCK, 'the detached socket');
  const stranger = await attach(other, info);
  assert.notEqual(stranger.code, 0);
  if (stranger.s >= 0) other.proc.lpWSPCloseSocket(stranger.s, other.errno);
  assert.deepEqual(recorder.ends, []);
  const unknown = { ...info, dwProviderReserved: (info.dwProviderReserved ^ 1) >>> 0 };
  assert.deepEqual(await attach(other, unknown), { s: -1, code: WSAENETDOWN });
  // Nobody comes: the remote end is told in bounded time (DUP-35, OBS-42).
  await until(() => recorder.ends.length === 1, 'the end of the wait');
  assert.deepEqual(recorder.ends, [WSAECONNABORTED]);
  assert.deepEqual(await attach(other, info), { s: -1, code: WSAENETDOWN });
});

void test('the remote end refuses where it cannot listen, and everything is as before (DUP-35)', async (t) => {
  const { remote, owner, s, accepted } = await three(t);
  const theirs = remote.record(accepted);
  const old = new Duplicated();
  owner.owned.SdpSetReceiver(s, old, owner.errno);
  // Process 0 is nobody that the remote end could tell from others.
  assert.equal(duplicate(owner, s, 0).result, 0);
  await until(() => old.duplicated.length === 1, 'the refusal');
  assert.deepEqual(old.duplicated, [WSAENETDOWN]);
  assert.equal(owner.send(s, Buffer.from('still here')), 0);
  await until(() => theirs.messages.length === 1, 'a message afterwards');
});

void test('either end may close while the hand-over is under way (DUP-33, DUP-35)', async (t) => {
  const first = await three(t);
  const old = new Duplicated();
  first.owner.owned.SdpSetReceiver(first.s, old, first.owner.errno);
  duplicate(first.owner, first.s);
  first.remote.proc.lpWSPCloseSocket(first.accepted, first.remote.errno);
  await until(() => old.ends.length === 1, 'the end at the owner');
  assert.deepEqual([old.ends, old.duplicated], [[0], []]);

  const second = await three(t);
  const theirs = second.remote.record(second.accepted);
  const { info } = duplicate(second.owner, second.s);
  second.owner.proc.lpWSPCloseSocket(second.s, second.owner.errno);
  // The remote end may have been told of both: then it waits for who has the token, if anybody.
  await until(() => second.remote.send(second.accepted, Buffer.from('x')) === WSAEWOULDBLOCK, 'the detached socket');
  const { s: now, code } = await attach(second.other, info);
  assert.equal(code, 0);
  second.other.proc.lpWSPCloseSocket(now, second.other.errno);
  await until(() => theirs.ends.length === 1, 'the end at the remote end');

  // Detached and closed: who attaches then finds nobody.
  const third = await three(t);
  const owner = new Duplicated();
  third.owner.owned.SdpSetReceiver(third.s, owner, third.owner.errno);
  const given = duplicate(third.owner, third.s).info;
  await until(() => owner.duplicated.length === 1, 'the answer');
  third.remote.proc.lpWSPCloseSocket(third.accepted, third.remote.errno);
  assert.deepEqual(await attach(third.other, given), { s: -1, code: WSAENETDOWN });
});

void test('a lost link ends a hand-over with an error (DUP-36)', async (t) => {
  const { remote, owner, s } = await three(t);
  const old = new Duplicated();
  owner.owned.SdpSetReceiver(s, old, owner.errno);
  duplicate(owner, s);
  remote.proc.lpWSPCleanup(remote.errno);
  await until(() => old.ends.length + old.duplicated.length === 1, 'the end');
  assert.equal(old.ends.length === 1 || old.duplicated[0] === 0, true);
});

void test('only a connected socket can be duplicated; the provider says that it can (DUP-9, DUP-23, ERR-16, OBS-41)', () => {
  const end = new MiniSwitch();
  const { proc, errno } = end;
  const s = proc.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, errno);
  assert.equal(proc.lpWSPDuplicateSocket(s, process.pid, emptyInfo(), errno), -1);
  assert.equal(errno.value, WSAENOTCONN);
  assert.equal(proc.lpWSPDuplicateSocket(s + 1, process.pid, emptyInfo(), errno), -1);
  assert.equal(errno.value, WSAENOTSOCK);
  const value = { value: 0 };
  assert.equal(proc.lpWSPGetSockOpt(s, SOL_SOCKET, SO_SD_DUPLICATION, value, { value: 4 }, errno), 0);
  assert.equal(value.value, 1);
  proc.lpWSPCleanup(errno);
});

void test('a peer cannot make it wait for any number of processes (D5)', async (t) => {
  const { remote, owner } = await three(t);
  const accepted: number[] = [];
  const { tcp, port } = await remote.listen((s) => void accepted.push(s));
  t.after(() => tcp.close());
  const answers: Duplicated[] = [];
  for (let i = 0; i < 70; i++) {
    const { s, code } = await owner.connect(port);
    assert.equal(code, 0);
    const receiver = new Duplicated();
    owner.owned.SdpSetReceiver(s, receiver, owner.errno);
    assert.equal(duplicate(owner, s).result, 0);
    answers.push(receiver);
  }
  await until(() => answers.every(({ duplicated }) => duplicated.length === 1), 'all answers');
  const codes = answers.map(({ duplicated }) => duplicated[0]);
  assert.deepEqual([codes.filter((code) => code === 0).length, codes.slice(64)], [64, new Array(6).fill(WSAENETDOWN)]);
});
