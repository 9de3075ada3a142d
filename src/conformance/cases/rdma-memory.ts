/** Memory exposed to the peer: descriptors and their counts (MEM-4, MEM-5, MEM-16, MEM-17). */
import { MEM_READ, MEM_READWRITE, MEM_WRITE, WSAEFAULT, WSAEINVAL, WSAENOTCONN } from '../../spi/index.js';
import { topic } from '../case.js';
import { deregisterRdma, expose, registerRdma } from '../memory.js';

export const RDMA_MEMORY = topic('rdma-memory', [
  {
    name: 'WSPRegisterRdmaMemory without room fails with WSAEFAULT and stores the size (MEM-16, ERR-18)',
    async run(bench) {
      const { client } = await bench.connected();
      const buf = new Uint8Array(64);
      const probe = registerRdma(client.host, client.s, buf, MEM_READ, 0);
      bench.code(probe.code, WSAEFAULT, 'no room');
      bench.check(probe.length > 0, `the size stored is ${probe.length}`);
      const short = registerRdma(client.host, client.s, buf, MEM_READ, probe.length - 1);
      bench.code(short.code, WSAEFAULT, 'one byte too little');
      bench.equal(short.length, probe.length, 'the size stored');
      bench.check(
        short.value.every((byte) => byte === 0),
        'the block was written to',
      );
    },
  },
  {
    name: 'test vector: the probe for the size, then the registration with that room (OBS-11, MEM-16)',
    async run(bench) {
      const { client } = await bench.connected();
      const buf = new Uint8Array(64);
      for (const flags of [MEM_READ, MEM_WRITE, MEM_READWRITE]) {
        const { length } = registerRdma(client.host, client.s, buf, flags, 0);
        const exact = registerRdma(client.host, client.s, buf, flags, length);
        bench.code(exact.code, 0, `rights ${flags}`);
        bench.equal(exact.length, length, 'the size stored');
        bench.code(deregisterRdma(client.host, client.s, exact.value), 0, 'WSPDeregisterRdmaMemory');
      }
    },
  },
  {
    name: 'more room than needed is not written beyond the size stored (MEM-16)',
    async run(bench) {
      const { client } = await bench.connected();
      const { length } = registerRdma(client.host, client.s, new Uint8Array(64), MEM_READ, 0);
      const {
        code,
        value,
        length: stored,
      } = registerRdma(client.host, client.s, new Uint8Array(64), MEM_READ, length + 50);
      bench.code(code, 0, 'WSPRegisterRdmaMemory');
      bench.equal(stored, length, 'the size stored');
      bench.check(
        value.subarray(stored).every((byte) => byte === 0),
        'bytes behind the descriptor were written',
      );
      bench.code(deregisterRdma(client.host, client.s, value, stored), 0, 'WSPDeregisterRdmaMemory');
    },
  },
  {
    name: 'WSPDeregisterRdmaMemory of what is no descriptor of this socket fails with WSAEINVAL (MEM-15, ERR-19)',
    async run(bench) {
      const first = await bench.connected();
      const second = await bench.connected(first.listener);
      const { host, s } = first.client;
      const descriptor = expose(host, s, new Uint8Array(64), MEM_READ);
      const forged = descriptor.map((byte) => byte ^ 0x55);
      bench.code(deregisterRdma(host, s, forged), WSAEINVAL, 'a descriptor made up');
      bench.code(deregisterRdma(host, s, new Uint8Array(0)), WSAEINVAL, 'an empty one');
      bench.code(deregisterRdma(host, s, descriptor, descriptor.length - 1), WSAEINVAL, 'half a descriptor');
      bench.code(
        deregisterRdma(second.client.host, second.client.s, descriptor),
        WSAEINVAL,
        'on another socket (MEM-14)',
      );
      bench.code(deregisterRdma(host, s, descriptor), 0, 'on its own');
      bench.code(deregisterRdma(host, s, descriptor), WSAEINVAL, 'a second time');
    },
  },
  {
    name: 'exposures of the same memory count (MEM-17, MEM-13)',
    async run(bench) {
      const { client } = await bench.connected();
      const { host, s } = client;
      const buf = new Uint8Array(64);
      const descriptors = [1, 2].map(() => expose(host, s, buf, MEM_READ));
      bench.code(deregisterRdma(host, s, descriptors[0]), 0, 'the first');
      bench.code(deregisterRdma(host, s, descriptors[1]), 0, 'the second');
      bench.code(deregisterRdma(host, s, descriptors[1]), WSAEINVAL, 'one too many');
    },
  },
  {
    name: 'WSPRegisterRdmaMemory refuses bad rights, bad ranges and sockets that are not connected (MEM-11, MEM-16, MEM-12)',
    async run(bench) {
      const { client } = await bench.connected();
      const buf = new Uint8Array(8);
      for (const flags of [0, 4]) {
        bench.code(registerRdma(client.host, client.s, buf, flags, 256).code, WSAEINVAL, `rights ${flags}`);
      }
      bench.code(registerRdma(client.host, client.s, buf, MEM_READ, 256, 9).code, WSAEFAULT, '9 bytes of 8');
      const { s } = await bench.bound(bench.client, 'connect');
      bench.code(registerRdma(bench.client, s, buf, MEM_READ, 256).code, WSAENOTCONN, 'a socket that is not connected');
    },
  },
]);
