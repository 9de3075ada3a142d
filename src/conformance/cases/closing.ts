/** WSPCloseSocket: what it ends, and how (CLOSE-2…11). */
import { FD_ACCEPT, MEM_READ, MEM_WRITE, WSA_IO_PENDING, WSA_OPERATION_ABORTED, WSAENOTSOCK } from '../../spi/index.js';
import { topic } from '../case.js';
import { pattern } from '../end.js';
import { WatchedEvent } from '../ledger.js';
import { register } from '../memory.js';

export const CLOSING = topic('closing', [
  {
    name: 'WSPCloseSocket succeeds at once in every state, and never answers WSAEWOULDBLOCK (CLOSE-2)',
    async run(bench) {
      const { client } = bench;
      bench.code(client.close(bench.socket(client)), 0, 'a fresh socket');
      bench.code(client.close((await bench.bound(client, 'connect')).s), 0, 'a bound socket');
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      bench.code(connector.host.close(connector.s), 0, 'a connecting socket');
      await bench.quiet();
      const { s: late } = bench.accept(listener);
      if (late >= 0) bench.code(listener.host.close(late), 0, 'an accepted socket whose peer is gone');
      listener.host.enumEvents(listener.s, listener.event);
      const connection = await bench.connected(listener);
      connection.server.receive('posted');
      bench.code(connection.client.host.close(connection.client.s), 0, 'a connected socket');
      await bench.until('the connection ends', () => connection.server.ends > 0);
      bench.code(connection.server.host.close(connection.server.s), 0, 'a socket whose peer has closed');
      bench.code(listener.host.close(listener.s), 0, 'a listening socket');
    },
  },
  {
    name: 'pending receives end with WSA_OPERATION_ABORTED and 0 bytes, each once (CLOSE-4, ERR-15)',
    async run(bench) {
      const { server } = await bench.connected();
      server.receive('posted');
      let notified = 0;
      for (const operation of server.receives) operation.onComplete = () => notified++;
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
      await bench.until('all receives end', () => server.receives.every(({ state }) => state === 'done'));
      await bench.quiet();
      bench.equal(notified, server.receives.length, 'notifications');
      for (const { error, InternalHigh } of server.receives) {
        bench.code(error, WSA_OPERATION_ABORTED, 'a receive');
        bench.equal(InternalHigh, 0, 'its bytes');
      }
    },
  },
  {
    name: 'pending operations that are polled end as well, without notification (CLOSE-4, XFER-22)',
    async run(bench) {
      const { server } = await bench.connected();
      const { host, s } = server;
      const buf = new Uint8Array(64);
      bench.code(register(host, s, buf, MEM_WRITE).code, 0, 'WSPRegisterMemory');
      const operation = host.operation(true);
      bench.code(host.receive(s, [{ len: 64, buf }], operation), WSA_IO_PENDING, 'WSPRecv');
      bench.code(host.close(s), 0, 'WSPCloseSocket');
      await bench.until('the receive ends', () => operation.finished);
      bench.code(operation.OffsetHigh, WSA_OPERATION_ABORTED, 'the receive');
      bench.equal(operation.InternalHigh, 0, 'its bytes');
    },
  },
  {
    name: 'pending sends end too: all that had not ended before (CLOSE-4)',
    async run(bench) {
      const { client } = await bench.connected();
      const { host, s } = client;
      const size = client.capacity(12_000);
      const region = pattern(size, 1);
      bench.code(register(host, s, region, MEM_READ).code, 0, 'WSPRegisterMemory');
      // Nobody receives. Beyond what the provider takes the calls fail, which is its right (OBS-15).
      const operations = Array.from({ length: 12 }, () => host.operation());
      for (const operation of operations) host.send(s, [{ len: size, buf: region }], operation);
      const pending = operations.filter(({ state }) => state === 'pending');
      bench.code(host.close(s), 0, 'WSPCloseSocket');
      await bench.until('all sends end', () => pending.every(({ state }) => state === 'done'));
      for (const { error } of pending) bench.code(error, [WSA_OPERATION_ABORTED, 0], 'a send');
    },
  },
  {
    name: 'the last up-call is WPUCloseSocketHandle, after all completions (CLOSE-6)',
    async run(bench) {
      const { client, server } = await bench.connected();
      for (const end of [client, server]) {
        end.receive('posted');
        const entry = bench.some(end.host.ledger.byDescriptor.get(end.s), 'the socket is not known');
        const states: string[] = [];
        for (const operation of end.receives) operation.onComplete = () => states.push(entry.state);
        bench.code(end.host.close(end.s), 0, 'WSPCloseSocket');
        await bench.until('WPUCloseSocketHandle', () => entry.state === 'closed');
        bench.check(!states.includes('closed'), 'a completion came after WPUCloseSocketHandle');
        bench.equal(states.length, end.receives.length, 'completions');
      }
    },
  },
  {
    name: 'every socket that is closed gets its WPUCloseSocketHandle, connected or not (CLOSE-6, CLOSE-8)',
    async run(bench) {
      const fresh = bench.socket(bench.client);
      const listener = await bench.listen();
      for (const [host, s] of [
        [bench.client, fresh],
        [listener.host, listener.s],
      ] as const) {
        const entry = host.ledger.byDescriptor.get(s);
        bench.code(host.close(s), 0, 'WSPCloseSocket');
        await bench.until('WPUCloseSocketHandle', () => entry?.state === 'closed');
      }
    },
  },
  {
    name: 'WSPCloseSocket of what is closed fails with WSAENOTSOCK (CLOSE-9, ERR-21)',
    async run(bench) {
      const { client } = await bench.connected();
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket');
      bench.code(client.host.close(client.s), WSAENOTSOCK, 'WSPCloseSocket again');
    },
  },
  {
    name: 'nothing comes up for a socket after it is closed, though the peer goes on (CLOSE-6, CLOSE-3)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const event = new WatchedEvent();
      server.host.eventSelect(server.s, event, FD_ACCEPT);
      server.receive('posted');
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
      await client.send(pattern(10, 1));
      await bench.quiet();
      bench.equal(server.messages.length, 0, 'messages');
      bench.equal(event.sets, 0, 'signals');
    },
  },
  {
    name: 'closing releases what the socket had registered (MEM-18)',
    async run(bench) {
      const first = await bench.connected();
      const { host, s } = first.client;
      for (let more = 0; more < 8; more++)
        bench.code(register(host, s, new Uint8Array(64), MEM_READ).code, 0, 'WSPRegisterMemory');
      bench.code(host.close(s), 0, 'WSPCloseSocket');
      const second = await bench.connected(first.listener);
      bench.code(register(host, second.client.s, new Uint8Array(64), MEM_READ).code, 0, 'WSPRegisterMemory afterwards');
    },
  },
]);
