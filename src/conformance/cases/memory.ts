/** Memory for local use (MEM-1…15). */
import { MEM_READ, MEM_READWRITE, MEM_WRITE, NULL_HANDLE, WSAEFAULT, WSAEINVAL, WSAENOTCONN } from '../../spi/index.js';
import { topic, without } from '../case.js';
import { pattern } from '../end.js';
import { deregister, expose, rdma, register } from '../memory.js';

export const MEMORY = topic('memory', [
  {
    name: 'WSPRegisterMemory gives a handle for each of the rights, and WSPDeregisterMemory takes it back (MEM-2, MEM-3, MEM-11)',
    async run(bench) {
      const { client } = await bench.connected();
      for (const flags of [MEM_READ, MEM_WRITE, MEM_READWRITE]) {
        const { code, value } = register(client.host, client.s, new Uint8Array(4096), flags);
        bench.code(code, 0, `WSPRegisterMemory with rights ${flags}`);
        bench.check(value !== NULL_HANDLE, 'the handle is NULL');
        bench.code(deregister(client.host, client.s, value), 0, 'WSPDeregisterMemory');
      }
    },
  },
  {
    name: 'WSPDeregisterMemory of an unknown handle fails with WSAEINVAL (MEM-15, ERR-19)',
    async run(bench) {
      const { client } = await bench.connected();
      for (const handle of [NULL_HANDLE, 0x7ffffff0, -1]) {
        bench.code(deregister(client.host, client.s, handle), WSAEINVAL, `handle ${handle}`);
      }
    },
  },
  {
    name: 'WSPDeregisterMemory once too often fails with WSAEINVAL (MEM-13, MEM-15, ERR-19)',
    async run(bench) {
      const { client } = await bench.connected();
      const { value } = register(client.host, client.s, new Uint8Array(64), MEM_READ);
      bench.code(deregister(client.host, client.s, value), 0, 'WSPDeregisterMemory');
      bench.code(deregister(client.host, client.s, value), WSAEINVAL, 'WSPDeregisterMemory again');
    },
  },
  {
    name: 'a handle is only good for the socket it was made on (MEM-6, MEM-14)',
    async run(bench) {
      const first = await bench.connected();
      const second = await bench.connected(first.listener);
      const { value } = register(first.client.host, first.client.s, new Uint8Array(64), MEM_READ);
      bench.code(
        deregister(second.client.host, second.client.s, value),
        WSAEINVAL,
        'WSPDeregisterMemory on another socket',
      );
      bench.code(deregister(first.client.host, first.client.s, value), 0, 'WSPDeregisterMemory on its own');
    },
  },
  {
    name: 'registrations of the same memory count, and the last deregistration frees (MEM-13)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const { host, s } = client;
      const buf = pattern(256, 6);
      const handles = [1, 2, 3].map(() => register(host, s, buf, MEM_READ).value);
      bench.code(deregister(host, s, handles[0]), 0, 'the first WSPDeregisterMemory');
      bench.code(deregister(host, s, handles[1]), 0, 'the second WSPDeregisterMemory');
      const target = new Uint8Array(256);
      const descriptor = expose(server.host, server.s, target, MEM_WRITE);
      const operation = host.operation();
      const code = rdma(host, 'WSPRdmaWrite', s, [{ len: 256, buf, handle: handles[2] }], descriptor, operation);
      if (code !== 0)
        bench.code(await client.finish(operation), 0, 'WSPRdmaWrite from memory that is still registered once');
      bench.code(deregister(host, s, handles[2]), 0, 'the third WSPDeregisterMemory');
      bench.code(deregister(host, s, handles[2]), WSAEINVAL, 'one too many');
    },
  },
  {
    name: 'the same memory may be registered on several sockets, each with its own end (MEM-13, MEM-14)',
    async run(bench) {
      const first = await bench.connected();
      const second = await bench.connected(first.listener);
      const buf = new Uint8Array(64);
      const one = register(first.client.host, first.client.s, buf, MEM_READ);
      const two = register(second.client.host, second.client.s, buf, MEM_READ);
      bench.code(one.code, 0, 'WSPRegisterMemory on one socket');
      bench.code(two.code, 0, 'WSPRegisterMemory on the other');
      bench.code(deregister(first.client.host, first.client.s, one.value), 0, 'WSPDeregisterMemory on the one');
      bench.code(deregister(second.client.host, second.client.s, two.value), 0, 'WSPDeregisterMemory on the other');
    },
  },
  {
    name: 'rights that do not exist fail with WSAEINVAL (MEM-11, MEM-12)',
    async run(bench) {
      const { client } = await bench.connected();
      for (const flags of [0, 4, 7, -1]) {
        bench.code(register(client.host, client.s, new Uint8Array(8), flags).code, WSAEINVAL, `rights ${flags}`);
      }
    },
  },
  {
    name: 'a range that is not memory fails with WSAEFAULT (MEM-12)',
    async run(bench) {
      const { client } = await bench.connected();
      const buf = new Uint8Array(8);
      bench.code(register(client.host, client.s, buf, MEM_READ, 9).code, WSAEFAULT, '9 bytes of 8');
      bench.code(register(client.host, client.s, buf, MEM_READ, -1).code, WSAEFAULT, '-1 bytes');
      bench.code(
        register(client.host, client.s, null as unknown as Uint8Array, MEM_READ, 8).code,
        WSAEFAULT,
        'no memory',
      );
    },
  },
  {
    name: 'registering on a socket that is not connected fails with WSAENOTCONN (MEM-12, MEM-1)',
    async run(bench) {
      const { s } = await bench.bound(bench.client, 'connect');
      bench.code(register(bench.client, s, new Uint8Array(8), MEM_READ).code, WSAENOTCONN, 'WSPRegisterMemory');
    },
  },
  {
    name: 'memory of a posted receive is in use, and cannot be deregistered (MEM-15, ERR-19)',
    skip: (manifest) => manifest.lacks?.['memory-in-use'] ?? without('ownsReceiveBuffers')(manifest),
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('posted');
      bench.code(deregister(server.host, server.s, server.region), WSAEINVAL, 'WSPDeregisterMemory');
      await client.exchange(server, [pattern(10, 1)]);
    },
  },
  {
    name: 'source memory of an RDMA transfer is refused to WSPDeregisterMemory, or not needed any more (MEM-15, ERR-19)',
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('posted');
      const { host, s } = client;
      const bytes = Math.min(bench.manifest.limits.rdmaBytes ?? 200_000, 200_000);
      const source = pattern(bytes, 3);
      const { value: handle } = register(host, s, source, MEM_READ);
      const target = new Uint8Array(bytes);
      const descriptor = expose(server.host, server.s, target, MEM_WRITE);
      const operation = host.operation();
      const code = rdma(host, 'WSPRdmaWrite', s, [{ len: bytes, buf: source, handle }], descriptor, operation);
      const early = deregister(host, s, handle);
      bench.code(early, [0, WSAEINVAL], 'WSPDeregisterMemory during the transfer');
      if (early === 0) source.fill(0);
      if (code !== 0) bench.code(await client.finish(operation), 0, 'WSPRdmaWrite');
      if (early !== 0) bench.code(deregister(host, s, handle), 0, 'WSPDeregisterMemory afterwards');
      await client.exchange(server, [pattern(1, 1)]); // not before the bytes (OBS-13)
      bench.sameBytes(target, pattern(bytes, 3), 'what was written');
    },
  },
]);
