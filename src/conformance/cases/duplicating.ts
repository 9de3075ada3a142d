/** Handing a socket to another process (DUP-18…33). */
import {
  FD_CONNECT,
  FD_CONNECT_BIT,
  makeProtocolInfo,
  MEM_WRITE,
  WSA_IO_PENDING,
  WSAENOTCONN,
  WSAEOPNOTSUPP,
  type WSAPROTOCOL_INFOW,
} from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { only, topic, without } from '../case.js';
import { End, pattern } from '../end.js';
import type { Successor } from '../factory.js';
import { Host } from '../host.js';
import { WatchedEvent } from '../ledger.js';
import { register } from '../memory.js';
import type { WatchedOverlapped } from '../overlapped.js';

const skip = only('duplicate');

async function successor(bench: Bench): Promise<{ host: Host; processId: number }> {
  const found: Successor | undefined = await bench.pair.successor?.();
  if (found === undefined) return bench.fail('the factory of a provider that duplicates has to offer a successor');
  const host = new Host(found.provider, true);
  host.open();
  bench.adopt(host);
  return { host, processId: found.processId };
}

/** `WSPDuplicateSocket`: its code, and the information that it filled. */
function duplicate({ host, s }: End, processId: number): { code: number; info: WSAPROTOCOL_INFOW } {
  const info = makeProtocolInfo({ ProviderId: '', szProtocol: '' });
  const result = host.procs.lpWSPDuplicateSocket(s, processId, info, host.errno);
  return { code: result === 0 ? 0 : host.errno.value, info };
}

/** Posts one receive, by whose end the hand-over is told (DUP-19). */
function posted(bench: Bench, { host, s }: End): WatchedOverlapped {
  const buf = new Uint8Array(64);
  bench.code(register(host, s, buf, MEM_WRITE).code, 0, 'WSPRegisterMemory');
  const operation = host.operation();
  bench.code(host.receive(s, [{ len: 64, buf }], operation), WSA_IO_PENDING, 'WSPRecv');
  return operation;
}

/** Hands over, to the point where the other process may attach. */
async function handOver(bench: Bench, end: End, processId: number): Promise<WSAPROTOCOL_INFOW> {
  const operation = posted(bench, end);
  const { code, info } = duplicate(end, processId);
  bench.code(code, 0, 'WSPDuplicateSocket');
  await bench.until('the posted receive ends', () => operation.state === 'done');
  bench.code(operation.error, 0, 'the posted receive');
  bench.equal(operation.bytes, 0, 'its bytes');
  return info;
}

/** `WSPSocket` with what was handed over; waits for FD_CONNECT if that takes time. The code, and the socket's end. */
async function attached(bench: Bench, host: Host, info: WSAPROTOCOL_INFOW): Promise<{ code: number; end: End }> {
  const { code, value } = host.attach(bench.family, info);
  const end = new End(bench, host, value);
  if (code !== 0) return { code, end };
  const event = new WatchedEvent();
  bench.code(host.eventSelect(value, event, FD_CONNECT), 0, 'WSPEventSelect');
  const probe = new Uint8Array(8);
  let result = WSAENOTCONN;
  await bench.until('the attach ends', () => {
    result = event.signalled
      ? host.enumEvents(value, event).value.iErrorCode[FD_CONNECT_BIT]
      : register(host, value, probe, MEM_WRITE).code;
    return result !== WSAENOTCONN;
  });
  return { code: result, end };
}

export const DUPLICATING = topic('duplicating', [
  {
    name: 'a provider that does not duplicate says so (DUP-23)',
    skip: without('duplicate'),
    async run(bench) {
      const { client } = await bench.connected();
      bench.code(duplicate(client, 1).code, [WSAEOPNOTSUPP, WSAENOTCONN], 'WSPDuplicateSocket');
    },
  },
  {
    name: 'test vector: a socket that is not connected is not duplicated (OBS-41, DUP-9)',
    async run(bench) {
      const { s } = await bench.bound(bench.client, 'connect');
      const { code } = duplicate(new End(bench, bench.client, s), 1);
      bench.code(code, [WSAENOTCONN, WSAEOPNOTSUPP], 'WSPDuplicateSocket');
    },
  },
  {
    name: 'pending receives end with success and 0 bytes (DUP-19, DUP-20, ERR-16)',
    skip,
    async run(bench) {
      const { client } = await bench.connected();
      const { processId } = await successor(bench);
      const receives = [posted(bench, client), posted(bench, client), posted(bench, client)];
      bench.code(duplicate(client, processId).code, 0, 'WSPDuplicateSocket');
      await bench.until('all receives end', () => receives.every(({ state }) => state === 'done'));
      for (const { error, bytes } of receives) {
        bench.code(error, 0, 'a receive');
        bench.equal(bytes, 0, 'its bytes');
      }
    },
  },
  {
    name: 'the socket goes on in the process that attaches to dwProviderReserved (DUP-18, DUP-22, DUP-24, DUP-25, DUP-30)',
    skip,
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('posted');
      await client.exchange(server, [pattern(20, 1)]);
      const { host, processId } = await successor(bench);
      const info = await handOver(bench, client, processId);
      bench.check(info.dwProviderReserved !== 0, 'dwProviderReserved is 0');
      const { code, end } = await attached(bench, host, info);
      bench.code(code, 0, 'WSPSocket in the other process');
      end.receive('posted');
      await end.exchange(server, [pattern(30, 2)]);
      await server.exchange(end, [pattern(40, 3)]);
      bench.equal(server.ends, 0, 'ends of the connection at the peer');
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket in the old process');
      await end.exchange(server, [pattern(50, 4)]);
    },
  },
  {
    name: 'what the peer has posted stays posted, and its switch hears nothing (DUP-15, OBS-39, OBS-40)',
    skip,
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('posted');
      const { host, processId } = await successor(bench);
      const { end } = await attached(bench, host, await handOver(bench, client, processId));
      bench.check(
        server.receives.every(({ state }) => state === 'pending'),
        'a receive of the peer ended',
      );
      await end.exchange(server, [pattern(12, 1)]);
    },
  },
  {
    name: 'dwProviderReserved is only good in the process it was made for (DUP-22)',
    skip,
    async run(bench) {
      const { client } = await bench.connected();
      const { host, processId } = await successor(bench);
      const info = await handOver(bench, client, processId + 1);
      bench.check((await attached(bench, host, info)).code !== 0, 'another process attached');
      const invented = { ...info, dwProviderReserved: 0x7ffffff1 };
      bench.check((await attached(bench, host, invented)).code !== 0, 'a number that nobody gave out was taken');
    },
  },
  {
    name: 'the old socket is only good for closing, and its descriptor stays valid until then (DUP-21, DUP-33)',
    skip,
    async run(bench) {
      const { client } = await bench.connected();
      const { processId } = await successor(bench);
      await handOver(bench, client, processId);
      const { host, s } = client;
      const sent = host.send(s, [{ len: 1, buf: new Uint8Array(1) }], host.operation());
      bench.check(sent !== 0 && sent !== WSA_IO_PENDING, 'a message was sent');
      const others = Array.from({ length: 4 }, () => bench.socket(host));
      bench.check(!others.includes(s), 'the descriptor was given to another socket');
      bench.code(host.close(s), 0, 'WSPCloseSocket');
    },
  },
]);
