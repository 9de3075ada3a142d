/** Messages that come before anybody receives (SESS-6…8). */
import { CF_ACCEPT, MEM_WRITE, WSA_IO_PENDING } from '../../spi/index.js';
import { eachReceiving, topic } from '../case.js';
import { End, pattern } from '../end.js';
import { earlyMessagesOf } from '../manifest.js';
import { register } from '../memory.js';

export const EARLY = topic('early', [
  ...eachReceiving(
    'what comes before anybody receives is kept, and delivered first, {how} (SESS-6, SESS-7, ERR-9)',
    async (bench, how) => {
      const { client, server } = await bench.connected();
      const count = earlyMessagesOf(bench.manifest);
      for (let index = 0; index < count; index++) await client.sent(pattern(20 + index, index));
      await bench.quiet();
      server.receive(how);
      await bench.until('the early messages come', () => server.messages.length >= count);
      await client.exchange(server, [pattern(7, 77)]);
      for (let index = 0; index < count; index++) {
        bench.sameBytes(server.messages[index], pattern(20 + index, index), `early message ${index}`);
      }
    },
  ),
  {
    name: 'the connection is not dropped because no buffer was posted in time (SESS-8)',
    async run(bench) {
      const { client, server } = await bench.connected();
      client.receive('posted');
      await client.sent(pattern(30, 1));
      for (let more = 0; more < 5; more++) await bench.quiet();
      bench.equal(client.ends, 0, 'ends of the connection');
      server.receive('posted');
      await bench.until('the message comes', () => server.messages.length === 1);
      await server.exchange(client, [pattern(40, 2)]);
    },
  },
  {
    name: 'an early message takes exactly one of the buffers that are posted later (SESS-7)',
    async run(bench) {
      const { client, server } = await bench.connected();
      await client.sent(pattern(11, 1));
      await bench.quiet();
      const { host, s } = server;
      const region = new Uint8Array(200);
      bench.code(register(host, s, region, MEM_WRITE).code, 0, 'WSPRegisterMemory');
      const operations = [0, 1].map((index) => {
        const operation = host.operation();
        const code = host.receive(s, [{ len: 100, buf: region.subarray(index * 100, index * 100 + 100) }], operation);
        bench.code(code, index === 0 ? [0, WSA_IO_PENDING] : WSA_IO_PENDING, 'WSPRecv');
        return operation;
      });
      await bench.until('the first receive ends', () => operations[0].state === 'done');
      await bench.quiet();
      bench.check(operations[1].state === 'pending', 'the second receive ended as well');
      bench.sameBytes(region.slice(0, operations[0].bytes), pattern(11, 1), 'the message');
    },
  },
  {
    name: 'a message may be sent the moment the connect has ended, and may wait for WSPAccept to return (SESS-6, CONN-9)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      const client = new End(bench, bench.client, connector.s);
      const sending: Promise<void>[] = [];
      // The connector's switch speaks from inside the signal, which may be before WSPAccept has returned.
      connector.event.onSet = () => {
        sending.push(client.sent(pattern(25, 3)));
      };
      await bench.requested(listener);
      const { s, code } = bench.accept(listener, () => CF_ACCEPT);
      bench.code(code, 0, 'WSPAccept');
      bench.code(await bench.outcome(connector), 0, 'the connect');
      if (sending.length === 0) sending.push(client.sent(pattern(25, 3))); // connected at once, without a signal
      await Promise.all(sending);
      const server = new End(bench, listener.host, s).receive('posted');
      await bench.until('the message comes', () => server.messages.length === 1);
      bench.sameBytes(server.messages[0], pattern(25, 3), 'the message');
    },
  },
]);
