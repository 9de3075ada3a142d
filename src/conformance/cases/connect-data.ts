/** Connect data: what travels with a request and with its answer (SESS-5; docs/SPI.md, "Connect data"). */
import { CF_ACCEPT, CF_REJECT, FD_CONNECT, type LPCONDITIONPROC, WSAEINVAL, WSAEWOULDBLOCK } from '../../spi/index.js';
import { only, topic, without } from '../case.js';
import { pattern } from '../end.js';
import { WatchedEvent } from '../ledger.js';

export const CONNECT_DATA = topic('connect-data', [
  {
    name: 'caller data reach the condition function, copied before WSPConnect returns (SESS-2, SESS-5)',
    skip: only('connectData'),
    async run(bench) {
      const listener = await bench.listen();
      for (const length of [0, 1, 100, 256]) {
        const data = pattern(length, length);
        const given = Uint8Array.from(data);
        const connector = await bench.connect(listener.name, given);
        given.fill(0xff);
        const seen: Uint8Array[] = [];
        await bench.requested(listener);
        const accepted = bench.accept(listener, (_id, callerData) => {
          seen.push(callerData === null ? new Uint8Array(0) : callerData.buf.slice(0, callerData.len));
          return CF_ACCEPT;
        });
        bench.code(accepted.code, 0, 'WSPAccept');
        bench.equal(seen.length, 1, 'calls of the condition function');
        bench.sameBytes(seen[0], data, `caller data of ${length} bytes`);
        bench.code(await bench.outcome(connector), 0, 'the connect');
      }
    },
  },
  {
    name: 'callee data travel with an acceptance and with a refusal (SESS-3, SESS-5)',
    skip: only('connectData'),
    async run(bench) {
      const listener = await bench.listen();
      for (const decision of [CF_ACCEPT, CF_REJECT]) {
        const reply = pattern(256, decision + 5);
        let room = 0;
        const condition: LPCONDITIONPROC = (_id, _data, _s, _g, _callee, calleeData) => {
          if (calleeData === null) return CF_REJECT;
          room = calleeData.len;
          calleeData.buf.set(reply);
          calleeData.len = reply.length - 1;
          return decision;
        };
        const connector = await bench.connect(listener.name);
        await bench.requested(listener);
        bench.accept(listener, condition);
        bench.check(room >= 256, `room for ${room} bytes of callee data`);
        bench.equal((await bench.outcome(connector)) === 0, decision === CF_ACCEPT, 'the connect succeeded');
        const calleeData = bench.some(connector.calleeData, 'no callee data');
        bench.equal(calleeData.len, reply.length - 1, 'bytes of callee data');
        bench.sameBytes(calleeData.buf.slice(0, calleeData.len), reply.slice(0, -1), 'callee data');
      }
    },
  },
  {
    name: 'a reply of nothing has length 0 at the connector (SESS-5)',
    skip: only('connectData'),
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      bench.code(bench.accept(listener).code, 0, 'WSPAccept');
      bench.code(await bench.outcome(connector), 0, 'the connect');
      bench.equal(connector.calleeData?.len, 0, 'bytes of callee data');
    },
  },
  {
    name: 'more than 256 bytes of caller data are refused (SESS-5)',
    skip: only('connectData'),
    async run(bench) {
      const listener = await bench.listen();
      const { answer } = await bench.connect(listener.name, pattern(257, 1));
      bench.code(answer, WSAEINVAL, 'WSPConnect with 257 bytes');
    },
  },
  {
    name: 'test vector: a provider without connect data refuses them with WSAEINVAL (OBS-27)',
    base: true,
    skip: without('connectData'),
    async run(bench) {
      const { client } = bench;
      const { name } = await bench.reserve('connect');
      const { s } = bench.manifest.kind === 'base' ? { s: bench.socket(client) } : await bench.bound(client, 'connect');
      if (bench.manifest.kind === 'san') client.eventSelect(s, new WatchedEvent(), FD_CONNECT);
      const data = { len: 4, buf: new Uint8Array(4) };
      bench.code(client.connect(s, name, data, null), WSAEINVAL, 'WSPConnect with caller data');
      bench.code(client.connect(s, name, null, data), WSAEINVAL, 'WSPConnect with callee data');
    },
  },
  {
    name: 'without connect data the condition function gets none (ACC-9)',
    skip: without('connectData'),
    async run(bench) {
      const listener = await bench.listen();
      const connector = await bench.connect(listener.name);
      await bench.requested(listener);
      let seen: unknown = 'nothing';
      bench.accept(listener, (_id, callerData, _s, _g, _callee, calleeData) => {
        seen = callerData ?? calleeData;
        return CF_ACCEPT;
      });
      bench.equal(seen, null, 'connect data');
      bench.code(connector.answer, [0, WSAEWOULDBLOCK], 'WSPConnect');
    },
  },
]);
