import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { RECORD_BYTES_MAX } from '../../../src/providers/shm/layout.js';
import {
  CF_ACCEPT,
  CF_REJECT,
  createOverlapped,
  isComplete,
  makeSockaddr,
  AF_INET,
  MEM_READ,
  MEM_WRITE,
  type SanExtensions,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  WSAEACCES,
  WSAEADDRNOTAVAIL,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENOTCONN,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
  WSAID_MEMORYREGISTRATIONCACHECALLBACK,
  WSAID_RDMAREAD,
  WSAID_RDMAWRITE,
  WSAID_REGISTERMEMORY,
  WSAID_REGISTERRDMAMEMORY,
} from '../../../src/spi/index.js';
import { until } from '../../support/until.js';
import { driver, MiniSwitch } from './support/mini-switch.js';

const open: { close(): void }[] = [];
after(() => {
  for (const server of open) server.close();
  driver.unload();
});

async function connected(sw = new MiniSwitch(), condition = () => CF_ACCEPT) {
  const accepted: number[] = [];
  const { tcp, port, s: listener } = await sw.listen((s) => accepted.push(s), condition);
  open.push(tcp);
  const { s, code, detail } = await sw.connect(port);
  return { sw, port, listener, s, code, detail, accepted };
}

describe('connections of one isolate with itself, through the real ring and control connection', () => {
  it('connects, carries messages both ways in order, and closes', async () => {
    const { sw, s, code, accepted } = await connected();
    assert.equal(code, 0);
    assert.equal(accepted.length, 1);
    const here = sw.record(s);
    const there = sw.record(accepted[0]);
    for (let i = 0; i < 2000; i++) {
      const bytes = Buffer.alloc(i % 700, i & 0xff);
      if (sw.send(s, bytes) !== 0) {
        await until(() => there.messages.length === i, 'room');
        assert.equal(sw.send(s, bytes), 0);
      }
    }
    assert.equal(sw.send(accepted[0], Buffer.from('back')), 0);
    await until(() => there.messages.length === 2000 && here.messages.length === 1, 'all messages');
    there.messages.forEach((bytes, i) => assert.ok(bytes.equals(Buffer.alloc(i % 700, i & 0xff))));
    assert.equal(sw.proc.lpWSPCloseSocket(s, sw.errno), 0);
    await until(() => there.ends.length === 1, 'the disconnect');
    assert.deepEqual(there.ends, [0]);
    assert.equal(sw.send(accepted[0], Buffer.from('x')), WSAECONNRESET);
    assert.equal(sw.proc.lpWSPCloseSocket(accepted[0], sw.errno), 0);
    assert.equal(sw.send(s, Buffer.from('x')), WSAENOTSOCK, 'CLOSE-9');
    assert.equal(sw.closedHandles.length, 2, 'CLOSE-6: one last up-call each');
  });

  it('uses one link for all connections, and gives connection numbers back', async () => {
    const { sw, port, accepted } = await connected();
    const first = sw.owned.SdpPeerOf(accepted[0])!;
    assert.deepEqual([first.pid, first.uid], [process.pid, process.geteuid!()]);
    for (let i = 0; i < 300; i++) {
      const { s, code } = await sw.connect(port);
      assert.equal(code, 0);
      const last = accepted.at(-1)!;
      assert.equal(sw.owned.SdpPeerOf(last)!.link, first.link);
      sw.proc.lpWSPCloseSocket(s, sw.errno);
      sw.proc.lpWSPCloseSocket(last, sw.errno);
    }
  });

  it('pends what the ring has no room for, completes it in order, and aborts it at close (CLOSE-4)', async () => {
    const { sw, s, accepted } = await connected();
    const there = sw.record(accepted[0]);
    const bytes = Buffer.alloc(RECORD_BYTES_MAX, 7);
    const operations = Array.from({ length: 12 }, () => createOverlapped());
    const results = operations.map((overlapped) => sw.send(s, bytes, overlapped));
    assert.ok(results.includes(WSA_IO_PENDING));
    assert.equal(sw.send(s, bytes), WSAEWOULDBLOCK);
    await until(() => there.messages.length === 12, 'pended messages');
    assert.ok(operations.every(isComplete));
    const late = operations.map((overlapped) => sw.send(s, bytes, overlapped));
    sw.completed.length = 0;
    sw.proc.lpWSPCloseSocket(s, sw.errno);
    assert.equal(sw.completed.length, late.filter((result) => result === WSA_IO_PENDING).length);
    assert.ok(sw.completed.every(({ error }) => error === WSA_OPERATION_ABORTED));
  });

  it('keeps early messages for a receiver that comes late, and for buffers posted late (SESS-6 … SESS-8, ERR-9)', async () => {
    const { sw, s, port, accepted } = await connected();
    for (const text of ['one', 'two', 'three']) sw.send(s, Buffer.from(text));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const there = sw.record(accepted[0]);
    sw.send(s, Buffer.from('four'));
    await until(() => there.messages.length === 4, 'early messages');
    assert.equal(there.messages.map(String).join(), 'one,two,three,four');

    const second = await sw.connect(port);
    sw.send(second.s, Buffer.from('posted'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const into = Buffer.alloc(16);
    const overlapped = createOverlapped();
    const posted = [{ len: 16, buf: into }];
    const flags = { value: 0 };
    sw.proc.lpWSPRecv(accepted[1], posted, 1, { value: 0 }, flags, overlapped, null, null, sw.errno);
    assert.equal(sw.errno.value, WSA_IO_PENDING);
    await until(() => isComplete(overlapped), 'the posted receive');
    assert.equal(into.toString('utf8', 0, overlapped.InternalHigh), 'posted');
  });

  it('hands connect data over both ways, and a refusal with its words', async () => {
    const sw = new MiniSwitch();
    let seen = '';
    const { tcp, port } = await sw.listen(() => undefined, ((
      _id: unknown,
      data: { buf: Uint8Array; len: number },
      _q: unknown,
      _g: unknown,
      _c: unknown,
      out: { buf: Uint8Array; len: number },
    ) => {
      seen = Buffer.from(data.buf).toString('utf8', 0, data.len);
      out.len = Buffer.from(out.buf.buffer).write('no thanks');
      return CF_REJECT;
    }) as never);
    open.push(tcp);
    const refused = await sw.connect(port, Buffer.from('hello'));
    assert.equal(seen, 'hello');
    assert.deepEqual([refused.code, refused.detail], [WSAEADDRNOTAVAIL, 'listener-refused']);
    assert.equal(refused.callee.toString(), 'no thanks');
  });
});

describe('connects that stay on TCP', () => {
  it('nobody listens; a listener without a companion; a uid that is not allowed', async () => {
    const { createServer } = await import('node:net');
    const sw = new MiniSwitch();
    const plain = createServer().listen(0, '127.0.0.1');
    open.push(plain);
    await new Promise((resolve) => plain.once('listening', resolve));
    const { port } = plain.address() as { port: number };
    const absent = await sw.connect(port);
    assert.deepEqual([absent.code, absent.detail], [WSAEADDRNOTAVAIL, 'no-companion']);
    const nobody = await sw.connect(1);
    assert.deepEqual([nobody.code, nobody.detail], [WSAEADDRNOTAVAIL, 'no-listener']);
    const stranger = new MiniSwitch({ allowedUids: [4_000_000] });
    const denied = await stranger.connect(port);
    assert.deepEqual([denied.code, denied.detail], [WSAEACCES, 'uid-not-allowed']);
  });

  it('a full accept queue, and no event for it (LIST-7, ERR-6)', async () => {
    const sw = new MiniSwitch();
    const { tcp, s, port } = await sw.listen(() => undefined);
    open.push(tcp);
    sw.proc.lpWSPListen(s, 1, sw.errno);
    sw.proc.lpWSPEventSelect(s, null, 0, sw.errno);
    const first = sw.connect(port);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await sw.connect(port);
    assert.deepEqual([second.code, second.detail], [WSAETIMEDOUT, 'listener-busy']);
    sw.proc.lpWSPCloseSocket(s, sw.errno);
    assert.equal((await first).detail, 'no-companion', 'a listener that closes turns waiting ones away');
  });
});

describe('the letter of the SPI', () => {
  it('answers use of what is not there with codes, never exceptions (OBS-22, ERR-1, ERR-21)', () => {
    const sw = new MiniSwitch();
    const code = (result: number) => (assert.equal(result, -1), sw.errno.value);
    assert.equal(code(sw.proc.lpWSPCloseSocket(77, sw.errno)), WSAENOTSOCK);
    assert.equal(code(sw.proc.lpWSPListen(77, 1, sw.errno)), WSAENOTSOCK);
    const s = sw.socket(makeSockaddr(AF_INET, '127.0.0.1', 9));
    assert.equal(sw.send(s, Buffer.from('x')), WSAENOTCONN);
    assert.equal(code(sw.proc.lpWSPBind(s, makeSockaddr(AF_INET, '127.0.0.1', 9), 16, sw.errno)), WSAEINVAL);
    assert.equal(new MiniSwitch({ rdma: 'off' }).extension(WSAID_RDMAREAD), WSAEOPNOTSUPP);
    assert.equal(sw.extension(WSAID_MEMORYREGISTRATIONCACHECALLBACK), WSAEOPNOTSUPP);
    assert.equal(sw.extension('00000000-0000-0000-0000-000000000000'), WSAEINVAL);
  });

  it('refuses messages beyond SO_MAX_MSG_SIZE', async () => {
    const { sw, s } = await connected();
    assert.equal(sw.send(s, Buffer.alloc(RECORD_BYTES_MAX)), 0);
    assert.equal(sw.send(s, Buffer.alloc(RECORD_BYTES_MAX + 1)), WSAEMSGSIZE);
  });

  it('writes to registered memory of the peer, and to nothing else (MEM-7 … MEM-16, XFER-10 … XFER-14)', async () => {
    const { sw, s, accepted } = await connected();
    const registerRdma = sw.extension(WSAID_REGISTERRDMAMEMORY) as SanExtensions['WSPRegisterRdmaMemory'];
    const register = sw.extension(WSAID_REGISTERMEMORY) as SanExtensions['WSPRegisterMemory'];
    const rdmaWrite = sw.extension(WSAID_RDMAWRITE) as SanExtensions['WSPRdmaWrite'];
    assert.ok(typeof registerRdma === 'function' && typeof register === 'function' && typeof rdmaWrite === 'function');
    const target = Buffer.alloc(100_000);
    const length = { value: 0 };
    assert.equal(registerRdma(accepted[0], target, target.length, MEM_WRITE, null, length, sw.errno), -1);
    assert.equal(sw.errno.value, WSAEFAULT, 'the probe for the size (MEM-16)');
    const descriptor = Buffer.alloc(length.value);
    assert.equal(registerRdma(accepted[0], target, target.length, MEM_WRITE, descriptor, length, sw.errno), 0);
    const source = Buffer.alloc(60_000, 0x5a);
    const handle = register(s, source, source.length, MEM_READ, sw.errno);
    assert.ok(handle > 0);
    const write = (offset: number, buffer: Buffer, withHandle = handle) => {
      const overlapped = createOverlapped();
      const buffers = [{ len: buffer.length, buf: buffer, handle: withHandle }];
      const written = { value: 0 };
      const size = descriptor.length;
      rdmaWrite(s, buffers, 1, descriptor, size, offset, written, 0, overlapped, null, null, sw.errno);
      return { overlapped, code: sw.errno.value };
    };
    assert.equal(write(0, Buffer.alloc(10)).code, WSAEFAULT, 'a source that is not registered');
    assert.equal(write(50_000, source).code, WSAEFAULT, 'beyond the target');
    const { overlapped, code } = write(40_000, source);
    assert.equal(code, WSA_IO_PENDING);
    sw.record(s);
    const there = sw.record(accepted[0]);
    await until(() => isComplete(overlapped), 'the RDMA write');
    assert.equal(overlapped.InternalHigh, 60_000);
    const done = createOverlapped();
    sw.send(s, Buffer.from('transfer complete'), done);
    await until(() => there.messages.length === 1, 'the message after it');
    assert.ok(target.subarray(0, 40_000).every((byte) => byte === 0));
    assert.ok(
      target.subarray(40_000).every((byte) => byte === 0x5a),
      'in place before the message (OBS-13)',
    );
  });
});
