/** What the end of a connection is like for the side that did not close (CLOSE-3, CLOSE-7, ERR-14). */
import {
  MEM_READ,
  MEM_WRITE,
  SO_DEBUG,
  SOL_SOCKET,
  WSA_IO_PENDING,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAENOTCONN,
  WSAENOTSOCK,
} from '../../spi/index.js';
import { eachReceiving, only, topic } from '../case.js';
import { pattern } from '../end.js';
import { register } from '../memory.js';

const GONE = [WSAECONNRESET, WSAECONNABORTED];

export const ENDING = topic('ending', [
  {
    name: 'when the peer closes, pending receives end with WSAECONNRESET and 0 bytes, each once (CLOSE-3, ERR-14)',
    async run(bench) {
      const { client, server } = await bench.connected();
      client.receive('posted');
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
      await bench.until('all receives end', () => client.receives.every(({ state }) => state === 'done'));
      for (const { error, InternalHigh } of client.receives) {
        bench.code(error, GONE, 'a receive');
        bench.equal(InternalHigh, 0, 'its bytes');
      }
    },
  },
  {
    name: 'a receive that is polled ends as well when the peer closes (CLOSE-3, XFER-26)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const buf = new Uint8Array(64);
      bench.code(register(client.host, client.s, buf, MEM_WRITE).code, 0, 'WSPRegisterMemory');
      const operation = client.host.operation(true);
      bench.code(client.host.receive(client.s, [{ len: 64, buf }], operation), WSA_IO_PENDING, 'WSPRecv');
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
      bench.code(await client.finish(operation), GONE, 'the receive');
    },
  },
  ...eachReceiving(
    'what was sent before the close comes first, then the end, {how} (CLOSE-3, XFER-16)',
    async (bench, how) => {
      const { client, server } = await bench.connected();
      server.receive(how);
      for (let index = 0; index < 5; index++) await client.sent(pattern(50 + index, index));
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket');
      await bench.until('the connection ends', () => server.ends > 0);
      bench.equal(server.messages.length, 5, 'messages before the end');
      server.messages.forEach((message, index) =>
        bench.sameBytes(message, pattern(50 + index, index), `message ${index}`),
      );
      bench.code(server.ended, how === 'owned' ? [0, ...GONE] : GONE, 'the end');
      await bench.quiet();
      if (how === 'owned') bench.equal(server.ends, 1, 'times the end was told');
    },
  ),
  ...eachReceiving(
    'what came before anybody received is delivered although the peer has closed, {how} (SESS-7, CLOSE-3)',
    async (bench, how) => {
      const { client, server } = await bench.connected();
      server.prepare();
      await client.sent(pattern(60, 1));
      await bench.quiet();
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket');
      await bench.quiet();
      server.receive(how);
      await bench.until('the connection ends', () => server.ends > 0);
      bench.equal(server.messages.length, 1, 'messages');
      bench.sameBytes(server.messages[0], pattern(60, 1), 'the message');
      if (how === 'posted') {
        await bench.until('all receives end', () => server.receives.every(({ state }) => state !== 'pending'));
      }
    },
  ),
  {
    name: 'after the peer has closed, transfers fail with the code of the end, not with WSAENOTSOCK (CLOSE-7, OBS-14)',
    async run(bench) {
      const { client, server } = await bench.connected();
      client.receive('posted');
      const buf = new Uint8Array(16);
      bench.code(register(client.host, client.s, buf, MEM_READ).code, 0, 'WSPRegisterMemory');
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
      await bench.until('the connection ends', () => client.ends > 0);
      const send = client.host.send(client.s, [{ len: 16, buf }], client.host.operation());
      bench.code(send, GONE, 'WSPSend');
      const receive = client.host.receive(client.s, [{ len: 16, buf }], client.host.operation());
      bench.code(receive, [...GONE, WSAENOTCONN], 'WSPRecv');
    },
  },
  {
    name: 'a socket’s record stays until WSPCloseSocket, whatever became of the connection (CLOSE-7, DUP-33)',
    async run(bench) {
      const { client, server } = await bench.connected();
      client.receive('posted');
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
      await bench.until('the connection ends', () => client.ends > 0);
      const { code } = client.host.getOption(client.s, SOL_SOCKET, SO_DEBUG);
      bench.check(code !== WSAENOTSOCK, 'the descriptor is not open any more');
      const others = Array.from({ length: 4 }, () => bench.socket(client.host));
      bench.check(!others.includes(client.s), 'the descriptor was given to another socket');
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket');
    },
  },
  {
    name: 'both sides may close at the same time (CLOSE-3, CLOSE-6)',
    async run(bench) {
      const { client, server } = await bench.connected();
      client.receive('posted');
      server.receive('posted');
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket of one side');
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket of the other');
      await bench.quiet();
    },
  },
  {
    name: 'the end of a connection leaves the others alone (CLOSE-3)',
    async run(bench) {
      const first = await bench.connected();
      const second = await bench.connected(first.listener);
      second.server.receive('posted');
      bench.code(first.client.host.close(first.client.s), 0, 'WSPCloseSocket');
      await bench.quiet();
      await second.client.exchange(second.server, [pattern(70, 1)]);
    },
  },
  {
    name: 'the owned receiver of a socket that is closed here is not called any more (CLOSE-6)',
    skip: only('ownsReceiveBuffers'),
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('owned');
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
      await client.send(pattern(10, 1));
      await bench.quiet();
      bench.equal(server.messages.length + server.runs + server.ends, 0, 'calls of the receiver');
    },
  },
]);
