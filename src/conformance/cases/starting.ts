/** Start-up and clean-up (SP-1…12). */
import {
  createProcTable,
  createWspData,
  MAKEWORD,
  missingProcs,
  NULL_SLOTS,
  PROC_SLOTS,
  WINSOCK_VERSION_2_2,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  WSAEFAULT,
  WSANOTINITIALISED,
  WSAVERNOTSUPPORTED,
  WSPDESCRIPTION_LEN,
} from '../../spi/index.js';
import { topic } from '../case.js';

export const STARTING = topic('starting', [
  {
    name: 'WSPStartupEx fills the seventeen functions (SP-1, SP-7)',
    base: true,
    unstarted: true,
    run(bench) {
      bench.code(bench.client.start(), 0, 'WSPStartupEx');
      bench.equal(missingProcs(bench.client.table).join(), '', 'functions that are missing');
      bench.equal(PROC_SLOTS.length, 17, 'functions');
    },
  },
  {
    name: 'WSPStartupEx leaves the thirteen other slots null (SP-8)',
    unstarted: true,
    run(bench) {
      bench.code(bench.client.start(), 0, 'WSPStartupEx');
      const filled = NULL_SLOTS.filter((slot) => (bench.client.table[slot] as unknown) !== null);
      bench.equal(filled.join(), '', 'slots that are not null');
    },
  },
  {
    name: 'WSPStartupEx reports version 2.2 and a description without control characters (SP-6)',
    base: true,
    unstarted: true,
    run(bench) {
      const data = createWspData();
      bench.code(bench.client.start(WINSOCK_VERSION_2_2, data), 0, 'WSPStartupEx');
      bench.equal(data.wVersion, WINSOCK_VERSION_2_2, 'wVersion');
      const { szDescription: text } = data;
      bench.check(text.length > 0 && text.length <= WSPDESCRIPTION_LEN, `szDescription has ${text.length} characters`);
      bench.check(!/\p{Cc}/u.test(text), 'szDescription has control characters');
    },
  },
  {
    name: 'WSPStartupEx refuses versions below 2.2, and is not started by it (SP-5)',
    base: true,
    unstarted: true,
    run(bench) {
      for (const [major, minor] of [
        [1, 0],
        [1, 1],
        [2, 0],
        [2, 1],
      ] as const) {
        bench.code(bench.client.start(MAKEWORD(major, minor)), WSAVERNOTSUPPORTED, `version ${major}.${minor}`);
      }
      bench.equal(bench.client.ledger.starts, 0, 'starts');
    },
  },
  {
    name: 'test vector: version 1.1 is refused with WSAVERNOTSUPPORTED, 2.2 reported (OBS-3)',
    unstarted: true,
    run(bench) {
      bench.code(bench.client.start(MAKEWORD(1, 1)), WSAVERNOTSUPPORTED, 'version 1.1');
      const data = createWspData();
      bench.code(bench.client.start(WINSOCK_VERSION_2_2, data), 0, 'version 2.2');
      bench.equal(data.wHighVersion, WINSOCK_VERSION_2_2, 'wHighVersion');
    },
  },
  {
    name: 'WSPStartupEx without room for its answers fails with WSAEFAULT (SP-5)',
    base: true,
    unstarted: true,
    run(bench) {
      bench.code(bench.client.start(WINSOCK_VERSION_2_2, null), WSAEFAULT, 'without WSPDATA');
      bench.code(bench.client.start(WINSOCK_VERSION_2_2, createWspData(), null), WSAEFAULT, 'without a table');
    },
  },
  {
    name: 'only the last of as many WSPCleanup cleans up (SP-11)',
    base: true,
    unstarted: true,
    run(bench) {
      const { client } = bench;
      bench.code(client.start(), 0, 'the first WSPStartupEx');
      bench.code(client.start(), 0, 'the second WSPStartupEx');
      const s = bench.socket(client);
      bench.code(client.cleanup(), 0, 'the first WSPCleanup');
      bench.code(client.eventSelect(s, null, 0), 0, 'a call after the first WSPCleanup');
      bench.code(client.close(s), 0, 'WSPCloseSocket');
      bench.code(client.cleanup(), 0, 'the second WSPCleanup');
      bench.code(client.socket(bench.family).code, WSANOTINITIALISED, 'WSPSocket after the last WSPCleanup');
    },
  },
  {
    name: 'WSPCleanup without WSPStartupEx fails with WSANOTINITIALISED (ERR-22, SP-12)',
    base: true,
    unstarted: true,
    run(bench) {
      bench.code(bench.client.start(), 0, 'WSPStartupEx');
      bench.code(bench.client.cleanup(), 0, 'WSPCleanup');
      bench.code(bench.client.cleanup(), WSANOTINITIALISED, 'another WSPCleanup');
    },
  },
  {
    name: 'a provider starts again after its last WSPCleanup (SP-11)',
    base: true,
    unstarted: true,
    run(bench) {
      const { client } = bench;
      for (let round = 1; round <= 3; round++) {
        Object.assign(client.table, createProcTable());
        bench.code(client.start(), 0, `start ${round}`);
        bench.code(client.close(bench.socket(client)), 0, `WSPCloseSocket after start ${round}`);
        bench.code(client.cleanup(), 0, `clean-up ${round}`);
      }
    },
  },
  {
    name: 'the last WSPCleanup ends what is pending with WSA_OPERATION_ABORTED, and every socket (SP-12, CLOSE-6)',
    async run(bench) {
      const { server } = await bench.connected();
      server.receive('posted');
      const open = [...bench.server.ledger.byDescriptor.values()];
      bench.check(open.length > 0, 'no socket is open');
      bench.code(bench.server.cleanup(), 0, 'WSPCleanup');
      await bench.until('all handles are closed', () => open.every(({ state }) => state === 'closed'));
      for (const operation of server.receives.filter(({ state }) => state !== 'idle')) {
        bench.code(operation.error, WSA_OPERATION_ABORTED, 'a receive that was posted');
        bench.equal(operation.InternalHigh, 0, 'its bytes');
      }
      for (const entry of open) bench.server.ledger.byDescriptor.delete(entry.descriptor);
      const after = bench.server.operation();
      const code = bench.server.receive(server.s, [{ len: 1, buf: new Uint8Array(1) }], after);
      bench.check(code !== 0 && code !== WSA_IO_PENDING, 'a receive was posted after the last WSPCleanup');
    },
  },
]);
