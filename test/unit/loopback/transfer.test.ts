import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createOverlapped,
  finishOverlapped,
  isComplete,
  MEM_READ,
  MEM_WRITE,
  SO_MAX_MSG_SIZE,
  SOL_SOCKET,
  WSA_OPERATION_ABORTED,
  WSA_IO_INCOMPLETE,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENETDOWN,
  WSAENOBUFS,
  WSAENOTCONN,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  WSAID_RDMAREAD,
  WSAID_SD_OWNEDRECEIVE,
  WSAID_REGISTERMEMORY,
  WSS_OPERATION_IN_PROGRESS,
} from '../../../src/spi/index.js';
import { connected, fill, makeWorld, PENDING, Recorder, text } from './host.js';

const LIMIT = 10_000;

describe('posted buffers, as a NIC has them', () => {
  it('a message goes from registered memory into a posted buffer; both ends complete later (OBS-16, XFER-23)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world);
    const target = b.memory(sb, 64);
    const posted = createOverlapped();
    assert.equal(b.recv(sb, target.buf, posted), PENDING);
    const source = a.memory(sa, 64);
    const sent = createOverlapped();
    assert.equal(a.send(sa, fill(source.buf, 'hello'), sent), PENDING);
    assert.equal(posted.Internal, WSS_OPERATION_IN_PROGRESS);
    assert.deepEqual([a.completions, b.completions], [[], []]);
    world.clock.run(LIMIT);
    assert.deepEqual(
      a.completions.map(({ error, bytes }) => [error, bytes]),
      [[0, 5]],
    );
    assert.deepEqual(
      b.completions.map(({ error, bytes }) => [error, bytes]),
      [[0, 5]],
    );
    assert.equal(b.completions[0]?.overlapped, posted);
    assert.equal(text(target.buf.subarray(0, 5)), 'hello');
  });

  it('memory that is not registered on this socket, or not for this use, is refused (XFER-30, OBS-15, MEM-6, MEM-10)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world);
    assert.equal(a.send(sa, new Uint8Array(4)), WSAEFAULT);
    assert.equal(b.recv(sb, new Uint8Array(4)), WSAEFAULT);
    assert.equal(a.send(sa, a.memory(sa, 4, MEM_WRITE).buf), WSAEFAULT);
    assert.equal(b.recv(sb, b.memory(sb, 4, MEM_READ).buf), WSAEFAULT);
    const { buf, handle } = a.memory(sa, 8);
    assert.equal(a.send(sa, new Uint8Array(buf.buffer, 4, 4)), PENDING, 'a part of it will do');
    world.clock.run(LIMIT);
    assert.equal(a.extensions.WSPDeregisterMemory(sa, handle, a.errno), 0);
    assert.equal(a.send(sa, buf), WSAEFAULT);
  });

  it('queues are bounded: one more is WSAENETDOWN, until the first has ended (OBS-7, OBS-15)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world);
    const { buf } = a.memory(sa, 8);
    for (let i = 0; i < 16; i++) assert.equal(a.send(sa, buf), PENDING);
    assert.equal(a.send(sa, buf), WSAENETDOWN);
    const target = b.memory(sb, 8);
    for (let i = 0; i < 16; i++) assert.equal(b.recv(sb, target.buf), PENDING);
    assert.equal(b.recv(sb, target.buf), WSAENETDOWN);
    world.clock.run(LIMIT);
    assert.equal(a.completions.length, 16);
    assert.equal(b.completions.length, 16);
    assert.equal(a.send(sa, buf), PENDING);
  });

  it('early messages are kept, and copied one to one into buffers as they come (SESS-6, SESS-7, SESS-8)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world);
    const { buf } = a.memory(sa, 64);
    for (const word of ['one', 'two', 'three']) {
      assert.equal(a.send(sa, fill(buf, word)), PENDING);
      world.clock.run(LIMIT);
    }
    const target = b.memory(sb, 64);
    const parts = [0, 1, 2].map((i) => target.buf.subarray(i * 8, i * 8 + 8));
    for (const part of parts) assert.equal(b.recv(sb, part), PENDING);
    assert.deepEqual(b.completions, [], 'never from inside the call that posts');
    world.clock.run(LIMIT);
    assert.deepEqual(
      b.completions.map(({ bytes }, i) => text(parts[i].subarray(0, bytes))),
      ['one', 'two', 'three'],
    );
  });

  it('a polled operation shows its end and notifies nobody (XFER-22, XFER-26, OBS-17)', () => {
    const world = makeWorld();
    const { a, sa } = connected(world);
    const { buf } = a.memory(sa, 8);
    const overlapped = createOverlapped(true);
    assert.equal(a.send(sa, buf, overlapped), PENDING);
    const transferred = { value: 0 };
    const ask = () => a.proc.lpWSPGetOverlappedResult(sa, overlapped, transferred, false, { value: 0 }, a.errno);
    let asked = 0;
    while (!ask()) {
      assert.equal(a.errno.value, WSA_IO_INCOMPLETE);
      assert.ok(++asked < 100, 'looking at the transport gets on with it');
    }
    assert.equal(transferred.value, 8);
    world.clock.run(LIMIT);
    assert.deepEqual(a.completions, []);
  });

  it('a message larger than the buffer, or than the limit (XFER-3)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world, { maxMessageBytes: 100 });
    const value = { value: 0 as number | string };
    assert.equal(a.proc.lpWSPGetSockOpt(sa, SOL_SOCKET, SO_MAX_MSG_SIZE, value, { value: 4 }, a.errno), 0);
    assert.equal(value.value, 100);
    const { buf } = a.memory(sa, 200);
    assert.equal(a.send(sa, buf), WSAEMSGSIZE);
    const target = b.memory(sb, 10);
    b.recv(sb, target.buf);
    assert.equal(a.send(sa, buf.subarray(0, 11)), PENDING);
    world.clock.run(LIMIT);
    assert.deepEqual(
      b.completions.map(({ error, bytes }) => [error, bytes]),
      [[WSAEMSGSIZE, 0]],
    );
  });

  it('the other end closes: what came is delivered, then receives end with WSAECONNRESET (CLOSE-3, OBS-14)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world);
    const target = b.memory(sb, 16);
    b.recv(sb, target.buf.subarray(0, 8));
    b.recv(sb, target.buf.subarray(8));
    assert.equal(a.send(sa, fill(a.memory(sa, 8).buf, 'last')), PENDING);
    world.clock.run(LIMIT);
    assert.equal(a.close(sa), 0);
    world.clock.run(LIMIT);
    assert.deepEqual(
      b.completions.map(({ error, bytes }) => [error, bytes]),
      [
        [0, 4],
        [WSAECONNRESET, 0],
      ],
    );
    assert.equal(b.send(sb, target.buf), WSAECONNRESET);
    assert.equal(b.recv(sb, target.buf), WSAECONNRESET);
    assert.equal(a.send(sa, target.buf), WSAENOTSOCK);
    assert.equal(b.close(sb), 0);
    assert.deepEqual(b.provider.inventory(), { sockets: 1, registrations: 0, receives: 0, requests: 0, early: 0 });
  });

  it('closing ends what is pending with WSA_OPERATION_ABORTED, memory first, the handle last (CLOSE-4 … CLOSE-6)', () => {
    const world = makeWorld();
    const { a, sa } = connected(world);
    const { buf, handle } = a.memory(sa, 8);
    a.send(sa, buf);
    a.recv(sa, buf);
    const freed: boolean[] = [];
    a.onCompletion = () => freed.push(a.closedHandles.length === 0);
    assert.equal(a.extensions.WSPDeregisterMemory(sa, handle, a.errno), -1);
    assert.equal(a.errno.value, WSAEINVAL, 'in use by a transfer (MEM-15)');
    assert.equal(a.close(sa), 0);
    assert.deepEqual(
      a.completions.map(({ error, bytes }) => [error, bytes]),
      [
        [WSA_OPERATION_ABORTED, 0],
        [WSA_OPERATION_ABORTED, 0],
      ],
    );
    assert.deepEqual(freed, [true, true]);
    assert.equal(a.closedHandles.length, 1);
    world.clock.run(LIMIT);
    assert.equal(a.completions.length, 2);
  });

  it('a connection that breaks ends everything on both sides with WSAECONNABORTED (CLOSE-3)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world);
    b.recv(sb, b.memory(sb, 8).buf);
    const { buf } = a.memory(sa, 8);
    a.send(sa, buf);
    a.send(sa, buf);
    world.network.faults = { ...world.network.faults, connectionLost: 1_000_000 };
    world.clock.run(LIMIT);
    assert.deepEqual(
      [...a.completions, ...b.completions].map(({ error }) => error),
      [WSAECONNABORTED, WSAECONNABORTED, WSAECONNABORTED],
    );
  });

  it('refusals on demand: WSAENOBUFS, WSAENETDOWN (ERR-18, OBS-15)', () => {
    const world = makeWorld({ seed: 1 });
    const { a, sa } = connected(world);
    const { buf } = a.memory(sa, 8);
    world.network.faults = { ...world.network.faults, registerNoBuffers: 1_000_000, postNetDown: 1_000_000 };
    assert.equal(a.extensions.WSPRegisterMemory(sa, buf, 8, MEM_READ, a.errno), 0);
    assert.equal(a.errno.value, WSAENOBUFS);
    assert.equal(a.send(sa, buf), WSAENETDOWN);
    assert.equal(a.recv(sa, buf), WSAENETDOWN);
  });
});

describe('registered memory and RDMA', () => {
  it('registrations count; rights, range and flags are checked (MEM-11 … MEM-15)', () => {
    const world = makeWorld();
    const { a, b, sa } = connected(world);
    const buf = new Uint8Array(16);
    const register = (rights: number, bytes = 16) => a.extensions.WSPRegisterMemory(sa, buf, bytes, rights, a.errno);
    const handle = register(MEM_READ);
    assert.equal(register(MEM_READ), handle, 'the same memory again');
    assert.notEqual(register(MEM_WRITE), handle);
    assert.equal(register(4), 0);
    assert.equal(a.errno.value, WSAEINVAL);
    assert.equal(register(MEM_READ, 17), 0);
    assert.equal(a.errno.value, WSAEFAULT);
    const deregister = (s: number) => a.extensions.WSPDeregisterMemory(s, handle, a.errno);
    assert.deepEqual([deregister(sa), deregister(sa), deregister(sa)], [0, 0, -1]);
    assert.equal(a.errno.value, WSAEINVAL);
    const unconnected = b.socket();
    assert.equal(b.extensions.WSPRegisterMemory(unconnected, buf, 16, MEM_READ, b.errno), 0);
    assert.equal(b.errno.value, WSAENOTCONN);
  });

  it('reads and writes the peer’s exposed memory, at an offset (XFER-7, XFER-11, XFER-31)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world);
    const exposed = new Uint8Array(16);
    fill(exposed, '0123456789');
    const descriptor = b.expose(sb, exposed, MEM_READ | MEM_WRITE);
    const local = a.memory(sa, 4);
    assert.equal(a.rdma('WSPRdmaRead', sa, { len: 4, ...local }, descriptor, 3), PENDING);
    world.clock.run(LIMIT);
    assert.equal(text(local.buf), '3456');
    fill(local.buf, 'wxyz');
    assert.equal(a.rdma('WSPRdmaWrite', sa, { len: 4, ...local }, descriptor, 12), PENDING);
    world.clock.run(LIMIT);
    assert.equal(text(exposed.subarray(10)), '\0\0wxyz');
    assert.deepEqual(
      a.completions.map(({ error, bytes }) => [error, bytes]),
      [
        [0, 4],
        [0, 4],
      ],
    );
    assert.deepEqual(b.completions, [], 'the exposed side is not involved');
  });

  it('a send behind a read is fenced behind it (OBS-13)', () => {
    const world = makeWorld({ seed: 3, faults: { delayTicksMax: 100 } });
    const { a, b, sa, sb } = connected(world);
    const exposed = fill(new Uint8Array(8), 'original');
    const descriptor = b.expose(sb, exposed, MEM_READ);
    const local = a.memory(sa, 8);
    const target = b.memory(sb, 8);
    b.recv(sb, target.buf);
    // Told that the read is over, the owner uses its memory again.
    b.onCompletion = () => fill(exposed, 'changed!');
    a.rdma('WSPRdmaRead', sa, { len: 8, ...local }, descriptor);
    a.send(sa, fill(a.memory(sa, 8).buf, 'done'));
    world.clock.run(LIMIT);
    assert.equal(text(exposed), 'changed!');
    assert.equal(text(local.buf), 'original');
  });

  it('nothing is touched by descriptors that are forged, stale, foreign or without the right (MEM-7 … MEM-10, CACHE-12)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world);
    const other = a.connect(b, 80);
    world.clock.run(LIMIT);
    const sc = b.accept(1);
    world.clock.run(LIMIT);
    assert.equal(other.result(), 0);
    const exposed = new Uint8Array(16).fill(7);
    const readable = b.expose(sb, exposed, MEM_READ);
    const writable = b.expose(sb, exposed, MEM_WRITE);
    const foreign = b.expose(sc, exposed, MEM_READ | MEM_WRITE);
    const stale = b.expose(sb, exposed, MEM_READ | MEM_WRITE);
    assert.equal(b.extensions.WSPDeregisterRdmaMemory(sb, stale, stale.length, b.errno), 0);
    const forged = Uint8Array.from(readable);
    forged[20] ^= 1;
    const local = a.memory(sa, 16);
    const buffer = { len: 8, ...local };
    const wrong: [kind: 'WSPRdmaRead' | 'WSPRdmaWrite', descriptor: Uint8Array, offset: number][] = [
      ['WSPRdmaWrite', readable, 0],
      ['WSPRdmaRead', writable, 0],
      ['WSPRdmaRead', foreign, 0],
      ['WSPRdmaWrite', foreign, 0],
      ['WSPRdmaRead', stale, 0],
      ['WSPRdmaWrite', stale, 0],
      ['WSPRdmaRead', forged, 0],
      ['WSPRdmaRead', readable, 9],
      ['WSPRdmaWrite', writable, 9],
      ['WSPRdmaRead', readable, -1],
    ];
    for (const [kind, descriptor, offset] of wrong) {
      assert.equal(a.rdma(kind, sa, buffer, descriptor, offset), PENDING);
      world.clock.run(LIMIT);
      assert.equal(a.completions.pop()?.error, WSAEFAULT, `${kind} ${offset}`);
    }
    assert.equal(a.rdma('WSPRdmaRead', sa, { len: 8, buf: local.buf, handle: 999 }, readable), WSAEFAULT);
    assert.ok(local.buf.every((byte) => byte === 0));
    assert.ok(exposed.every((byte) => byte === 7));
    assert.equal(a.extensions.WSPDeregisterRdmaMemory(sa, readable, readable.length, a.errno), -1);
    assert.equal(a.errno.value, WSAEINVAL, 'on the wrong socket (MEM-14)');
  });

  it('transfers go through the pin that registration made, not through the buffer of the call', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world);
    const { buf } = a.memory(sa, 8);
    const target = b.memory(sb, 8);
    b.recv(sb, target.buf);
    assert.equal(a.send(sa, fill(buf, 'old')), PENDING);
    fill(buf, 'new');
    world.clock.run(LIMIT);
    assert.equal(text(target.buf.subarray(0, 3)), 'new', 'the bytes of the time when it is sent');
    const lost = a.memory(sa, 8);
    assert.equal(a.send(sa, lost.buf), PENDING);
    structuredClone(lost.buf.buffer, { transfer: [lost.buf.buffer as ArrayBuffer] });
    world.clock.run(LIMIT);
    assert.equal(a.completions.at(-1)?.error, WSAEFAULT, 'memory that is not there any more');
  });

  it('RDMA read can be left out or refused (SP-9, SW-17, XFER-10)', () => {
    const absent = connected(makeWorld(), { rdmaRead: 'absent' });
    assert.equal(absent.a.extension(WSAID_RDMAREAD), WSAEOPNOTSUPP);
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world, { rdmaRead: 'refused' });
    const descriptor = b.expose(sb, new Uint8Array(8), MEM_READ);
    assert.equal(a.rdma('WSPRdmaRead', sa, { len: 8, ...a.memory(sa, 8) }, descriptor), WSAEOPNOTSUPP);
  });
});

describe('owned receive', () => {
  it('shows views of messages, takes any memory, and never pends once the process exits (D2, D7)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world, { ownsReceiveBuffers: true });
    assert.equal(typeof a.extension(WSAID_REGISTERMEMORY), 'function');
    assert.equal(a.send(sa, Buffer.from('early'), null), 0);
    world.clock.run(LIMIT);
    const recorder = new Recorder();
    assert.equal(b.owned.SdpSetReceiver(sb, recorder, b.errno), 0);
    assert.deepEqual(recorder.messages, []);
    for (let i = 1; i < 16; i++) assert.equal(a.send(sa, Buffer.from(String(i)), null), 0);
    const overlapped = createOverlapped();
    a.send(sa, Buffer.from('16'), null);
    assert.equal(a.send(sa, Buffer.from('pended'), overlapped), PENDING);
    assert.ok(!isComplete(overlapped));
    world.clock.run(LIMIT);
    assert.ok(isComplete(overlapped));
    assert.equal(recorder.messages.filter((message) => message !== '|').length, 18);
    b.owned.SdpSetConsumed(sb, 77);
    assert.equal(a.owned.SdpPeerConsumed(sa), 77);
    a.owned.SdpBeginExit();
    for (let i = 0; i < 100; i++) assert.equal(a.send(sa, Buffer.from('x'), null), 0);
    a.owned.SdpEndExit();
    a.provider.crash();
    world.clock.run(LIMIT);
    assert.equal(recorder.messages.filter((message) => message === 'x').length, 100, 'they outlive their process');
    assert.deepEqual(recorder.ends, [WSAECONNRESET]);
  });

  it('a close tells 0 after everything that was sent (CLOSE-3)', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world, { ownsReceiveBuffers: true });
    const recorder = new Recorder();
    b.owned.SdpSetReceiver(sb, recorder, b.errno);
    assert.equal(a.send(sa, Buffer.from('bye'), null), 0);
    a.close(sa);
    world.clock.run(LIMIT);
    assert.deepEqual([recorder.messages, recorder.ends], [['bye', '|'], [0]]);
    assert.equal(b.recv(sb, new Uint8Array(1)), WSAEINVAL, 'a receiver is attached');
  });

  it('a provider of posted buffers does not offer it', () => {
    assert.equal(connected(makeWorld()).a.extension(WSAID_SD_OWNEDRECEIVE), WSAEOPNOTSUPP);
  });
});

describe('time and faults', () => {
  it('the same seed gives the same run, another seed another one', () => {
    const story = (seed: number): string => {
      const world = makeWorld({ seed, faults: { delayTicksMax: 50 } });
      const { a, b, sa, sb } = connected(world);
      const log: string[] = [];
      for (const host of [a, b]) {
        host.onCompletion = ({ error, bytes }) => log.push(`${world.clock.now()} ${host.address} ${error} ${bytes}`);
      }
      const target = b.memory(sb, 64);
      const source = a.memory(sa, 64);
      for (let i = 1; i < 8; i++) {
        b.recv(sb, target.buf);
        a.send(sa, source.buf.subarray(0, i));
      }
      world.clock.run(LIMIT);
      return log.join('\n');
    };
    assert.equal(story(5), story(5));
    assert.notEqual(story(5), story(6));
  });

  it('a process that dies is heard of no more, and its peers lose their connections', () => {
    const world = makeWorld();
    const { a, b, sa, sb } = connected(world);
    b.recv(sb, b.memory(sb, 8).buf);
    const overlapped = createOverlapped();
    finishOverlapped(overlapped, 0, 0);
    a.send(sa, a.memory(sa, 8).buf, overlapped);
    a.provider.crash();
    world.clock.run(LIMIT);
    assert.deepEqual(a.completions, []);
    assert.deepEqual(
      b.completions.map(({ error }) => error),
      [WSAECONNRESET],
    );
    assert.equal(a.send(sa, new Uint8Array(1)), WSAENETDOWN);
  });
});
