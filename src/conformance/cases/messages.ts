/** Messages: whole, in order, of any size up to the limit (XFER-3, XFER-18…33). */
import {
  MEM_READ,
  MEM_WRITE,
  WSA_IO_PENDING,
  WSAEFAULT,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENOTCONN,
} from '../../spi/index.js';
import { eachReceiving, only, topic, without } from '../case.js';
import { pattern } from '../end.js';
import { receivesOf } from '../manifest.js';
import { register } from '../memory.js';

/** Largest message that is sent to a provider without a limit, in bytes. */
const LARGE = 1 << 20;

export const MESSAGES = topic('messages', [
  ...eachReceiving(
    'messages come whole and in order, both ways, {how} (XFER-33, XFER-30, OBS-5)',
    async (bench, how) => {
      const { client, server } = await bench.connected();
      client.receive(how);
      server.receive(how);
      const sizes = [1, 2, 3, 64, 255, 256, 257, 1000, 4095, 4096, 17, 1].map((size) => client.capacity(size));
      const messages = sizes.map((size, index) => pattern(size, index));
      await client.exchange(server, messages);
      await server.exchange(client, messages);
      for (let round = 0; round < 4; round++) {
        await client.exchange(server, messages.slice(0, 5));
        await server.exchange(client, messages.slice(5));
      }
      bench.equal(client.ends + server.ends, 0, 'ends of the connection');
    },
  ),
  ...eachReceiving('two hundred messages come in order {how} (XFER-33, XFER-16)', async (bench, how) => {
    const { client, server } = await bench.connected();
    server.receive(how);
    await client.exchange(
      server,
      Array.from({ length: 200 }, (_, index) => pattern(client.capacity(1 + ((index * 37) % 900)), index)),
    );
  }),
  ...eachReceiving(
    'the largest message passes, and one byte more fails with WSAEMSGSIZE and sends nothing, {how} (XFER-3, OPT-5)',
    async (bench, how) => {
      const { client, server } = await bench.connected();
      const { messageBytes } = bench.manifest.limits;
      const size = Math.min(messageBytes ?? LARGE, LARGE);
      server.receive(how, size);
      await client.exchange(server, [pattern(size, 9)]);
      if (messageBytes !== null && messageBytes < 64 * LARGE) {
        const tooLong = pattern(messageBytes + 1, 4);
        bench.code(await client.send(tooLong), WSAEMSGSIZE, `a message of ${messageBytes + 1} bytes`);
      }
      await client.exchange(server, [pattern(3, 2)]);
    },
  ),
  {
    name: 'the first `dwBufferCount` buffers are sent, and of each its first `len` bytes (XFER-29, XFER-30)',
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('posted');
      const { host, s } = client;
      const buf = pattern(100, 1);
      bench.code(register(host, s, buf, MEM_READ).code, 0, 'WSPRegisterMemory');
      const operation = host.operation();
      const code = host.send(
        s,
        [
          { len: 40, buf },
          { len: 60, buf },
        ],
        operation,
        0,
        1,
      );
      bench.code(code, [0, WSA_IO_PENDING], 'WSPSend');
      if (code !== 0) bench.code(await client.finish(operation), 0, 'the send');
      bench.equal(operation.bytes, 40, 'bytes sent');
      await bench.until('the message comes', () => server.messages.length === 1);
      bench.sameBytes(server.messages[0], buf.subarray(0, 40), 'the message');
    },
  },
  {
    name: 'several buffers make one message (XFER-29, OBS-8)',
    skip: ({ limits }) => ((limits.buffersPerMessage ?? 1) > 1 ? null : 'one buffer in a message'),
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('posted');
      const { host, s } = client;
      const whole = pattern(300, 5);
      bench.code(register(host, s, whole, MEM_READ).code, 0, 'WSPRegisterMemory');
      const operation = host.operation();
      const buffers = [
        { len: 100, buf: whole.subarray(0, 100) },
        { len: 200, buf: whole.subarray(100) },
      ];
      const code = host.send(s, buffers, operation);
      if (code === WSA_IO_PENDING) await client.finish(operation);
      else bench.code(code, 0, 'WSPSend');
      await bench.until('the message comes', () => server.messages.length > 0);
      bench.sameBytes(server.messages[0], whole, 'the message');
    },
  },
  {
    name: 'a buffer is free when its send has ended: what is written into it then is not sent (XFER-16, XFER-23)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const { host, s } = client;
      server.receive('posted');
      const count = Math.min(8, receivesOf(bench.manifest) - 1);
      const region = new Uint8Array(count * 500);
      bench.code(register(host, s, region, MEM_READ).code, 0, 'WSPRegisterMemory');
      const operations = Array.from({ length: count }, (_, index) => {
        const buf = region.subarray(index * 500, (index + 1) * 500);
        buf.set(pattern(500, index));
        const operation = host.operation();
        operation.onComplete = () => buf.fill(0xdd);
        if (host.send(s, [{ len: 500, buf }], operation) === 0) buf.fill(0xdd);
        return operation;
      });
      await bench.until('all sends end', () => operations.every(({ state }) => state === 'done'));
      await bench.until('all messages come', () => server.messages.length === count);
      server.messages.forEach((message, index) => bench.sameBytes(message, pattern(500, index), `message ${index}`));
    },
  },
  {
    name: 'each posted receive takes one message, the oldest the first (XFER-30, SESS-7)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const { host, s } = server;
      const region = new Uint8Array(3 * 100);
      bench.code(register(host, s, region, MEM_WRITE).code, 0, 'WSPRegisterMemory');
      const receives = [0, 1, 2].map((index) => {
        const operation = host.operation();
        const buf = region.subarray(index * 100, (index + 1) * 100);
        bench.code(host.receive(s, [{ len: 100, buf }], operation), WSA_IO_PENDING, 'WSPRecv');
        return { operation, buf };
      });
      for (const [index, { operation, buf }] of receives.entries()) {
        await client.sent(pattern(10 + index, index));
        await bench.until(`receive ${index} ends`, () => operation.state === 'done');
        bench.code(operation.error, 0, `receive ${index}`);
        bench.sameBytes(buf.slice(0, operation.bytes), pattern(10 + index, index), `message ${index}`);
        bench.equal(
          receives.filter((other) => other.operation.state === 'done').length,
          index + 1,
          'receives that ended',
        );
      }
    },
  },
  {
    name: 'flags of WSPSend are zero, for urgency is not a provider’s affair (XFER-29, OOB-4)',
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('posted');
      const { host, s } = client;
      const buf = pattern(4, 1);
      bench.code(register(host, s, buf, MEM_READ).code, 0, 'WSPRegisterMemory');
      bench.code(host.send(s, [{ len: 4, buf }], host.operation(), 1), WSAEINVAL, 'WSPSend with MSG_OOB');
      await bench.quiet();
      bench.equal(server.messages.length, 0, 'messages');
    },
  },
  {
    name: 'sending and receiving on a socket that is not connected fails with WSAENOTCONN (XFER-32, OBS-14)',
    async run(bench) {
      const { s } = await bench.bound(bench.client, 'connect');
      const buffers = [{ len: 4, buf: new Uint8Array(4) }];
      bench.code(bench.client.send(s, buffers, bench.client.operation()), WSAENOTCONN, 'WSPSend');
      bench.code(bench.client.receive(s, buffers, bench.client.operation()), WSAENOTCONN, 'WSPRecv');
      const listener = await bench.listen();
      bench.code(
        listener.host.send(listener.s, buffers, listener.host.operation()),
        WSAENOTCONN,
        'WSPSend of a listener',
      );
    },
  },
  {
    name: 'buffers that are not registered are refused with WSAEFAULT (XFER-30, MEM-1, OBS-15)',
    skip: without('ownsReceiveBuffers'),
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('posted');
      const { host, s } = client;
      const buffers = [{ len: 16, buf: new Uint8Array(16) }];
      bench.code(host.send(s, buffers, host.operation()), WSAEFAULT, 'WSPSend');
      bench.code(host.receive(s, buffers, host.operation()), WSAEFAULT, 'WSPRecv');
      await bench.quiet();
      bench.equal(server.messages.length, 0, 'messages');
    },
  },
  {
    name: 'a provider that owns its receive buffers sends any memory (XFER-30, MEM-1)',
    skip: only('ownsReceiveBuffers'),
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('owned');
      const operation = client.host.operation();
      const code = client.host.send(client.s, [{ len: 50, buf: pattern(50, 8) }], operation);
      if (code === WSA_IO_PENDING) await client.finish(operation);
      else bench.code(code, 0, 'WSPSend');
      await bench.until('the message comes', () => server.messages.length === 1);
      bench.sameBytes(server.messages[0], pattern(50, 8), 'the message');
    },
  },
]);
