/** Listening and the backlog (LIST-3…9). */
import { SOMAXCONN, WSAECONNREFUSED, WSAEINVAL, WSAEISCONN, WSAEWOULDBLOCK } from '../../spi/index.js';
import type { Bench, Connector } from '../bench.js';
import { topic } from '../case.js';

/** How a request must end that was refused, as far as this provider may say so (LIST-7, CONN-14). */
export async function refused(bench: Bench, connector: Connector, what: string): Promise<void> {
  const code = await bench.outcome(connector);
  if (bench.manifest.lacks?.['authoritative-refusal'] === undefined) bench.code(code, WSAECONNREFUSED, what);
  else bench.check(code !== 0 && code !== WSAECONNREFUSED, `${what}: ${code}, where the switch must go on by TCP`);
}

export const LISTENING = topic('listening', [
  {
    name: 'the event is signalled when a request comes, and not before (LIST-5)',
    async run(bench) {
      const listener = await bench.listen();
      await bench.quiet();
      bench.equal(listener.event.sets, 0, 'signals before anybody has connected');
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      bench.code(bench.accept(listener).code, 0, 'WSPAccept');
      bench.code(await bench.outcome(connector), 0, 'the connect');
    },
  },
  {
    name: 'WSPListen on a socket that is not bound fails with WSAEINVAL (LIST-9)',
    run: (bench) => bench.code(bench.server.listen(bench.socket(bench.server), 5), WSAEINVAL, 'WSPListen'),
  },
  {
    name: 'WSPListen on a connected socket fails with WSAEISCONN (LIST-9)',
    async run(bench) {
      const { client } = await bench.connected();
      bench.code(client.host.listen(client.s, 5), WSAEISCONN, 'WSPListen');
    },
  },
  {
    name: 'a backlog of SOMAXCONN is the provider’s own maximum (LIST-8)',
    async run(bench) {
      const listener = await bench.listen(SOMAXCONN);
      const connectors: Connector[] = [];
      for (let more = 0; more < 8; more++) connectors.push(await bench.connect(listener.name));
      await bench.until('eight requests wait', () => listener.event.signalled);
      await bench.quiet();
      for (let more = 0; more < 8; more++) bench.code(bench.accept(listener).code, 0, 'WSPAccept');
      for (const connector of connectors) bench.code(await bench.outcome(connector), 0, 'a connect');
    },
  },
  {
    name: 'a request beyond the backlog is refused at once, and the event is not signalled for it (LIST-7, ERR-6)',
    async run(bench) {
      const listener = await bench.listen(1);
      const first = await bench.connect(listener.name);
      await bench.requested(listener);
      const { sets } = listener.event;
      await refused(bench, await bench.connect(listener.name), 'a request beyond the backlog');
      await bench.quiet();
      bench.equal(listener.event.sets, sets, 'signals');
      bench.code(bench.accept(listener).code, 0, 'WSPAccept of the first request');
      bench.code(await bench.outcome(first), 0, 'the first connect');
      bench.code(bench.accept(listener).code, WSAEWOULDBLOCK, 'WSPAccept afterwards');
    },
  },
  {
    name: 'test vector: WSPListen again changes the backlog, and a smaller one refuses the newest excess (OBS-30)',
    async run(bench) {
      const listener = await bench.listen(3);
      const connectors: Connector[] = [];
      for (let more = 0; more < 3; more++) {
        connectors.push(await bench.connect(listener.name));
        await bench.quiet();
      }
      bench.code(listener.host.listen(listener.s, 1), 0, 'WSPListen again');
      await refused(bench, connectors[1], 'the second request');
      await refused(bench, connectors[2], 'the third request');
      bench.code(bench.accept(listener).code, 0, 'WSPAccept of the first request');
      bench.code(await bench.outcome(connectors[0]), 0, 'the first connect');
      bench.code(listener.host.listen(listener.s, 2), 0, 'WSPListen with more');
      const more = [await bench.connect(listener.name), await bench.connect(listener.name)];
      await bench.quiet();
      for (const connector of more) {
        bench.code(bench.accept(listener).code, 0, 'WSPAccept');
        bench.code(await bench.outcome(connector), 0, 'a connect');
      }
    },
  },
  {
    name: 'closing a listener turns its queued requests away (CLOSE-3, LIST-7)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      bench.code(listener.host.close(listener.s), 0, 'WSPCloseSocket of the listener');
      bench.check((await bench.outcome(connector)) !== 0, 'the connect succeeded');
    },
  },
  {
    name: 'closing a listener leaves its accepted connections alone (CLOSE-3)',
    async run(bench) {
      const { client, server, listener } = await bench.connected();
      bench.code(listener.host.close(listener.s), 0, 'WSPCloseSocket of the listener');
      server.receive('posted');
      await client.exchange(server, [Uint8Array.of(1, 2, 3)]);
    },
  },
]);
