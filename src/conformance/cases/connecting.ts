/** Connecting (CONN-3…16). */
import {
  FD_CONNECT,
  makeSockaddr,
  AF_INET6,
  WSAEALREADY,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEHOSTUNREACH,
  WSAEINVAL,
  WSAEISCONN,
  WSAEWOULDBLOCK,
} from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { topic } from '../case.js';
import { pattern, receivings } from '../end.js';
import { named } from '../failure.js';
import { WatchedEvent } from '../ledger.js';

const AUTHORITATIVE: readonly number[] = [WSAECONNRESET, WSAECONNREFUSED, WSAEHOSTUNREACH];

/** A failure that leaves the program its TCP, if this provider cannot know that TCP would fail as well (CONN-14). */
function mayFail(bench: Bench, code: number, what: string): void {
  bench.check(code !== 0, `${what} succeeded`);
  bench.check(code !== WSAEWOULDBLOCK, `${what} ended with WSAEWOULDBLOCK`);
  if (bench.manifest.lacks?.['authoritative-refusal'] === undefined) return;
  bench.check(!AUTHORITATIVE.includes(code), `${what} ended with ${named(code)}, by which the program loses TCP`);
}

export const CONNECTING = topic('connecting', [
  {
    name: 'a connect goes on in the background, and its end is signalled after the call (CONN-3, CONN-5, CONN-6)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      bench.code(connector.answer, [0, WSAEWOULDBLOCK], 'WSPConnect');
      await bench.requested(listener);
      bench.code(bench.accept(listener).code, 0, 'WSPAccept');
      bench.code(await bench.outcome(connector), 0, 'the connect');
      bench.check(connector.event.sets === (connector.answer === 0 ? 0 : 1), `${connector.event.sets} signals`);
    },
  },
  {
    name: 'what is connected carries messages both ways (CONN-4, SP-19)',
    async run(bench) {
      const { client, server } = await bench.connected();
      client.receive('posted');
      server.receive(receivings(bench.manifest).at(-1) ?? 'posted');
      await client.exchange(server, [pattern(100, 1)]);
      await server.exchange(client, [pattern(200, 2)]);
    },
  },
  {
    name: 'several connections to one listener are apart from each other (CONN-4)',
    async run(bench) {
      const first = await bench.connected();
      const connections = [first];
      for (let more = 0; more < 4; more++) connections.push(await bench.connected(first.listener));
      for (const { client, server } of connections) {
        client.receive('posted');
        server.receive('posted');
      }
      for (const [index, { client, server }] of connections.entries()) {
        await client.exchange(server, [pattern(64 + index, index)]);
        await server.exchange(client, [pattern(32 + index, 100 + index)]);
      }
      for (const { client, server } of connections) {
        bench.equal(client.messages.length + server.messages.length, 2, 'messages of a connection');
      }
    },
  },
  {
    name: 'a connect to a port on which nobody listens fails, so that TCP can be tried where it may succeed (CONN-13, CONN-14)',
    async run(bench) {
      const { name } = await bench.reserve('connect');
      mayFail(bench, await bench.outcome(await bench.connect(name)), 'the connect');
    },
  },
  {
    name: 'a connect to an address that this provider does not serve fails without costing the program TCP (CONN-14, ERR-5)',
    async run(bench) {
      const foreign = bench.family === AF_INET6 ? '2001:db8::1' : '192.0.2.77';
      const code = await bench.outcome(await bench.connect(makeSockaddr(bench.family, foreign, 4711)));
      bench.check(code !== 0, 'the connect succeeded');
      bench.check(!AUTHORITATIVE.includes(code), `the connect ended with ${named(code)}`);
    },
  },
  {
    name: 'a socket whose connect failed can still be closed (CONN-11, CLOSE-7)',
    async run(bench) {
      const { name } = await bench.reserve('connect');
      const connector = await bench.connect(name);
      bench.check((await bench.outcome(connector)) !== 0, 'the connect succeeded');
      bench.code(connector.host.close(connector.s), 0, 'WSPCloseSocket');
    },
  },
  {
    name: 'a connect while one is running fails with WSAEALREADY (CONN-16)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      if (connector.answer === 0) return; // done at once: there is none to run into
      bench.code(connector.host.connect(connector.s, listener.name, null, null), WSAEALREADY, 'a second WSPConnect');
      await bench.requested(listener);
      bench.code(bench.accept(listener).code, 0, 'WSPAccept');
      bench.code(await bench.outcome(connector), 0, 'the first connect');
    },
  },
  {
    name: 'test vector: a connect of what is connected, listening or unbound fails with its code (OBS-28)',
    async run(bench) {
      const { client, listener } = await bench.connected();
      bench.code(client.host.connect(client.s, listener.name, null, null), WSAEISCONN, 'a connected socket');
      bench.code(listener.host.connect(listener.s, listener.name, null, null), WSAEINVAL, 'a listening socket');
      bench.code(
        client.host.connect(bench.socket(client.host), listener.name, null, null),
        WSAEINVAL,
        'an unbound socket',
      );
    },
  },
  {
    name: 'a malformed destination fails with WSAEFAULT, or is not this provider’s (CONN-16)',
    async run(bench) {
      const { s } = await bench.bound(bench.client, 'connect');
      bench.code(bench.client.eventSelect(s, new WatchedEvent(), FD_CONNECT), 0, 'WSPEventSelect');
      const code = bench.client.connect(s, makeSockaddr(bench.family, 'nowhere', 80), null, null);
      bench.code(code, WSAEFAULT, 'a destination that is no address');
    },
  },
  {
    name: 'closing a socket whose connect is running abandons the connect (CONN-15)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      const { host, s, event, answer } = connector;
      if (answer === 0) return;
      bench.code(host.close(s), 0, 'WSPCloseSocket');
      await bench.quiet();
      bench.equal(event.sets, 0, 'signals after the close');
      // The request may have come and gone, or be still there; whoever accepts it is told that nobody is left.
      const { s: accepted, code } = bench.accept(listener);
      if (code !== 0) {
        bench.code(code, [WSAEWOULDBLOCK, WSAECONNRESET], 'WSPAccept of a request that was abandoned');
        return;
      }
      await bench.quiet();
      const operation = listener.host.operation();
      const answered = listener.host.send(accepted, [{ len: 1, buf: new Uint8Array(1) }], operation);
      bench.check(answered !== 0, 'a message was sent to who has given up');
    },
  },
  {
    name: 'a socket that was closed while it connected does not disturb the next connection (CONN-15)',
    async run(bench) {
      const listener = await bench.listen();
      const { host, s } = await bench.connect(listener.name);
      await bench.requested(listener);
      bench.code(host.close(s), 0, 'WSPCloseSocket');
      await bench.quiet();
      const { s: accepted } = bench.accept(listener);
      if (accepted >= 0) listener.host.close(accepted);
      await bench.quiet();
      listener.host.enumEvents(listener.s, listener.event);
      const { client, server } = await bench.connected(listener);
      server.receive('posted');
      await client.exchange(server, [pattern(10, 3)]);
    },
  },
]);
