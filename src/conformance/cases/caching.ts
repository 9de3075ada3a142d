/** Registrations that are kept after deregistration, as far as a caller can see them (CACHE-2…16). */
import { MEM_READ, MEM_WRITE, WSAEFAULT, WSAEINVAL, WSAENOTSOCK } from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { only, topic } from '../case.js';
import { pattern } from '../end.js';
import { deregister, deregisterRdma, expose, register } from '../memory.js';
import { transfer } from './rdma.js';

const skip = only('memoryRegistrationCache');

function cacheable(bench: Bench, bytes: number): { memory: Uint8Array; address: bigint } {
  const found = bench.pair.cacheable?.(bytes);
  if (found === undefined) return bench.fail('the factory of a provider with a cache has to offer cacheable memory');
  return { memory: found.memory.subarray(0, bytes), address: found.address };
}

/** `WSPMemoryRegistrationCacheCallback` at the client: its code. */
function changed(bench: Bench, address: bigint, bytes: number): number {
  const { extensions, errno } = bench.client;
  const callback = extensions.WSPMemoryRegistrationCacheCallback;
  if (callback === undefined || callback === null) return bench.fail('there is no cache callback');
  return callback(address, bytes, errno) === 0 ? 0 : errno.value;
}

export const CACHING = topic('caching', [
  {
    name: 'the cache callback of a range that was never cached fails with WSAEINVAL (CACHE-10, ERR-23)',
    skip,
    async run(bench) {
      await bench.connected();
      bench.code(changed(bench, 0x10000n, 4096), WSAEINVAL, 'the callback');
    },
  },
  {
    name: 'a registration is kept after deregistration until the callback drops it, once (CACHE-2, CACHE-7)',
    skip,
    async run(bench) {
      const { client } = await bench.connected();
      const { memory, address } = cacheable(bench, 8192);
      const { value } = register(client.host, client.s, memory, MEM_READ);
      bench.code(deregister(client.host, client.s, value), 0, 'WSPDeregisterMemory');
      bench.code(changed(bench, address, memory.length), 0, 'the callback');
      bench.code(changed(bench, address, memory.length), WSAEINVAL, 'the callback again');
    },
  },
  {
    name: 'memory is registered again after the callback, and its new bytes are sent (CACHE-5, CACHE-6, CACHE-7)',
    skip,
    async run(bench) {
      const { client, server } = await bench.connected();
      server.receive('posted');
      const { memory, address } = cacheable(bench, 4096);
      const target = new Uint8Array(4096);
      const descriptor = expose(server.host, server.s, target, MEM_WRITE);
      for (const seed of [1, 2, 3]) {
        memory.set(pattern(4096, seed));
        const { code, value } = register(client.host, client.s, memory, MEM_READ);
        bench.code(code, 0, 'WSPRegisterMemory');
        bench.code(await transfer(client, 'WSPRdmaWrite', memory, value, descriptor), 0, 'WSPRdmaWrite');
        await client.exchange(server, [Uint8Array.of(seed)]);
        bench.sameBytes(target, pattern(4096, seed), `what was written the ${seed}. time`);
        bench.code(deregister(client.host, client.s, value), 0, 'WSPDeregisterMemory');
        if (seed === 2) bench.code(changed(bench, address, memory.length), 0, 'the callback');
      }
    },
  },
  {
    name: 'a handle is void after deregistration, whatever the cache keeps (CACHE-2, MEM-3)',
    skip,
    async run(bench) {
      const { client, server } = await bench.connected();
      const { memory } = cacheable(bench, 4096);
      const descriptor = expose(server.host, server.s, new Uint8Array(4096), MEM_WRITE);
      const { value } = register(client.host, client.s, memory, MEM_READ);
      bench.code(deregister(client.host, client.s, value), 0, 'WSPDeregisterMemory');
      bench.code(await transfer(client, 'WSPRdmaWrite', memory, value, descriptor), WSAEFAULT, 'WSPRdmaWrite');
      bench.code(deregister(client.host, client.s, value), WSAEINVAL, 'WSPDeregisterMemory again');
    },
  },
  {
    name: 'an exposure that the cache keeps is dropped by the callback as well (CACHE-14, CACHE-15)',
    skip,
    async run(bench) {
      const { client } = await bench.connected();
      const { memory, address } = cacheable(bench, 4096);
      for (let round = 0; round < 3; round++) {
        const descriptor = expose(client.host, client.s, memory, MEM_READ);
        bench.code(deregisterRdma(client.host, client.s, descriptor), 0, 'WSPDeregisterRdmaMemory');
      }
      bench.code(changed(bench, address, memory.length), 0, 'the callback');
      bench.code(changed(bench, address, memory.length), WSAEINVAL, 'the callback again');
    },
  },
  {
    name: 'the callback is for any memory, whosever it is, and needs no socket (CACHE-6, CACHE-11)',
    skip,
    async run(bench) {
      const { client } = await bench.connected();
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket');
      const code = changed(bench, 0x7fff_0000_0000n, 1);
      bench.code(code, WSAEINVAL, 'the callback');
      bench.check(code !== WSAENOTSOCK, 'the callback looked at a socket');
    },
  },
]);
