/** Network events (SYNC-1…4). */
import {
  FD_ACCEPT,
  FD_ADDRESS_LIST_CHANGE,
  FD_CLOSE,
  FD_CONNECT,
  FD_CONNECT_BIT,
  FD_OOB,
  FD_QOS,
  FD_READ,
  FD_WRITE,
  WSAEINVAL,
  WSAEWOULDBLOCK,
} from '../../spi/index.js';
import { topic } from '../case.js';
import { WatchedEvent } from '../ledger.js';

export const EVENTS = topic('events', [
  {
    name: 'WSPEventSelect takes FD_ACCEPT and FD_CONNECT, together or alone, and nothing (SYNC-1, SYNC-3)',
    run(bench) {
      const s = bench.socket(bench.client);
      for (const mask of [FD_ACCEPT, FD_CONNECT, FD_ACCEPT | FD_CONNECT]) {
        bench.code(bench.client.eventSelect(s, new WatchedEvent(), mask), 0, `WSPEventSelect(${mask})`);
      }
      bench.code(bench.client.eventSelect(s, null, 0), 0, 'WSPEventSelect(0)');
    },
  },
  {
    name: 'WSPEventSelect refuses every other event with WSAEINVAL (SYNC-1, SYNC-4, OBS-34)',
    run(bench) {
      const s = bench.socket(bench.client);
      for (const mask of [FD_READ, FD_WRITE, FD_OOB, FD_CLOSE, FD_QOS, FD_ADDRESS_LIST_CHANGE, FD_CONNECT | FD_CLOSE]) {
        bench.code(bench.client.eventSelect(s, new WatchedEvent(), mask), WSAEINVAL, `WSPEventSelect(${mask})`);
      }
    },
  },
  {
    name: 'WSPEnumNetworkEvents resets the event, and reports everything once (SYNC-2)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      bench.check(!listener.event.signalled, 'the event was not reset');
      bench.equal(listener.host.enumEvents(listener.s, null).value.lNetworkEvents, 0, 'events asked for again');
      bench.code(bench.accept(listener).code, 0, 'WSPAccept');
      bench.code(await bench.outcome(connector), 0, 'the connect');
      bench.check(!connector.event.signalled, 'the event of the connect was not reset');
      bench.equal(connector.host.enumEvents(connector.s, null).value.lNetworkEvents, 0, 'events of the connector');
    },
  },
  {
    name: 'WSPEnumNetworkEvents without an event object leaves the event as it is (SYNC-2)',
    async run(bench) {
      const listener = await bench.listen();
      await bench.connect(listener.name);
      await bench.until('the event of the listener is signalled', () => listener.event.signalled);
      const { value } = listener.host.enumEvents(listener.s, null);
      bench.check((value.lNetworkEvents & FD_ACCEPT) !== 0, 'FD_ACCEPT is not recorded');
      bench.check(listener.event.signalled, 'the event was reset');
    },
  },
  {
    name: 'an event that is recorded already is signalled by WSPEventSelect at once (SYNC-2, OBS-34)',
    async run(bench) {
      const listener = await bench.listen();
      bench.code(listener.host.eventSelect(listener.s, null, 0), 0, 'WSPEventSelect(0)');
      const connector = await bench.connect(listener.name);
      await bench.quiet();
      const late = new WatchedEvent();
      // A provider across processes may need longer than that to bring the request.
      bench.code(listener.host.eventSelect(listener.s, late, FD_ACCEPT), 0, 'WSPEventSelect(FD_ACCEPT)');
      bench.check(late.signalled, 'the event was not signalled inside WSPEventSelect');
      bench.check((listener.host.enumEvents(listener.s, late).value.lNetworkEvents & FD_ACCEPT) !== 0, 'not recorded');
      bench.code(bench.accept(listener).code, 0, 'WSPAccept');
      bench.code(await bench.outcome(connector), 0, 'the connect');
    },
  },
  {
    name: 'after WSPEventSelect with nothing no event is signalled any more (SYNC-2, SYNC-3)',
    async run(bench) {
      const listener = await bench.listen();
      bench.code(listener.host.eventSelect(listener.s, null, 0), 0, 'WSPEventSelect(0)');
      await bench.connect(listener.name);
      await bench.quiet();
      bench.equal(listener.event.sets, 0, 'signals of the event that is not selected any more');
    },
  },
  {
    name: 'the code of a connect is at index FD_CONNECT_BIT, and the other codes are 0 (SYNC-4, CONN-7)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      bench.code(bench.accept(listener).code, 0, 'WSPAccept');
      if (connector.answer !== WSAEWOULDBLOCK) return;
      await bench.until('the event of the connect is signalled', () => connector.event.signalled);
      const { value } = connector.host.enumEvents(connector.s, connector.event);
      bench.equal(value.lNetworkEvents, FD_CONNECT, 'events');
      bench.equal(value.iErrorCode[FD_CONNECT_BIT], 0, 'the code of the connect');
      bench.check(
        value.iErrorCode.every((code) => code === 0),
        `codes ${value.iErrorCode.join()}`,
      );
    },
  },
  {
    name: 'the end of a connection is not told as a network event (CLOSE-10, SYNC-1)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const event = new WatchedEvent();
      bench.code(client.host.eventSelect(client.s, event, FD_CONNECT | FD_ACCEPT), 0, 'WSPEventSelect');
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
      await bench.quiet();
      bench.equal(event.sets, 0, 'signals');
      bench.equal(client.host.enumEvents(client.s, null).value.lNetworkEvents, 0, 'events');
    },
  },
]);
