// One-sided transfers and registered memory of the shm provider, over a real link: reads and writes are the kernel's.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { RING_BYTES_MAX } from '../../../src/providers/shm/layout.js';
import {
  createOverlapped,
  isComplete,
  MEM_READ,
  MEM_READWRITE,
  MEM_WRITE,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  SOL_SOCKET,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOBUFS,
  WSAENOPROTOOPT,
  WSAENOTCONN,
  WSAEOPNOTSUPP,
  WSAEWOULDBLOCK,
} from '../../../src/spi/index.js';
import { until } from '../../support/until.js';
import { driver, MiniSwitch } from './support/mini-switch.js';
import { Rdma, type Started } from './support/rdma.js';

const open: { close(): void }[] = [];
after(() => {
  for (const server of open) server.close();
  driver.unload();
});

async function connected(sw = new MiniSwitch(), other = sw) {
  const accepted: number[] = [];
  const { tcp, port } = await other.listen((s) => accepted.push(s));
  open.push(tcp);
  const { s, code, detail } = await sw.connect(port);
  assert.equal(code, 0, detail);
  await until(() => accepted.length === 1, 'the accepted socket');
  return { sw, other, s, peer: accepted[0], port, accepted, here: new Rdma(sw), there: new Rdma(other) };
}

const over = async ({ overlapped, code }: Started): Promise<{ error: number; bytes: number }> => {
  assert.equal(code, WSA_IO_PENDING);
  assert.equal(isComplete(overlapped), false, 'never inside the call');
  await until(() => isComplete(overlapped), 'the transfer');
  return { error: overlapped.OffsetHigh, bytes: overlapped.InternalHigh };
};

/** Two isolates' worth of provider in one: the memory is another's as far as the provider can tell. */
const pair = () => connected(new MiniSwitch(), new MiniSwitch());

describe('WSPRdmaRead', () => {
  it('reads pieces of registered memory of the peer into registered memory (XFER-7, XFER-31, MEM-2, MEM-4)', async () => {
    const { s, peer, here, there } = await pair();
    const source = randomBytes(3_000_000);
    const descriptor = there.exposed(peer, source, MEM_READ);
    const into = Buffer.alloc(3_000_000);
    const whole = here.part(s, into);
    const two = [0, 1].map((i) => ({ ...whole, buf: into.subarray(i * 1000, i * 1000 + 1000), len: 1000 }));
    assert.deepEqual(await over(here.read(s, descriptor, 500, ...two)), { error: 0, bytes: 2000 });
    assert.ok(into.subarray(0, 2000).equals(source.subarray(500, 2500)));
    assert.ok(
      into.subarray(2000).every((byte) => byte === 0),
      'and touches nothing else',
    );
    assert.deepEqual(await over(here.read(s, descriptor, 0, whole)), { error: 0, bytes: 3_000_000 });
    assert.ok(into.equals(source));
    assert.deepEqual(await over(here.read(s, descriptor, 3_000_000, { ...whole, len: 0 })), { error: 0, bytes: 0 });
  });

  it('a polled one ends without notice (XFER-22, XFER-26)', async () => {
    const { sw, s, peer, here, there } = await pair();
    const descriptor = there.exposed(peer, Buffer.from('polled'), MEM_READ);
    const into = here.part(s, Buffer.alloc(6));
    const overlapped = createOverlapped(true);
    const started = here.read(s, descriptor, 0, into);
    await over(started);
    const before = sw.completed.length;
    here.start(s, descriptor, overlapped, into);
    await until(() => isComplete(overlapped), 'the polled read');
    assert.equal(sw.completed.length, before);
    const [bytes, flags] = [{ value: 0 }, { value: 0 }];
    assert.ok(sw.proc.lpWSPGetOverlappedResult(s, overlapped, bytes, false, flags, sw.errno));
    assert.equal(bytes.value, 6);
  });

  it('is not overtaken by a message that is sent behind it, nor do messages change their order (OBS-13)', async () => {
    const { sw, other, s, peer, here, there } = await pair();
    const source = randomBytes(8_000_000);
    const descriptor = there.exposed(peer, source, MEM_READ);
    const into = here.part(s, Buffer.alloc(8_000_000));
    const seen = other.record(peer);
    const read = here.read(s, descriptor, 0, into);
    assert.equal(sw.send(s, Buffer.from('behind')), WSAEWOULDBLOCK);
    const first = createOverlapped();
    const second = createOverlapped();
    assert.equal(sw.send(s, Buffer.from('behind'), first), WSA_IO_PENDING);
    assert.equal(sw.send(s, Buffer.from('it'), second), WSA_IO_PENDING);
    seen.onMessage = (memory, offset, length) => {
      assert.ok(
        into.buf.every((byte, i) => byte === source[i]),
        'all of it is there before the message',
      );
      seen.messages.push(Buffer.from(memory.slice(offset, offset + length)));
      return 0;
    };
    await over(read);
    await until(() => isComplete(first) && isComplete(second) && seen.messages.length === 2, 'the messages');
    assert.equal(seen.messages.join(' '), 'behind it');
    assert.equal(sw.send(s, Buffer.from('free again')), 0);
  });

  it('does a bounded piece in each turn of the loop, and serves several sockets at once (XFER-21)', async () => {
    const { sw, s, peer, port, accepted, here, there } = await connected();
    const second = await sw.connect(port);
    await until(() => accepted.length === 2, 'the second connection');
    const source = randomBytes(6 * 1024 * 1024);
    const big = here.read(s, there.exposed(peer, source, MEM_READ), 0, here.part(s, Buffer.alloc(source.length)));
    const small = there.exposed(accepted[1], source.subarray(0, 100), MEM_READ);
    const other = here.read(second.s, small, 0, here.part(second.s, Buffer.alloc(100)));
    let turns = 0;
    let turnsOfOther = 0;
    while (!isComplete(big.overlapped)) {
      await new Promise(setImmediate);
      turns++;
      if (!isComplete(other.overlapped)) turnsOfOther++;
    }
    assert.ok(turns >= 5, `${turns} turns for six times what a turn does`);
    assert.ok(turnsOfOther < turns, 'the other one did not wait for the end of it');
  });

  it('fails as a call for what is not registered, beyond it, or not so permitted (MEM-10, OBS-15, XFER-30)', async () => {
    const { s, peer, here, there } = await pair();
    const source = Buffer.alloc(1000, 1);
    const descriptor = there.exposed(peer, source, MEM_READ);
    const into = Buffer.alloc(1000);
    const part = here.part(s, into, MEM_WRITE, 500);
    const code = (...args: Parameters<Rdma['read']>) => here.read(...args).code;
    assert.equal(code(s, descriptor, 0, { ...part, handle: 77 }), WSAEFAULT, 'no such handle');
    assert.equal(code(s, descriptor, 0, { ...part, len: 501 }), WSAEFAULT, 'more than is registered');
    assert.equal(code(s, descriptor, 0, { ...part, buf: into.subarray(1) }), WSAEFAULT, 'beyond what is registered');
    assert.equal(code(s, descriptor, 0, { ...part, buf: Buffer.alloc(500) }), WSAEFAULT, 'other memory');
    assert.equal(code(s, descriptor, 501, part), WSAEFAULT, 'beyond the target');
    assert.equal(code(s, descriptor, -1, part), WSAEFAULT);
    assert.equal(code(s, descriptor, 0), WSAEINVAL, 'no buffers');
    assert.equal(code(s, descriptor, 0, ...Array.from({ length: 5 }, () => ({ ...part, len: 1 }))), WSAEINVAL);
    assert.equal(code(s, descriptor.subarray(1), 0, part), WSAEINVAL, 'no descriptor');
    const readable = here.part(s, Buffer.alloc(500), MEM_READ);
    assert.equal(code(s, descriptor, 0, readable), WSAEFAULT, 'local memory that must not be written');
    const writable = there.exposed(peer, Buffer.alloc(500), MEM_WRITE);
    assert.equal(code(s, writable, 0, part), WSAEFAULT, 'memory that the peer lets us write only');
    assert.equal(here.write(s, descriptor, 0, readable).code, WSAEFAULT, 'and the other way round');
    assert.ok(into.every((byte) => byte === 0));
  });

  it('a descriptor of another connection, changed, or withdrawn gives nothing (MEM-5, MEM-7, MEM-9, MEM-19)', async () => {
    const { sw, s, peer, port, accepted, here, there } = await connected();
    const second = await sw.connect(port);
    await until(() => accepted.length === 2, 'the second connection');
    const source = Buffer.alloc(1000, 1);
    const into = Buffer.alloc(1000);
    const part = here.part(s, into);
    const descriptor = there.exposed(peer, source, MEM_READ);
    assert.equal(here.read(second.s, descriptor, 0, here.part(second.s, Buffer.alloc(10))).code, WSAEINVAL);
    const changed = (change: (descriptor: Buffer) => void) => {
      const copy = Buffer.from(descriptor);
      change(copy);
      return copy;
    };
    const another = changed((copy) => copy.writeUInt32LE(copy.readUInt32LE(12) + 2, 12));
    assert.equal((await over(here.read(s, another, 0, part))).error, WSAECONNABORTED, 'another generation');
    const slot = changed((copy) => copy.writeUInt32LE(1023, 8));
    assert.equal((await over(here.read(s, slot, 0, part))).error, WSAECONNABORTED, 'a slot that is not in use');
    const noSlot = changed((copy) => copy.writeUInt32LE(1024, 8));
    assert.equal((await over(here.read(s, noSlot, 0, part))).error, WSAEFAULT, 'no slot at all');
    const nowhere = changed((copy) => copy.writeBigUInt64LE(8n, 16));
    assert.equal((await over(here.read(s, nowhere, 0, part))).error, WSAEFAULT, 'an address where nothing is');
    const kernel = changed((copy) => copy.writeBigUInt64LE(0xffff_8000_0000_0000n, 16));
    assert.equal(here.read(s, kernel, 0, part).code, WSAEINVAL, 'an address that no program has');
    const long = changed((copy) => copy.writeBigUInt64LE(2n ** 53n - 1n, 24));
    assert.equal(here.read(s, long, 2 ** 32, part).code, WSAEINVAL, 'a length that leads out of the address space');
    assert.equal(there.withdraw(peer, descriptor), 0);
    assert.equal((await over(here.read(s, descriptor, 0, part))).error, WSAECONNABORTED, 'withdrawn');
    assert.ok(into.every((byte) => byte === 0));
  });

  it('bytes of memory that was taken back during the read are never delivered as read (MEM-19)', async () => {
    const { s, peer, here, there } = await pair();
    const source = Buffer.alloc(4 * 1024 * 1024, 1);
    const descriptor = there.exposed(peer, source, MEM_READ);
    const read = here.read(s, descriptor, 0, here.part(s, Buffer.alloc(source.length)));
    await new Promise(setImmediate); // a quarter of it is done
    assert.equal(there.withdraw(peer, descriptor), 0);
    source.fill(2);
    assert.deepEqual(await over(read), { error: WSAECONNABORTED, bytes: 0 });
  });

  it('a local buffer that was detached meanwhile is not touched', async () => {
    const { s, peer, here, there } = await pair();
    const descriptor = there.exposed(peer, Buffer.alloc(4 * 1024 * 1024, 1), MEM_READ);
    const into = new Uint8Array(4 * 1024 * 1024);
    const read = here.read(s, descriptor, 0, here.part(s, into));
    await new Promise(setImmediate);
    const { port1 } = new MessageChannel();
    port1.postMessage(into.buffer, [into.buffer]);
    port1.close();
    assert.equal(into.length, 0);
    assert.deepEqual(await over(read), { error: WSAEFAULT, bytes: 0 });
    assert.equal(here.register(s, into, 10, MEM_READ), -WSAEFAULT, 'nor registered (MEM-12)');
  });

  it('ends with its socket, and with the connection (CLOSE-4, MEM-9, MEM-18)', async () => {
    for (const closing of ['s', 'peer'] as const) {
      const { sw, other, s, peer, here, there } = await pair();
      const descriptor = there.exposed(peer, Buffer.alloc(4 * 1024 * 1024, 1), MEM_READ);
      const part = here.part(s, Buffer.alloc(4 * 1024 * 1024));
      const read = here.read(s, descriptor, 0, part);
      const send = createOverlapped();
      assert.equal(sw.send(s, Buffer.from('behind'), send), WSA_IO_PENDING);
      if (closing === 's') {
        sw.proc.lpWSPCloseSocket(s, sw.errno);
        assert.deepEqual([read.overlapped.OffsetHigh, send.OffsetHigh], [WSA_OPERATION_ABORTED, WSA_OPERATION_ABORTED]);
        continue;
      }
      other.proc.lpWSPCloseSocket(peer, other.errno);
      const { error } = await over(read);
      assert.ok([WSAECONNRESET, WSAECONNABORTED].includes(error), String(error));
      await until(() => isComplete(send), 'the message behind it');
      assert.equal(here.read(s, descriptor, 0, part).code, WSAECONNRESET);
    }
  });

  it('an end that the switch does not know of yet is told before the socket is closed (CLOSE-6)', async () => {
    const { sw, s, peer, here, there } = await pair();
    const descriptor = there.exposed(peer, Buffer.from('x'), MEM_READ);
    const read = here.read(s, descriptor, 0, here.part(s, Buffer.alloc(1)));
    sw.proc.lpWSPCloseSocket(s, sw.errno);
    assert.deepEqual([isComplete(read.overlapped), read.overlapped.OffsetHigh], [true, 0]);
    const told = sw.completed.length;
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(sw.completed.length, told, 'and not again');
  });

  it('says how much one call carries, and names no size from which it would be preferred (OPT-6, OPT-7, XFER-3)', async () => {
    const { sw, s, peer, here, there } = await pair();
    const value = { value: 0 };
    const ask = (option: number) => sw.proc.lpWSPGetSockOpt(s, SOL_SOCKET, option, value, { value: 4 }, sw.errno);
    assert.deepEqual([ask(SO_RDMA_THRESHOLD_SIZE), sw.errno.value], [-1, WSAENOPROTOOPT]);
    assert.equal(ask(SO_MAX_RDMA_SIZE), 0);
    const descriptor = there.exposed(peer, Buffer.alloc(10), MEM_READ);
    const part = here.part(s, Buffer.alloc(value.value / 4 + 1));
    assert.equal(here.read(s, descriptor, 0, part, part, part, part).code, WSAEINVAL, 'more than the largest');
  });
});

describe('WSPRdmaWrite without the peer’s help', () => {
  it('writes pieces, and a message behind them comes after them (XFER-11, XFER-31, OBS-13)', async () => {
    const { sw, other, s, peer, here, there } = await pair();
    const target = Buffer.alloc(6_000_000);
    const descriptor = there.exposed(peer, target, MEM_WRITE);
    const source = randomBytes(5_000_000);
    const seen = other.record(peer);
    let early = false;
    seen.onMessage = () => {
      early = !target.subarray(700_000, 5_700_000).equals(source);
      seen.messages.push(Buffer.alloc(0));
      return 0;
    };
    const write = here.write(s, descriptor, 700_000, here.part(s, source, MEM_READ));
    assert.equal(sw.send(s, Buffer.from('written'), createOverlapped()), WSA_IO_PENDING);
    assert.deepEqual(await over(write), { error: 0, bytes: 5_000_000 });
    await until(() => seen.messages.length === 1, 'the message');
    assert.equal(early, false);
    assert.ok(target.subarray(0, 700_000).every((byte) => byte === 0));
    assert.ok(target.subarray(5_700_000).every((byte) => byte === 0));
    assert.equal(there.withdraw(peer, descriptor), 0);
    assert.equal((await over(here.write(s, descriptor, 0, here.part(s, Buffer.alloc(9, 9))))).error, WSAECONNABORTED);
    assert.equal(target[0], 0, 'withdrawn memory stays as it is (MEM-19)');
  });
});

describe('a process that exits (D7)', () => {
  it('ends what it was reading and writing, and sends what waited behind, in order', async () => {
    const { sw, other, s, peer, here, there } = await pair();
    const seen = other.record(peer);
    const source = there.exposed(peer, Buffer.alloc(3_000_000), MEM_READ);
    const target = there.exposed(peer, Buffer.alloc(3_000_000), MEM_WRITE);
    here.read(s, source, 0, here.part(s, Buffer.alloc(3_000_000)));
    assert.equal(sw.send(s, Buffer.from('one'), createOverlapped()), WSA_IO_PENDING);
    here.write(s, target, 0, here.part(s, Buffer.alloc(3_000_000), MEM_READ));
    assert.equal(sw.send(s, Buffer.from('two'), createOverlapped()), WSA_IO_PENDING);
    const told = sw.completed.length;
    sw.owned.SdpBeginExit();
    assert.equal(sw.send(s, Buffer.from('three')), 0, 'nothing waits any more');
    sw.owned.SdpEndExit();
    assert.equal(sw.completed.length, told, 'nobody is told');
    await until(() => seen.messages.length === 3, 'what was sent');
    assert.equal(seen.messages.join(), 'one,two,three');
  });
});

describe('registered memory', () => {
  it('counts what is registered again, on this socket and on others (MEM-6, MEM-13, MEM-14, MEM-15)', async () => {
    const { sw, s, here, port, accepted } = await connected();
    const second = await sw.connect(port);
    await until(() => accepted.length === 2, 'the second connection');
    const buffer = Buffer.alloc(100);
    const first = here.register(s, buffer, 100, MEM_READ);
    assert.equal(here.register(s, buffer, 100, MEM_READ), first);
    const other = here.register(second.s, buffer, 100, MEM_READ);
    assert.notEqual(other, first);
    assert.notEqual(here.register(s, buffer, 100, MEM_READWRITE), first, 'other rights are another registration');
    assert.equal(here.deregister(second.s, first), WSAEINVAL, 'the wrong socket');
    assert.equal(here.deregister(s, first), 0);
    assert.equal(here.deregister(s, first), 0);
    assert.equal(here.deregister(s, first), WSAEINVAL, 'no longer known');
    assert.equal(here.deregister(second.s, other), 0);
  });

  it('is not given back while a transfer uses it (MEM-15, ERR-19)', async () => {
    const { s, peer, here, there } = await pair();
    const descriptor = there.exposed(peer, Buffer.alloc(100, 7), MEM_READ);
    const into = here.part(s, Buffer.alloc(100));
    const read = here.read(s, descriptor, 0, into);
    assert.equal(here.deregister(s, into.handle), WSAEINVAL);
    await over(read);
    assert.equal(here.deregister(s, into.handle), 0);
  });

  it('within the peer’s reach counts as well; the size of a descriptor is probed (MEM-16, MEM-17)', async () => {
    const { sw, s, here, port, accepted } = await connected();
    const second = await sw.connect(port);
    await until(() => accepted.length === 2, 'the second connection');
    const buffer = Buffer.alloc(100);
    const descriptor = here.exposed(s, buffer, MEM_READ);
    assert.ok(here.exposed(s, buffer, MEM_READ).equals(descriptor), 'the same for the same');
    const other = here.exposed(second.s, buffer, MEM_READ);
    assert.ok(!other.equals(descriptor));
    assert.equal(here.withdraw(s, other), WSAEINVAL, 'the wrong socket (MEM-14)');
    assert.equal(here.withdraw(s, descriptor, descriptor.length - 1), WSAEINVAL, 'cut off');
    assert.equal(here.withdraw(s, descriptor), 0);
    assert.equal(here.withdraw(s, descriptor), 0);
    assert.equal(here.withdraw(s, descriptor), WSAEINVAL);
    assert.equal(here.withdraw(second.s, other), 0);
  });

  it('asks for flags, a range and a connection that there are (MEM-11, MEM-12)', async () => {
    const { sw, s, peer, here, other } = await pair();
    const buffer = Buffer.alloc(100);
    for (const flags of [0, 4, -1, 1.5]) {
      assert.equal(here.register(s, buffer, 100, flags), -WSAEINVAL);
      assert.equal(here.expose(s, buffer, flags), WSAEINVAL);
    }
    for (const length of [101, -1, 1.5, NaN]) assert.equal(here.register(s, buffer, length, MEM_READ), -WSAEFAULT);
    assert.equal(here.register(s, null as never, 1, MEM_READ), -WSAEFAULT);
    other.proc.lpWSPCloseSocket(peer, other.errno);
    sw.record(s);
    await until(() => here.register(s, buffer, 100, MEM_READ) < 0, 'the end of the connection');
    assert.equal(here.register(s, buffer, 100, MEM_READ), -WSAENOTCONN);
  });

  it('more than the access table holds is refused, and what is given back can be used again (MEM-12)', async () => {
    const { s, here } = await pair();
    const memory = Buffer.alloc(2000);
    const all = Array.from({ length: 1024 }, (_, i) => here.exposed(s, memory.subarray(i, i + 1), MEM_READ));
    assert.equal(here.expose(s, memory.subarray(1500), MEM_READ), WSAENOBUFS);
    assert.equal(here.withdraw(s, all[500]), 0);
    here.exposed(s, memory.subarray(1500), MEM_READ);
    assert.equal(here.expose(s, memory.subarray(1501), MEM_READ), WSAENOBUFS);
  });

  it('is released with its socket (MEM-18, OBS-37)', async () => {
    const { sw, s, port, accepted, here } = await connected();
    for (let i = 0; i < 1024; i++) here.exposed(s, Buffer.alloc(10), MEM_READ);
    sw.proc.lpWSPCloseSocket(s, sw.errno);
    const second = await sw.connect(port);
    await until(() => accepted.length === 2, 'the second connection');
    for (let i = 0; i < 1024; i++) here.exposed(second.s, Buffer.alloc(10), MEM_READ);
  });
});

describe('a process that keeps to itself', () => {
  it('refuses reads, writes by copy, and both sides say why (ERR-1, XFER-10)', async () => {
    for (const off of ['connector', 'listener'] as const) {
      const quiet = new MiniSwitch({ rdma: 'off' });
      const { sw, other, s, peer, here, there } = await connected(
        off === 'connector' ? quiet : new MiniSwitch(),
        off === 'listener' ? quiet : new MiniSwitch(),
      );
      const reaches = [sw.owned.SdpPeerOf(s)?.reach, other.owned.SdpPeerOf(peer)?.reach];
      for (const reach of reaches) assert.deepEqual([reach?.read, reach?.write], [false, false]);
      const words = [/this process/, /the other process/];
      if (off === 'listener') words.reverse();
      words.forEach((word, i) => assert.match(reaches[i]?.refusal ?? '', word));
      if (off === 'listener') {
        const descriptor = there.exposed(peer, Buffer.alloc(10), MEM_READ);
        assert.equal(here.read(s, descriptor, 0, here.part(s, Buffer.alloc(10))).code, WSAEOPNOTSUPP);
      }
      const target = Buffer.alloc(100_000);
      const source = randomBytes(100_000);
      const descriptor = there.exposed(peer, target, MEM_WRITE);
      other.record(peer);
      assert.deepEqual(await over(here.write(s, descriptor, 0, here.part(s, source))), { error: 0, bytes: 100_000 });
      await until(() => target.equals(source), 'the copy');
    }
  });

  it('takes writes by copy from one with larger rings, of any size (XFER-10, XFER-31)', async () => {
    const small = new MiniSwitch({ rdma: 'off' });
    const large = new MiniSwitch({ ringBytes: RING_BYTES_MAX });
    const { s, peer, here, there } = await connected(small, large);
    const into = Buffer.alloc(5_000_000);
    const source = randomBytes(into.length);
    const descriptor = here.exposed(s, into, MEM_WRITE);
    const seen = small.record(s);
    const { length } = source;
    assert.deepEqual(await over(there.write(peer, descriptor, 0, there.part(peer, source))), {
      error: 0,
      bytes: length,
    });
    assert.equal(large.send(peer, Buffer.from('all there')), 0);
    await until(() => seen.messages.length === 1, 'the word that it is there');
    assert.ok(into.equals(source), 'and it is (OBS-13)');
  });

  it('one that does not says so (D9)', async () => {
    const { sw, s } = await pair();
    assert.deepEqual(sw.owned.SdpPeerOf(s)?.reach, { read: true, write: true, refusal: '' });
  });
});
