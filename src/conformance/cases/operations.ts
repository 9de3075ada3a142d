/** Overlapped operations: how they report their end (XFER-18…28). */
import {
  MEM_READ,
  MEM_WRITE,
  type WSABUF,
  WSA_IO_INCOMPLETE,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  WSAEOPNOTSUPP,
  WSAEWOULDBLOCK,
} from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { only, topic } from '../case.js';
import { type End, pattern } from '../end.js';
import type { WatchedOverlapped } from '../overlapped.js';
import { deregister, register } from '../memory.js';

/** Posts one receive; it must pend, for nothing has been sent. */
function posted(
  bench: Bench,
  { host, s }: End,
  poll: boolean,
): { operation: WatchedOverlapped; buf: Uint8Array; handle: number } {
  const buf = new Uint8Array(200);
  const { code, value: handle } = register(host, s, buf, MEM_WRITE);
  bench.code(code, 0, 'WSPRegisterMemory');
  const operation = host.operation(poll);
  bench.code(host.receive(s, [{ len: buf.length, buf }], operation), WSA_IO_PENDING, 'WSPRecv');
  return { operation, buf, handle };
}

export const OPERATIONS = topic('operations', [
  {
    name: 'an operation that is to be notified ends by one WPUCompleteOverlappedRequest, with the switch’s handle (XFER-23, XFER-27, SOCK-8)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const { operation, buf } = posted(bench, server, false);
      let notified = 0;
      operation.onComplete = () => notified++;
      await client.sent(pattern(20, 1));
      await bench.until('the receive ends', () => operation.state === 'done');
      await bench.quiet();
      bench.equal(notified, 1, 'notifications');
      bench.code(operation.error, 0, 'the receive');
      bench.sameBytes(buf.slice(0, operation.bytes), pattern(20, 1), 'the message');
    },
  },
  {
    name: 'an operation that is polled ends without notification, and WSPGetOverlappedResult tells (XFER-22, XFER-26, XFER-27, XFER-28, ERR-13)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const { operation, buf } = posted(bench, server, true);
      bench.code(server.host.result(server.s, operation).code, WSA_IO_INCOMPLETE, 'WSPGetOverlappedResult too early');
      await client.sent(pattern(20, 2));
      bench.code(await server.finish(operation), 0, 'the receive');
      bench.equal(operation.bytes, 20, 'bytes');
      bench.sameBytes(buf.slice(0, 20), pattern(20, 2), 'the message');
      await bench.quiet();
    },
  },
  {
    name: 'a send may be polled as well (XFER-22, XFER-24)',
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('posted');
      await client.exchange(server, [pattern(30, 1), pattern(40, 2), pattern(50, 3)], true);
    },
  },
  {
    name: 'WSPGetOverlappedResult of a notified operation: incomplete first, then its result (XFER-12, XFER-26)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const { operation } = posted(bench, server, false);
      bench.code(server.host.result(server.s, operation).code, WSA_IO_INCOMPLETE, 'WSPGetOverlappedResult too early');
      await client.sent(pattern(33, 2));
      await bench.until('the receive ends', () => operation.state === 'done');
      const { code, value, flags } = server.host.result(server.s, operation);
      bench.code(code, 0, 'WSPGetOverlappedResult');
      bench.equal(value, 33, 'bytes');
      bench.equal(flags, 0, 'flags');
    },
  },
  {
    name: 'test vector: asked to wait, a provider does not: fWait is never true under the switch (OBS-17)',
    async run(bench) {
      const { server } = await bench.connected();
      const { operation } = posted(bench, server, true);
      const { procs, errno } = server.host;
      const done = procs.lpWSPGetOverlappedResult(server.s, operation, { value: 0 }, true, { value: 0 }, errno);
      bench.equal(done, false, 'WSPGetOverlappedResult with fWait');
      bench.code(errno.value, WSAEOPNOTSUPP, 'WSPGetOverlappedResult with fWait');
    },
  },
  {
    name: 'a receive that finds its message there already does not end by an up-call from inside WSPRecv (XFER-21, OBS-16)',
    async run(bench) {
      const { client, server } = await bench.connected();
      await client.sent(pattern(5, 1));
      await bench.quiet();
      const buf = new Uint8Array(64);
      bench.code(register(server.host, server.s, buf, MEM_WRITE).code, 0, 'WSPRegisterMemory');
      const operation = server.host.operation();
      const code = server.host.receive(server.s, [{ len: 64, buf }], operation); // the ledger watches
      bench.code(code, [0, WSA_IO_PENDING], 'WSPRecv');
      await bench.until('the receive ends', () => operation.state === 'done');
      bench.sameBytes(buf.slice(0, operation.bytes), pattern(5, 1), 'the message');
    },
  },
  {
    name: 'an overlapped structure may be used again once its operation has ended (XFER-27)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const buf = new Uint8Array(64);
      bench.code(register(server.host, server.s, buf, MEM_WRITE).code, 0, 'WSPRegisterMemory');
      const operation = server.host.operation();
      for (let round = 1; round <= 5; round++) {
        bench.code(server.host.receive(server.s, [{ len: 64, buf }], operation), WSA_IO_PENDING, 'WSPRecv');
        await client.sent(pattern(round, round));
        await bench.until(`receive ${round} ends`, () => operation.state === 'done');
        bench.equal(operation.bytes, round, 'bytes');
      }
    },
  },
  {
    name: 'an operation has let go of its memory when it is notified: it can be deregistered there (CLOSE-5, MEM-15)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const { operation, handle } = posted(bench, server, false);
      let code = -1;
      operation.onComplete = () => (code = deregister(server.host, server.s, handle));
      await client.sent(pattern(5, 1));
      await bench.until('the receive ends', () => operation.state === 'done');
      bench.code(code, 0, 'WSPDeregisterMemory from inside the completion');
    },
  },
  {
    name: 'from inside a completion the switch may post, send and ask (OBS-20, SESS-14)',
    async run(bench) {
      const { client, server } = await bench.connected();
      client.receive('posted');
      const { host, s } = server;
      const reply = pattern(9, 4);
      bench.code(register(host, s, reply, MEM_READ).code, 0, 'WSPRegisterMemory');
      const { operation, buf } = posted(bench, server, false);
      const buffers: WSABUF[] = [{ len: buf.length, buf }];
      const codes: number[] = [];
      operation.onComplete = () => {
        const send = host.operation();
        codes.push(host.receive(s, buffers, operation), host.send(s, [{ len: reply.length, buf: reply }], send));
      };
      await client.sent(pattern(5, 1));
      await bench.until('the reply comes', () => client.messages.length === 1);
      bench.code(codes[0] ?? -1, [0, WSA_IO_PENDING], 'WSPRecv from inside the completion');
      bench.code(codes[1] ?? -1, [0, WSA_IO_PENDING], 'WSPSend from inside the completion');
      await client.sent(pattern(6, 1));
      await bench.until('the second reply comes', () => client.messages.length === 2);
      operation.onComplete = null;
    },
  },
  {
    name: 'from inside a completion the switch may close the socket (OBS-20, CLOSE-6)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const first = posted(bench, server, false);
      const second = posted(bench, server, false);
      let code = -1;
      first.operation.onComplete = () => (code = server.host.close(server.s));
      await client.sent(pattern(5, 1));
      await bench.until('the second receive ends', () => second.operation.state === 'done');
      bench.code(code, 0, 'WSPCloseSocket from inside the completion');
      bench.code(second.operation.error, WSA_OPERATION_ABORTED, 'the second receive');
    },
  },
  {
    name: 'WSPSend without an overlapped structure sends at once, or fails with WSAEWOULDBLOCK and takes nothing (XFER-20)',
    skip: only('ownsReceiveBuffers'),
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('owned');
      const { host, s } = client;
      let sent = 0;
      let code = 0;
      while (code === 0 && sent < 5000) {
        code = host.send(s, [{ len: 2000, buf: pattern(2000, sent) }], null);
        if (code === 0) sent++;
      }
      bench.code(code, [0, WSAEWOULDBLOCK], 'WSPSend');
      await bench.until('all that was taken comes', () => server.messages.length === sent);
      await bench.quiet();
      bench.equal(server.messages.length, sent, 'messages');
      server.messages.forEach((message, index) => bench.sameBytes(message, pattern(2000, index), `message ${index}`));
    },
  },
  {
    name: 'sends that pend come in order, each ends once, and none overtakes (XFER-16, XFER-23)',
    skip: only('ownsReceiveBuffers'),
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('owned');
      const size = client.capacity(12_000);
      const operations = Array.from({ length: 40 }, (_, index) => {
        const operation = client.host.operation();
        const code = client.host.send(client.s, [{ len: size, buf: pattern(size, index) }], operation);
        bench.code(code, [0, WSA_IO_PENDING], 'WSPSend');
        return operation;
      });
      await bench.until('all messages come', () => server.messages.length === operations.length);
      await bench.until('all sends end', () => operations.every(({ state }) => state === 'done'));
      server.messages.forEach((message, index) => bench.sameBytes(message, pattern(size, index), `message ${index}`));
      bench.check(
        operations.every(({ bytes }) => bytes === size),
        'a send tells another number of bytes',
      );
    },
  },
]);
