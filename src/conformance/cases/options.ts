/** Socket options that reach a provider (OPT-2…12). */
import {
  SO_DEBUG,
  SO_GROUP_ID,
  SO_GROUP_PRIORITY,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  SO_SD_DUPLICATION,
  SO_SIZE_UNLIMITED,
  SOL_SOCKET,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOPROTOOPT,
} from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { topic, without } from '../case.js';

const LEVEL = 0x4321;
const UNKNOWN = 0x5fff;

/** A size option: bytes; null: no limit, or not known, which is the same (OPT-5, OPT-6). */
function size(bench: Bench, optname: number, what: string): number | null {
  const { code, value, length } = bench.client.getOption(bench.socket(bench.client), SOL_SOCKET, optname);
  if (code === WSAENOPROTOOPT) return null;
  bench.code(code, 0, what);
  bench.equal(length, 4, `length of ${what}`);
  const known = typeof value === 'number' && value > 0 && value <= SO_SIZE_UNLIMITED;
  if (!known) return bench.fail(`${what} is ${value}`);
  return value === SO_SIZE_UNLIMITED ? null : value;
}

export const OPTIONS = topic('options', [
  {
    name: 'SO_MAX_MSG_SIZE is the limit of the manifest (OPT-5, XFER-3)',
    run(bench) {
      bench.equal(
        size(bench, SO_MAX_MSG_SIZE, 'SO_MAX_MSG_SIZE'),
        bench.manifest.limits.messageBytes,
        'SO_MAX_MSG_SIZE',
      );
    },
  },
  {
    name: 'SO_MAX_RDMA_SIZE is the limit of the manifest (OPT-6, XFER-3)',
    run(bench) {
      bench.equal(
        size(bench, SO_MAX_RDMA_SIZE, 'SO_MAX_RDMA_SIZE'),
        bench.manifest.limits.rdmaBytes,
        'SO_MAX_RDMA_SIZE',
      );
    },
  },
  {
    name: 'SO_RDMA_THRESHOLD_SIZE is a size, or not known (OPT-7, XFER-2)',
    run(bench) {
      const threshold = size(bench, SO_RDMA_THRESHOLD_SIZE, 'SO_RDMA_THRESHOLD_SIZE');
      bench.check(threshold === null || threshold > 0, 'SO_RDMA_THRESHOLD_SIZE is no size');
    },
  },
  {
    name: 'SO_DEBUG is set and read back, or not known (OPT-2, OPT-3, OPT-4)',
    run(bench) {
      const s = bench.socket(bench.client);
      const set = bench.client.setOption(s, SOL_SOCKET, SO_DEBUG, 1);
      if (set === WSAENOPROTOOPT) {
        bench.code(bench.client.getOption(s, SOL_SOCKET, SO_DEBUG).code, WSAENOPROTOOPT, 'getting what cannot be set');
        return;
      }
      bench.code(set, 0, 'setting SO_DEBUG');
      bench.equal(bench.client.getOption(s, SOL_SOCKET, SO_DEBUG).value, 1, 'SO_DEBUG');
    },
  },
  {
    name: 'SO_SD_DUPLICATION is as the manifest says, or not known (DUP-18)',
    run(bench) {
      const { code, value } = bench.client.getOption(bench.socket(bench.client), SOL_SOCKET, SO_SD_DUPLICATION);
      if (code !== WSAENOPROTOOPT) bench.code(code, 0, 'SO_SD_DUPLICATION');
      bench.equal(code === 0 && value === 1, bench.manifest.duplicate, 'duplication');
    },
  },
  {
    name: 'options of groups are not known without QoS (OPT-8)',
    skip: without('qos'),
    run(bench) {
      const s = bench.socket(bench.client);
      bench.code(bench.client.getOption(s, SOL_SOCKET, SO_GROUP_ID).code, WSAENOPROTOOPT, 'SO_GROUP_ID');
      bench.code(bench.client.getOption(s, SOL_SOCKET, SO_GROUP_PRIORITY).code, WSAENOPROTOOPT, 'SO_GROUP_PRIORITY');
      bench.code(bench.client.setOption(s, SOL_SOCKET, SO_GROUP_PRIORITY, 1), WSAENOPROTOOPT, 'setting it');
    },
  },
  {
    name: 'getting: an unknown option fails with WSAENOPROTOOPT, an unknown level with WSAEINVAL (OPT-11)',
    base: true,
    run(bench) {
      const s = bench.socket(bench.client);
      bench.code(bench.client.getOption(s, SOL_SOCKET, UNKNOWN).code, WSAENOPROTOOPT, 'an unknown option');
      bench.code(bench.client.getOption(s, LEVEL, SO_DEBUG).code, WSAEINVAL, 'an unknown level');
    },
  },
  {
    name: 'getting into too little room fails with WSAEFAULT (OPT-11)',
    run(bench) {
      const s = bench.socket(bench.client);
      for (const optname of [SO_DEBUG, SO_MAX_MSG_SIZE, SO_MAX_RDMA_SIZE, SO_RDMA_THRESHOLD_SIZE]) {
        if (bench.client.getOption(s, SOL_SOCKET, optname).code === WSAENOPROTOOPT) continue;
        bench.code(
          bench.client.getOption(s, SOL_SOCKET, optname, 3).code,
          WSAEFAULT,
          `option 0x${optname.toString(16)}`,
        );
      }
    },
  },
  {
    name: 'setting: an unknown option fails with WSAENOPROTOOPT, an unknown level with WSAEINVAL (OPT-12)',
    base: true,
    run(bench) {
      const s = bench.socket(bench.client);
      bench.code(bench.client.setOption(s, SOL_SOCKET, UNKNOWN, 1), WSAENOPROTOOPT, 'an unknown option');
      bench.code(bench.client.setOption(s, LEVEL, SO_DEBUG, 1), WSAEINVAL, 'an unknown level');
    },
  },
  {
    name: 'setting: too short a value fails with WSAEFAULT (OPT-12)',
    run(bench) {
      const s = bench.socket(bench.client);
      if (bench.client.setOption(s, SOL_SOCKET, SO_DEBUG, 1) === WSAENOPROTOOPT) return;
      bench.code(bench.client.setOption(s, SOL_SOCKET, SO_DEBUG, 1, 3), WSAEFAULT, 'three bytes');
    },
  },
  {
    name: 'options are answered in any state of the socket (OPT-11)',
    async run(bench) {
      const { client, server, listener } = await bench.connected();
      const ask = (s: number): number => bench.client.getOption(s, SOL_SOCKET, SO_MAX_MSG_SIZE).code;
      const expected = ask(bench.socket(bench.client));
      bench.code(ask(client.s), expected, 'connected');
      if (bench.client === bench.server) bench.code(ask(listener.s), expected, 'listening');
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
      await bench.quiet();
      bench.code(ask(client.s), expected, 'after the peer has closed');
    },
  },
]);
