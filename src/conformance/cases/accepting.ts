/** Accepting (ACC-1…9). */
import {
  AF_INET6,
  CF_ACCEPT,
  CF_REJECT,
  FD_ACCEPT,
  formatSockaddr,
  type LPCONDITIONPROC,
  makeSockaddr,
  out,
  SO_DEBUG,
  type SOCKADDR,
  sockaddrLength,
  SOL_SOCKET,
  WSAECONNREFUSED,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOBUFS,
  WSAENOPROTOOPT,
  WSAEWOULDBLOCK,
  WSATRY_AGAIN,
} from '../../spi/index.js';
import { topic } from '../case.js';
import { WatchedEvent } from '../ledger.js';
import { refused } from './listening.js';

/** An answer that no header has. */
const UNDOCUMENTED = 77;

export const ACCEPTING = topic('accepting', [
  {
    name: 'WSPAccept calls the condition function once, before it returns, with its callback data (ACC-1, ACC-2)',
    async run(bench) {
      const { host, s, name, ...rest } = await bench.listen();
      const connector = await bench.connect(name);
      await bench.requested({ host, s, name, ...rest });
      const data = { any: 'thing' };
      const seen: unknown[] = [];
      const accepted = host.procs.lpWSPAccept(
        s,
        null,
        null,
        (...args) => (seen.push(args[7]), CF_ACCEPT),
        data,
        host.errno,
      );
      bench.equal(seen.length, 1, 'calls of the condition function when WSPAccept has returned');
      bench.equal(seen[0], data, 'the callback data');
      bench.check(accepted >= 0, 'WSPAccept failed');
      bench.code(await bench.outcome(connector), 0, 'the connect');
      await bench.quiet();
      bench.equal(seen.length, 1, 'calls of the condition function in the end');
    },
  },
  {
    name: 'the peer is told nothing before the condition function has decided (ACC-3, ACC-5)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      bench.code(connector.answer, WSAEWOULDBLOCK, 'WSPConnect');
      await bench.requested(listener);
      await bench.quiet();
      bench.equal(connector.event.sets, 0, 'signals of the connect before WSPAccept');
      let during = -1;
      bench.accept(listener, () => {
        during = connector.event.sets;
        return CF_ACCEPT;
      });
      bench.equal(during, 0, 'signals of the connect when the condition function is called');
      bench.code(await bench.outcome(connector), 0, 'the connect');
    },
  },
  {
    name: 'the condition function may still refuse what nobody has been told about (ACC-3, ACC-7)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      await bench.quiet();
      bench.code(bench.accept(listener, () => CF_REJECT).code, WSAECONNREFUSED, 'WSPAccept');
      await refused(bench, connector, 'the connect');
    },
  },
  {
    name: 'test vector: the condition function gets the peer’s and the local address, and no QoS (OBS-32)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      let seen: unknown[] = [];
      const condition: LPCONDITIONPROC = (caller, _data, sqos, gqos, callee) => {
        seen = [formatSockaddr(caller), sqos, gqos, formatSockaddr(callee)];
        return CF_ACCEPT;
      };
      bench.code(bench.accept(listener, condition).code, 0, 'WSPAccept');
      bench.equal(seen[0], formatSockaddr(connector.name), 'the caller');
      bench.equal(seen[1] ?? seen[2], null, 'QoS');
      bench.equal(seen[3], formatSockaddr(listener.name), 'the callee');
    },
  },
  {
    name: 'CF_ACCEPT: a handle of the switch’s is asked for after the decision, once (ACC-4, SOCK-8)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      const { ledger } = listener.host;
      const before = ledger.byHandle.size;
      let during = -1;
      const { s, code } = bench.accept(listener, () => {
        during = ledger.byHandle.size;
        return CF_ACCEPT;
      });
      bench.code(code, 0, 'WSPAccept');
      bench.equal(during, before, 'handles while the condition function decides');
      bench.equal(ledger.byHandle.size, before + 1, 'handles afterwards');
      bench.check(s !== listener.s && s !== connector.s, 'the descriptor is not its own');
    },
  },
  {
    name: 'the peer’s address comes back, and too little room for it fails with WSAEFAULT and takes nothing (ACC-9)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      const { host, s } = listener;
      const addr: SOCKADDR = makeSockaddr(0, '', 0);
      const length = out(4);
      const none = host.procs.lpWSPAccept(s, addr, length, () => CF_ACCEPT, null, host.errno);
      bench.check(none < 0, 'WSPAccept with 4 bytes of room succeeded');
      bench.code(host.errno.value, WSAEFAULT, 'WSPAccept with 4 bytes of room');
      length.value = 28;
      const accepted = host.procs.lpWSPAccept(s, addr, length, () => CF_ACCEPT, null, host.errno);
      bench.check(accepted >= 0, 'the request was lost');
      bench.equal(formatSockaddr(addr), formatSockaddr(connector.name), 'the peer’s address');
      bench.equal(length.value, sockaddrLength(bench.family), 'its length');
      bench.code(await bench.outcome(connector), 0, 'the connect');
    },
  },
  {
    name: 'WSPAccept without a condition function fails with WSAEFAULT and takes nothing (ACC-9)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      const { host, s } = listener;
      const none = host.procs.lpWSPAccept(s, null, null, null as unknown as LPCONDITIONPROC, null, host.errno);
      bench.check(none < 0, 'WSPAccept succeeded');
      bench.code(host.errno.value, WSAEFAULT, 'WSPAccept');
      bench.code(bench.accept(listener).code, 0, 'WSPAccept with one');
      bench.code(await bench.outcome(connector), 0, 'the connect');
    },
  },
  {
    name: 'CF_REJECT: WSPAccept fails with WSAECONNREFUSED, and so does the peer’s connect (ACC-7, ERR-7)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      const before = listener.host.ledger.byHandle.size;
      bench.code(bench.accept(listener, () => CF_REJECT).code, WSAECONNREFUSED, 'WSPAccept');
      bench.equal(listener.host.ledger.byHandle.size, before, 'handles');
      await refused(bench, connector, 'the connect');
      bench.code(bench.accept(listener).code, WSAEWOULDBLOCK, 'WSPAccept afterwards');
    },
  },
  {
    name: 'an undocumented decision is a rejection (ACC-8, OBS-33)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      const { code } = bench.accept(listener, () => UNDOCUMENTED);
      bench.code(code, [WSAECONNREFUSED, WSAEINVAL, WSATRY_AGAIN], 'WSPAccept');
      bench.check((await bench.outcome(connector)) !== 0, 'the connect succeeded');
    },
  },
  {
    name: 'test vector: nothing queued is WSAEWOULDBLOCK, not listening WSAEINVAL (OBS-31, ACC-9)',
    async run(bench) {
      const listener = await bench.listen();
      let called = false;
      const condition = (): number => {
        called = true;
        return CF_ACCEPT;
      };
      bench.code(bench.accept(listener, condition).code, WSAEWOULDBLOCK, 'WSPAccept with nothing queued');
      const { s, name } = await bench.bound(bench.server, 'listen');
      bench.code(
        bench.accept({ ...listener, s, name }, condition).code,
        WSAEINVAL,
        'WSPAccept of a socket that does not listen',
      );
      bench.check(!called, 'the condition function was called');
    },
  },
  {
    name: 'requests are taken in order, and the event is signalled again while more wait (ACC-6, OBS-31)',
    async run(bench) {
      const listener = await bench.listen();
      const connectors = [];
      for (let more = 0; more < 3; more++) {
        connectors.push(await bench.connect(listener.name));
        await bench.quiet();
      }
      for (const [index, connector] of connectors.entries()) {
        await bench.requested(listener); // signalled anew for each of them
        let caller = '';
        bench.accept(listener, (id) => {
          caller = formatSockaddr(id);
          return CF_ACCEPT;
        });
        bench.equal(caller, formatSockaddr(connector.name), `caller of request ${index}`);
        bench.code(await bench.outcome(connector), 0, `connect ${index}`);
      }
      await bench.quiet();
      bench.check(!listener.event.signalled, 'the event is signalled, and nothing waits');
    },
  },
  {
    name: 'WSPAccept without a handle fails with the switch’s code, and the peer is not left connected (ACC-4, ACC-9)',
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      listener.host.ledger.refuseHandles = WSAENOBUFS;
      bench.code(bench.accept(listener).code, WSAENOBUFS, 'WSPAccept');
      listener.host.ledger.refuseHandles = 0;
      await bench.quiet();
      // Either it is still queued, or it was turned away.
      if (bench.accept(listener).code === 0) bench.code(await bench.outcome(connector), 0, 'the connect');
      else bench.check((await bench.outcome(connector)) !== 0, 'the connect succeeded, and nobody has it');
    },
  },
  {
    name: 'an accepted socket inherits the listener’s options (ACC-4, OBS-32)',
    async run(bench) {
      const listener = await bench.listen();
      const { host } = listener;
      if (host.setOption(listener.s, SOL_SOCKET, SO_DEBUG, 1) === WSAENOPROTOOPT) return;
      const { server } = await bench.connected(listener);
      bench.equal(host.getOption(server.s, SOL_SOCKET, SO_DEBUG).value, 1, 'SO_DEBUG of the accepted socket');
    },
  },
  {
    name: 'a listener on the wildcard accepts what comes to an address, and tells which (SOCK-13, ACC-9)',
    async run(bench) {
      const { name, options = [] } = await bench.reserve('listen');
      const host = bench.server;
      const s = bench.socket(host);
      const wildcard = makeSockaddr(bench.family, bench.family === AF_INET6 ? '::' : '0.0.0.0', name.sin_port);
      bench.code(host.bind(s, wildcard), 0, 'WSPBind to the wildcard');
      for (const { level, optname, optval } of options) host.setOption(s, level, optname, optval, 8);
      bench.code(host.listen(s, 5), 0, 'WSPListen');
      const event = new WatchedEvent();
      bench.code(host.eventSelect(s, event, FD_ACCEPT), 0, 'WSPEventSelect');
      const listener = { host, s, name, event };
      const connector = await bench.connect(name);
      await bench.requested(listener);
      let callee = '';
      const { code } = bench.accept(listener, (_caller, _data, _s, _g, id) => {
        callee = formatSockaddr(id);
        return CF_ACCEPT;
      });
      bench.code(code, 0, 'WSPAccept');
      bench.equal(callee, formatSockaddr(name), 'the address that was connected to');
      bench.code(await bench.outcome(connector), 0, 'the connect');
    },
  },
  {
    name: 'WSPAccept from inside the signal of the event works (ACC-6, LIST-5)',
    async run(bench) {
      const listener = await bench.listen();
      const codes: number[] = [];
      listener.event.onSet = () => {
        listener.host.enumEvents(listener.s, listener.event);
        codes.push(bench.accept(listener).code);
      };
      const connectors = [await bench.connect(listener.name), await bench.connect(listener.name)];
      for (const connector of connectors) bench.code(await bench.outcome(connector), 0, 'a connect');
      bench.equal(codes.filter((code) => code === 0).length, 2, 'requests that were accepted');
      bench.check(
        codes.every((code) => code === 0 || code === WSAEWOULDBLOCK),
        `codes ${codes.join()}`,
      );
    },
  },
]);
