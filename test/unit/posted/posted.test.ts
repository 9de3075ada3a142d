// Posted receive over the loopback provider, on virtual time: what a session sees, and what the provider is asked.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LoopbackNetworkOptions } from '../../../src/providers/loopback/index.js';
import {
  completeOperation,
  Operation,
  POSTED_BUFFER_BYTES,
  POSTED_BUFFERS,
  PostedReceive,
} from '../../../src/session/index.js';
import { encodeHeader, SESSION_HEADER_BYTES } from '../../../src/session/wire.js';
import {
  OVERLAPPED_POLL,
  RUN_BEFORE,
  RUN_STOP,
  RUN_VIOLATION,
  SOCKET_ERROR,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  type WSAOVERLAPPED,
  WSAECONNRESET,
  WSAEMSGSIZE,
  WSAENETDOWN,
  WSAENOBUFS,
  WSAEWOULDBLOCK,
} from '../../../src/spi/index.js';
import { connected, type Host, makeWorld, Recorder, type World } from '../loopback/host.js';

const LIMIT = 100_000;

interface End {
  readonly host: Host;
  readonly s: number;
  readonly posted: PostedReceive;
  readonly recorder: Recorder;
}

function endOf(world: World, host: Host, s: number): End {
  const { clock } = world;
  const { setImmediate, setTimeout } = clock;
  // Whoever looks at the clock over and over is busy meanwhile.
  const now = (): number => {
    clock.pass(1);
    return clock.now();
  };
  const posted = new PostedReceive(host.proc, host.extensions, { setImmediate, setTimeout, now });
  host.onCompletion = ({ overlapped }) => void completeOperation(overlapped);
  return { host, s, posted, recorder: new Recorder() };
}

/** Two ends that are ready; nothing has been sent. */
function pair(options: LoopbackNetworkOptions = { seed: 1 }): { world: World; a: End; b: End } {
  const world = makeWorld(options);
  const { a, b, sa, sb } = connected(world);
  const ends = { world, a: endOf(world, a, sa), b: endOf(world, b, sb) };
  for (const end of [ends.a, ends.b]) assert.equal(attach(end), 0);
  return ends;
}

function attach(end: End): number {
  return end.posted.receive.SdpSetReceiver(end.s, end.recorder, end.host.errno) === 0 ? 0 : end.host.errno.value;
}

/** 0, or the code. */
function send(end: End, what: string | Uint8Array, overlapped: WSAOVERLAPPED | null = null): number {
  const buf = Buffer.from(what);
  const { errno } = end.host;
  const { lpWSPSend } = end.posted.procs;
  const buffers = [{ len: buf.length, buf }];
  return lpWSPSend(end.s, buffers, 1, { value: 0 }, 0, overlapped, null, null, errno) === 0 ? 0 : errno.value;
}

class Ended extends Operation {
  readonly ends: number[] = [];
  onComplete(error: number): void {
    this.ends.push(error);
  }
}

const words = (end: End): string[] => end.recorder.messages.filter((message) => message !== '|');

describe('a socket with posted buffers', () => {
  it('registers two regions and posts its receives before anything is said (SESS-3, SESS-11, SESS-12)', () => {
    const { a } = pair();
    const { registrations, receives } = a.host.provider.inventory();
    assert.deepEqual([registrations, receives], [2, POSTED_BUFFERS]);
  });

  it('a message is copied when WSPSend returns, and comes as a view (XFER-16, SESS-13)', () => {
    const { world, a, b } = pair();
    const bytes = Buffer.from('hello');
    const { lpWSPSend } = a.posted.procs;
    const parts = [
      { len: 2, buf: bytes },
      { len: 3, buf: bytes.subarray(2) },
    ];
    assert.equal(lpWSPSend(a.s, parts, 2, { value: 0 }, 0, null, null, null, a.host.errno), 0);
    bytes.fill(0);
    world.clock.run(LIMIT);
    assert.deepEqual(b.recorder.messages, ['hello', '|']);
  });

  it('buffers are posted again at once, whatever the receiver does with what came (SESS-14, SESS-4)', () => {
    const { world, a, b } = pair();
    for (let i = 0; i < 5 * POSTED_BUFFERS; i++) {
      assert.equal(send(a, String(i)), 0);
      world.clock.run(LIMIT);
    }
    assert.deepEqual(
      words(b),
      Array.from({ length: 5 * POSTED_BUFFERS }, (_, i) => String(i)),
    );
    assert.equal(b.host.provider.inventory().receives, POSTED_BUFFERS);
  });

  it('a run ends where the receiver says, and goes on with the message it did not take', () => {
    const { world, a, b } = pair({ seed: 1, faults: { delayTicksMax: 0 } });
    const answers = [0, RUN_STOP, 0, RUN_BEFORE, 0, 0];
    const { onMessage } = b.recorder;
    b.recorder.onMessage = (memory, offset, length) => {
      const answer = answers.shift() ?? 0;
      if (answer !== RUN_BEFORE) onMessage.call(b.recorder, memory, offset, length);
      return answer;
    };
    for (const word of ['1', '2', '3', '4', '5']) send(a, word);
    world.clock.run(LIMIT);
    assert.deepEqual(b.recorder.messages, ['1', '2', '|', '3', '|', '4', '5', '|']);
  });

  it('without a free buffer a send waits, or fails with WSAEWOULDBLOCK; then all goes in order (XFER-21)', () => {
    const { world, a, b } = pair();
    const expected: string[] = [];
    for (let i = 0; i < POSTED_BUFFERS; i++) {
      assert.equal(send(a, String(i)), 0);
      expected.push(String(i));
    }
    // Looking at the transport may free one; nothing else does.
    let more = 0;
    while (send(a, `more ${more}`) === 0) expected.push(`more ${more++}`);
    const waiting = new Ended();
    const second = new Ended();
    assert.equal(send(a, 'waits', waiting), WSA_IO_PENDING);
    assert.equal(send(a, 'too', null), WSAEWOULDBLOCK, 'nothing overtakes it');
    assert.equal(send(a, 'as well', second), WSA_IO_PENDING);
    assert.deepEqual(waiting.ends, []);
    world.clock.run(LIMIT);
    assert.deepEqual([waiting.ends, second.ends], [[0], [0]]);
    assert.deepEqual(words(b), [...expected, 'waits', 'as well']);
    assert.equal(send(a, new Uint8Array(POSTED_BUFFER_BYTES + 1)), WSAEMSGSIZE);
  });

  it('sends are polled but for two of a pool, and all buffers come back (XFER-22, XFER-24)', () => {
    const { world, a } = pair();
    const modes: number[] = [];
    const { lpWSPSend } = a.host.proc;
    const spied = endOf(world, a.host, a.s);
    Object.assign(spied.posted.provider, {
      lpWSPSend: (...args: Parameters<typeof lpWSPSend>) => {
        modes.push(args[5]!.hEvent & OVERLAPPED_POLL);
        return lpWSPSend(...args);
      },
    });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < POSTED_BUFFERS; i++) assert.equal(send(a, 'x'), 0);
      world.clock.run(LIMIT);
    }
    assert.equal(modes.length, 3 * POSTED_BUFFERS);
    assert.equal(modes.filter((mode) => mode === 0).length, 6);
  });

  it('what came before a receiver was there, or behind one that has gone, is kept (SESS-6)', () => {
    const { world, a, b } = pair();
    assert.equal(b.posted.receive.SdpSetReceiver(b.s, null, b.host.errno), 0);
    send(a, 'one');
    send(a, 'two');
    world.clock.run(LIMIT);
    assert.deepEqual(words(b), []);
    assert.equal(attach(b), 0);
    assert.deepEqual(words(b), [], 'never from inside');
    world.clock.run(LIMIT);
    assert.deepEqual(words(b), ['one', 'two']);
  });

  it('knows what the peer had consumed from its last message (GAP-3)', () => {
    const { world, a, b } = pair();
    const header = new Uint8Array(SESSION_HEADER_BYTES);
    encodeHeader(header, 3, 0, 0, 0, 4711);
    send(a, header);
    world.clock.run(LIMIT);
    assert.equal(b.posted.receive.SdpPeerConsumed(b.s), 4711);
    assert.equal(b.posted.receive.SdpPeerConsumed(99), 0);
    assert.equal(b.posted.receive.SdpPeerOf(b.s), null);
  });
});

describe('the end of a socket with posted buffers', () => {
  const empty = { sockets: 1, registrations: 0, receives: 0, requests: 0, early: 0 };

  it('closing lets go out what was sent, then closes and leaves nothing (CLOSE-12, MEM-18)', () => {
    const { world, a, b } = pair({ seed: 4, faults: { delayTicksMax: 40 } });
    for (let i = 0; i < POSTED_BUFFERS; i++) assert.equal(send(a, String(i)), 0);
    const waiting = new Ended();
    send(a, 'is not sent', waiting);
    assert.equal(a.posted.procs.lpWSPCloseSocket(a.s, a.host.errno), 0);
    assert.deepEqual(waiting.ends, [WSA_OPERATION_ABORTED]);
    assert.equal(send(a, 'late'), WSAECONNRESET);
    world.clock.run(LIMIT);
    assert.deepEqual(
      words(b),
      Array.from({ length: POSTED_BUFFERS }, (_, i) => String(i)),
    );
    assert.deepEqual(b.recorder.ends, [0], 'after everything that came');
    assert.equal(a.host.provider.inventory().sockets, 0);
    b.posted.procs.lpWSPCloseSocket(b.s, b.host.errno);
    world.clock.run(LIMIT);
    assert.deepEqual(b.host.provider.inventory(), empty, 'the listener is left');
  });

  it('a socket whose sends never end is closed after ten seconds all the same', () => {
    const { world, a } = pair();
    a.posted.provider.lpWSPGetOverlappedResult = (_s, _o, _b, _w, _f, lpErrno) => {
      lpErrno.value = 996; // WSA_IO_INCOMPLETE
      return false;
    };
    send(a, 'x');
    a.posted.procs.lpWSPCloseSocket(a.s, a.host.errno);
    const begun = world.clock.now();
    world.clock.run(LIMIT);
    assert.equal(a.host.provider.inventory().sockets, 0);
    assert.ok(world.clock.now() - begun >= 10_000);
  });

  it('a message that could not be sent ends the stream: nothing follows the gap', () => {
    const { world, a, b } = pair();
    send(a, 'before');
    world.network.faults = { ...world.network.faults, postNetDown: 1_000_000 };
    assert.equal(send(a, 'lost'), WSAENETDOWN);
    world.network.faults = { ...world.network.faults, postNetDown: 0 };
    assert.equal(send(a, 'behind'), WSAECONNRESET);
    world.clock.run(LIMIT);
    assert.deepEqual([words(b), a.recorder.ends], [['before'], [0]]);
  });

  it('a broken connection ends waiting sends, delivers what came, and is told once', () => {
    const { world, a, b } = pair();
    for (let i = 0; i < POSTED_BUFFERS; i++) send(a, 'x');
    const waiting = new Ended();
    while (send(a, 'x') === 0);
    send(a, 'waits', waiting);
    world.network.faults = { ...world.network.faults, connectionLost: 1_000_000 };
    world.clock.run(LIMIT);
    assert.deepEqual([waiting.ends, a.recorder.ends, b.recorder.ends], [[WSAECONNRESET], [0], [0]]);
  });

  it('nonsense from the peer ends it', () => {
    const { world, a, b } = pair();
    b.recorder.answer = RUN_VIOLATION;
    send(a, 'nonsense');
    send(a, 'more');
    world.clock.run(LIMIT);
    assert.deepEqual([words(b), b.recorder.ends], [['nonsense'], [0]]);
  });

  it('memory that cannot be registered, receives that cannot be posted: refused, and nothing is left (XFER-15)', () => {
    for (const fault of ['registerNoBuffers', 'postNetDown'] as const) {
      const world = makeWorld();
      const { a, sa } = connected(world);
      const end = endOf(world, a, sa);
      world.network.faults = { ...world.network.faults, [fault]: 1_000_000 };
      assert.equal(attach(end), fault === 'registerNoBuffers' ? WSAENOBUFS : WSAENETDOWN);
      assert.equal(a.provider.inventory().registrations, 0);
      assert.equal(send(end, 'x'), 10057, 'WSAENOTCONN');
      assert.equal(end.posted.procs.lpWSPCloseSocket(sa, a.errno), 0);
      assert.equal(end.posted.procs.lpWSPCloseSocket(sa, a.errno), SOCKET_ERROR);
    }
  });

  it('a process that exits gets out what it has written, as far as its time allows (D7)', () => {
    const { world, a, b } = pair();
    const count = 5 * POSTED_BUFFERS;
    const waiting = new Ended();
    const expected: string[] = [];
    for (let i = 0; i < POSTED_BUFFERS; i++) {
      send(a, String(i));
      expected.push(String(i));
    }
    while (send(a, 'x') === 0) expected.push('x');
    send(a, 'waits', waiting);
    expected.push('waits');
    a.posted.receive.SdpBeginExit();
    for (let i = 0; i < count; i++) {
      assert.equal(send(a, `exit ${i}`), 0, 'nothing waits any more');
      expected.push(`exit ${i}`);
    }
    a.posted.receive.SdpEndExit();
    a.host.provider.crash();
    world.clock.run(LIMIT);
    assert.deepEqual(words(b), expected);
    assert.deepEqual([waiting.ends, b.recorder.ends], [[], [0]]);
  });

  it('a socket that is closed already gets out what was sent on it, if the process exits then (D7, CLOSE-14)', () => {
    const { world, a, b } = pair({ seed: 2, faults: { delayTicksMax: 5 } });
    for (let i = 0; i < POSTED_BUFFERS; i++) assert.equal(send(a, String(i)), 0);
    a.posted.procs.lpWSPCloseSocket(a.s, a.host.errno);
    a.posted.receive.SdpBeginExit();
    a.posted.receive.SdpEndExit();
    a.host.provider.crash();
    world.clock.run(LIMIT);
    assert.equal(words(b).length, POSTED_BUFFERS);
  });
});
