/** RDMA transfers that are in order (XFER-10…14, XFER-30, XFER-31, OBS-8, OBS-13). */
import {
  MEM_READ,
  MEM_READWRITE,
  MEM_WRITE,
  WSA_IO_PENDING,
  WSAEFAULT,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENOTCONN,
} from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { type CaseSpec, only, topic } from '../case.js';
import { type End, pattern } from '../end.js';
import { expose, type Rdma, rdma, type RdmaCall, register } from '../memory.js';

/** Most that a case writes to see a limit, in bytes. */
const LARGE = 16 << 20;

/** One RDMA call from `end` with one buffer, waited for: its code. */
export async function transfer(
  end: End,
  which: Rdma,
  buf: Uint8Array,
  handle: number,
  descriptor: Uint8Array,
  call: RdmaCall & { poll?: boolean } = {},
): Promise<number> {
  const operation = end.host.operation(call.poll);
  const code = rdma(end.host, which, end.s, [{ len: buf.length, buf, handle }], descriptor, operation, call);
  return code === WSA_IO_PENDING ? end.finish(operation) : code;
}

/** Memory of `end`, registered for the local side of `which`. */
export function local(bench: Bench, end: End, which: Rdma, buf: Uint8Array): { buf: Uint8Array; handle: number } {
  const { code, value } = register(end.host, end.s, buf, which === 'WSPRdmaWrite' ? MEM_READ : MEM_WRITE);
  bench.code(code, 0, 'WSPRegisterMemory');
  return { buf, handle: value };
}

/** A message from `from` to `to`, which receives: whatever RDMA went before is in place when it comes. */
async function afterwards(from: End, to: End): Promise<void> {
  await from.exchange(to, [Uint8Array.of(0xad)]);
}

function writes(): CaseSpec[] {
  const which = 'WSPRdmaWrite';
  return [
    {
      name: 'WSPRdmaWrite puts bytes at the offset, and the message after it finds them there (XFER-11, XFER-13, XFER-31)',
      async run(bench) {
        const { client, server } = await bench.connected();
        server.receive('posted');
        const target = new Uint8Array(10_000);
        const descriptor = expose(server.host, server.s, target, MEM_WRITE);
        const { buf, handle } = local(bench, client, which, pattern(6000, 1));
        bench.code(await transfer(client, which, buf, handle, descriptor, { offset: 3000 }), 0, which);
        await afterwards(client, server);
        bench.sameBytes(target.subarray(3000, 9000), buf, 'the bytes');
        bench.check(
          target.subarray(0, 3000).every((byte) => byte === 0),
          'bytes before the offset were written',
        );
        bench.check(
          target.subarray(9000).every((byte) => byte === 0),
          'bytes behind the end were written',
        );
      },
    },
    {
      name: 'WSPRdmaWrite of one registration in several pieces, to the last byte, polled and notified (XFER-31, XFER-12)',
      async run(bench) {
        const { client, server } = await bench.connected();
        server.receive('posted');
        const size = 4096;
        const target = new Uint8Array(4 * size);
        const descriptor = expose(server.host, server.s, target, MEM_READWRITE);
        const whole = pattern(4 * size, 2);
        const { handle } = local(bench, client, which, whole);
        for (const piece of [2, 0, 3, 1]) {
          const buf = whole.subarray(piece * size, (piece + 1) * size);
          const code = await transfer(client, which, buf, handle, descriptor, {
            offset: piece * size,
            poll: piece % 2 === 0,
          });
          bench.code(code, 0, `${which} of piece ${piece}`);
        }
        await afterwards(client, server);
        bench.sameBytes(target, whole, 'the bytes');
      },
    },
    {
      name: 'test vector: an RDMA write gathers four buffers (OBS-8)',
      async run(bench) {
        const { client, server } = await bench.connected();
        server.receive('posted');
        const target = new Uint8Array(400);
        const descriptor = expose(server.host, server.s, target, MEM_WRITE);
        const whole = pattern(400, 3);
        const { handle } = local(bench, client, which, whole);
        const buffers = [0, 1, 2, 3].map((piece) => ({
          len: 100,
          buf: whole.subarray(piece * 100, piece * 100 + 100),
          handle,
        }));
        const operation = client.host.operation();
        const code = rdma(client.host, which, client.s, buffers, descriptor, operation);
        if (code === WSA_IO_PENDING) bench.code(await client.finish(operation), 0, which);
        else bench.code(code, 0, which);
        bench.equal(operation.bytes, 400, 'bytes');
        await afterwards(client, server);
        bench.sameBytes(target, whole, 'the bytes');
      },
    },
    {
      name: 'WSPRdmaWrite from memory that is not registered, or registered elsewhere, fails with WSAEFAULT (XFER-30, MEM-6)',
      async run(bench) {
        const first = await bench.connected();
        const second = await bench.connected(first.listener);
        const { client, server } = first;
        const target = new Uint8Array(64);
        const descriptor = expose(server.host, server.s, target, MEM_WRITE);
        const source = pattern(64, 1);
        const mine = local(bench, client, which, source);
        const other = local(bench, second.client, which, pattern(64, 2));
        bench.code(await transfer(client, which, pattern(64, 9), mine.handle, descriptor), WSAEFAULT, 'other memory');
        bench.code(
          await transfer(client, which, other.buf, other.handle, descriptor),
          WSAEFAULT,
          'a handle of another socket',
        );
        bench.code(await transfer(client, which, source, 0x7ffffff0, descriptor), WSAEFAULT, 'an unknown handle');
        await bench.quiet();
        bench.check(
          target.every((byte) => byte === 0),
          'something was written',
        );
      },
    },
    {
      name: 'WSPRdmaWrite with flags, or with half a descriptor, fails with WSAEINVAL (XFER-31)',
      async run(bench) {
        const { client, server } = await bench.connected();
        const target = new Uint8Array(64);
        const descriptor = expose(server.host, server.s, target, MEM_WRITE);
        const { buf, handle } = local(bench, client, which, pattern(64, 1));
        bench.code(await transfer(client, which, buf, handle, descriptor, { flags: 1 }), WSAEINVAL, 'flags 1');
        const half = descriptor.length >> 1;
        const code = await transfer(client, which, buf, handle, descriptor, { length: half });
        bench.code(code, [WSAEINVAL, WSAEFAULT], 'half a descriptor');
        await bench.quiet();
        bench.check(
          target.every((byte) => byte === 0),
          'something was written',
        );
      },
    },
    {
      name: 'more than SO_MAX_RDMA_SIZE in one call is refused, and nothing is written (XFER-3, OPT-6)',
      skip: ({ limits }) =>
        limits.rdmaBytes !== null && limits.rdmaBytes <= LARGE ? null : 'no limit, or a large one',
      async run(bench) {
        const { client, server } = await bench.connected();
        const bytes = (bench.manifest.limits.rdmaBytes ?? 0) + 1;
        const target = new Uint8Array(bytes);
        const descriptor = expose(server.host, server.s, target, MEM_WRITE);
        const { buf, handle } = local(bench, client, which, new Uint8Array(bytes).fill(1));
        const code = await transfer(client, which, buf, handle, descriptor);
        bench.code(code, [WSAEINVAL, WSAEMSGSIZE, WSAEFAULT], which);
        await bench.quiet();
        bench.check(!target.includes(1), 'something was written');
        bench.code(await transfer(client, which, buf.subarray(1), handle, descriptor), 0, `${which} of the limit`);
      },
    },
    {
      name: 'test vector: five buffers are gathered, or refused with WSAEINVAL (OBS-8, OBS-15)',
      async run(bench) {
        const { client, server } = await bench.connected();
        server.receive('posted');
        const target = new Uint8Array(50);
        const descriptor = expose(server.host, server.s, target, MEM_WRITE);
        const { buf, handle } = local(bench, client, which, pattern(50, 4));
        const buffers = [0, 1, 2, 3, 4].map((piece) => ({
          len: 10,
          buf: buf.subarray(piece * 10, piece * 10 + 10),
          handle,
        }));
        const operation = client.host.operation();
        const code = rdma(client.host, which, client.s, buffers, descriptor, operation);
        bench.code(code, [0, WSA_IO_PENDING, WSAEINVAL], which);
        if (code === WSA_IO_PENDING) bench.code(await client.finish(operation), 0, which);
        await afterwards(client, server);
        if (code === WSAEINVAL)
          bench.check(
            target.every((byte) => byte === 0),
            'something was written',
          );
        else bench.sameBytes(target, buf, 'the bytes');
      },
    },
    {
      name: 'WSPRdmaWrite on a socket that is not connected fails with WSAENOTCONN (XFER-32, OBS-14)',
      async run(bench) {
        const { client, server } = await bench.connected();
        const descriptor = expose(server.host, server.s, new Uint8Array(64), MEM_WRITE);
        const { buf, handle } = local(bench, client, which, pattern(64, 1));
        const { s } = await bench.bound(client.host, 'connect');
        const operation = client.host.operation();
        const code = rdma(client.host, which, s, [{ len: 64, buf, handle }], descriptor, operation);
        bench.code(code, WSAENOTCONN, which);
      },
    },
  ];
}

function reads(): CaseSpec[] {
  const which = 'WSPRdmaRead';
  return [
    {
      name: 'WSPRdmaRead gets bytes from the offset (XFER-7, XFER-31)',
      skip: only('rdmaRead'),
      async run(bench) {
        const { client, server } = await bench.connected();
        const source = pattern(10_000, 4);
        const descriptor = expose(server.host, server.s, source, MEM_READ);
        const { buf, handle } = local(bench, client, which, new Uint8Array(6000));
        bench.code(await transfer(client, which, buf, handle, descriptor, { offset: 2500 }), 0, which);
        bench.sameBytes(buf, source.subarray(2500, 8500), 'the bytes');
      },
    },
    {
      name: 'WSPRdmaRead of one registration in several pieces, polled and notified, into several buffers (XFER-31, XFER-30)',
      skip: only('rdmaRead'),
      async run(bench) {
        const { client, server } = await bench.connected();
        const source = pattern(16_000, 5);
        const descriptor = expose(server.host, server.s, source, MEM_READ);
        const into = new Uint8Array(16_000);
        const { handle } = local(bench, client, which, into);
        for (const piece of [3, 1, 0, 2]) {
          const buffers = [0, 1].map((half) => {
            const at = piece * 4000 + half * 2000;
            return { len: 2000, buf: into.subarray(at, at + 2000), handle };
          });
          const operation = client.host.operation(piece % 2 === 0);
          const code = rdma(client.host, which, client.s, buffers, descriptor, operation, { offset: piece * 4000 });
          if (code === WSA_IO_PENDING) bench.code(await client.finish(operation), 0, which);
          else bench.code(code, 0, which);
          bench.equal(operation.bytes, 4000, 'bytes');
        }
        bench.sameBytes(into, source, 'the bytes');
      },
    },
    {
      name: 'a send does not overtake the WSPRdmaRead before it: it may announce that the read is finished (OBS-13)',
      skip: only('rdmaRead'),
      async run(bench) {
        const { client, server } = await bench.connected();
        const { host, s } = client;
        const bytes = Math.min(bench.manifest.limits.rdmaBytes ?? 300_000, 300_000);
        const source = pattern(bytes, 6);
        const descriptor = expose(server.host, server.s, source, MEM_READ);
        const { buf: into, handle } = local(bench, client, which, new Uint8Array(bytes));
        const message = Uint8Array.of(1);
        bench.code(register(host, s, message, MEM_READ).code, 0, 'WSPRegisterMemory');
        server.receive('posted');
        const read = host.operation();
        const code = rdma(host, which, s, [{ len: bytes, buf: into, handle }], descriptor, read);
        bench.code(code, [0, WSA_IO_PENDING], which);
        const send = host.operation();
        bench.code(host.send(s, [{ len: 1, buf: message }], send), [0, WSA_IO_PENDING], 'WSPSend');
        await bench.until('the message comes', () => server.messages.length === 1);
        // Who exposed the memory was told that the read is over, and uses it for something else.
        source.fill(0);
        await bench.until('both end', () => read.state === 'done' && send.state === 'done');
        bench.code(read.error, 0, which);
        bench.sameBytes(into, pattern(bytes, 6), 'what was read');
      },
    },
    {
      name: 'WSPRdmaRead into memory that is not registered on that socket fails with WSAEFAULT (XFER-30, MEM-6)',
      skip: only('rdmaRead'),
      async run(bench) {
        const first = await bench.connected();
        const second = await bench.connected(first.listener);
        const { client, server } = first;
        const descriptor = expose(server.host, server.s, pattern(64, 1), MEM_READ);
        const mine = local(bench, client, which, new Uint8Array(64));
        const other = local(bench, second.client, which, new Uint8Array(64));
        const elsewhere = new Uint8Array(64);
        bench.code(await transfer(client, which, elsewhere, mine.handle, descriptor), WSAEFAULT, 'other memory');
        bench.code(
          await transfer(client, which, other.buf, other.handle, descriptor),
          WSAEFAULT,
          'a handle of another socket',
        );
        await bench.quiet();
        bench.check(
          [...elsewhere, ...other.buf].every((byte) => byte === 0),
          'something was read',
        );
      },
    },
  ];
}

export const RDMA = topic('rdma', [...writes(), ...reads()]);
