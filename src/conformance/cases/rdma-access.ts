/** Who may reach exposed memory: the connected peer, with its rights, in the range, while it is registered (MEM-7…10, MEM-19). */
import { MEM_READ, MEM_WRITE, WSA_IO_PENDING } from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { type CaseSpec, only, topic } from '../case.js';
import { type End, pattern } from '../end.js';
import { deregisterRdma, expose, type Rdma, rdma, type RdmaCall } from '../memory.js';
import { local, transfer } from './rdma.js';

const SECRET = 0x5a;

/**
 * An RDMA call that must not reach the memory: the call or the operation fails, or the connection ends for it. What it
 * was to reach is checked as well: nothing written to `exposed`, nothing read from it.
 */
async function denied(
  bench: Bench,
  from: End,
  which: Rdma,
  exposed: Uint8Array,
  descriptor: Uint8Array,
  what: string,
  { bytes = 32, ...call }: RdmaCall & { bytes?: number } = {},
): Promise<void> {
  const before = exposed.slice();
  const { buf, handle } = local(bench, from, which, new Uint8Array(bytes).fill(which === 'WSPRdmaWrite' ? 0x77 : 0));
  const operation = from.host.operation();
  const code = rdma(from.host, which, from.s, [{ len: bytes, buf, handle }], descriptor, operation, call);
  if (code === WSA_IO_PENDING) await bench.until(`the end of ${what}`, () => operation.state === 'done');
  await bench.quiet();
  bench.sameBytes(exposed, before, `the memory after ${what}`);
  if (which === 'WSPRdmaRead') bench.check(!buf.includes(SECRET), `${what} brought bytes of the memory`);
  // A provider that copies through its transport finds out at the other end, and then ends the connection.
  const failed = operation.error !== 0 || from.ends > 0;
  bench.check(failed, `${what} succeeded`);
}

/** The exposed memory of the cases. */
function secret(): Uint8Array {
  return new Uint8Array(128).fill(SECRET);
}

function cases(which: Rdma): CaseSpec[] {
  const skip = which === 'WSPRdmaRead' ? only('rdmaRead') : (): null => null;
  const rights = which === 'WSPRdmaWrite' ? MEM_WRITE : MEM_READ;
  const otherRights = which === 'WSPRdmaWrite' ? MEM_READ : MEM_WRITE;
  return [
    {
      name: `${which} beyond the end of the exposed memory fails, and touches nothing (MEM-8, XFER-31)`,
      skip,
      async run(bench) {
        for (const offset of [97, 128, 0x7fffffff, 0xffffffff]) {
          const { client, server } = await bench.connected();
          client.receive('posted');
          const exposed = secret();
          const descriptor = expose(server.host, server.s, exposed, rights);
          await denied(bench, client, which, exposed, descriptor, `${which} at offset ${offset}`, { offset });
        }
      },
    },
    {
      name: `${which} against the rights of the registration fails, and touches nothing (MEM-10, MEM-8)`,
      skip,
      async run(bench) {
        const { client, server } = await bench.connected();
        client.receive('posted');
        const exposed = secret();
        const descriptor = expose(server.host, server.s, exposed, otherRights);
        await denied(bench, client, which, exposed, descriptor, `${which} without the right`);
      },
    },
    {
      name: `${which} after the memory was deregistered fails, and touches nothing (MEM-19, CACHE-12, MEM-9)`,
      skip,
      async run(bench) {
        const { client, server } = await bench.connected();
        client.receive('posted');
        const exposed = secret();
        const descriptor = expose(server.host, server.s, exposed, rights);
        const { buf, handle } = local(bench, client, which, new Uint8Array(16).fill(1));
        bench.code(await transfer(client, which, buf, handle, descriptor), 0, `${which} while it is registered`);
        if (which === 'WSPRdmaWrite') {
          await bench.until('the bytes are in place', () => exposed[15] === 1);
        }
        bench.code(deregisterRdma(server.host, server.s, descriptor), 0, 'WSPDeregisterRdmaMemory');
        await denied(bench, client, which, exposed, descriptor, `${which} with a stale descriptor`);
      },
    },
    {
      name: `${which} with a descriptor of another connection fails, and touches nothing (MEM-7, MEM-8)`,
      skip,
      async run(bench) {
        const first = await bench.connected();
        const second = await bench.connected(first.listener);
        second.client.receive('posted');
        const exposed = secret();
        const descriptor = expose(first.server.host, first.server.s, exposed, rights);
        await denied(bench, second.client, which, exposed, descriptor, `${which} over another connection`);
      },
    },
    {
      name: `${which} with a descriptor that somebody made up fails, and touches nothing (MEM-8)`,
      skip,
      async run(bench) {
        const forgeries: ((descriptor: Uint8Array) => Uint8Array)[] = [
          (descriptor) => descriptor.map((byte) => byte ^ 0xff),
          (descriptor) => new Uint8Array(descriptor.length).fill(0xff),
          (descriptor) => new Uint8Array(descriptor.length),
        ];
        for (const [index, forge] of forgeries.entries()) {
          const { client, server } = await bench.connected();
          client.receive('posted');
          const exposed = secret();
          const descriptor = expose(server.host, server.s, exposed, rights);
          await denied(bench, client, which, exposed, forge(descriptor), `${which} with forgery ${index}`);
        }
      },
    },
    {
      name: `${which} with a descriptor of which one bit was changed fails, and touches nothing (MEM-8)`,
      skip: (manifest) => manifest.lacks?.['unforgeable-descriptors'] ?? skip(manifest),
      async run(bench) {
        const first = await bench.connected();
        const exposed = secret();
        const { length } = expose(first.server.host, first.server.s, exposed, rights);
        for (let at = 0; at < length; at++) {
          const { client, server } = await bench.connected(first.listener);
          client.receive('posted');
          const descriptor = expose(server.host, server.s, exposed, rights);
          descriptor[at] ^= 1 << (at % 8);
          await denied(bench, client, which, exposed, descriptor, `${which} with byte ${at} changed`);
        }
      },
    },
    {
      name: `${which} after the connection has ended fails, and touches nothing (MEM-9, MEM-18)`,
      skip,
      async run(bench) {
        const { client, server } = await bench.connected();
        client.receive('posted');
        const exposed = secret();
        const descriptor = expose(server.host, server.s, exposed, rights);
        const { buf, handle } = local(bench, client, which, new Uint8Array(16).fill(0x77));
        bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
        await bench.until('the connection ends', () => client.ends > 0);
        const code = await transfer(client, which, buf, handle, descriptor);
        bench.check(code !== 0, `${which} succeeded`);
        bench.sameBytes(exposed, secret(), 'the memory');
        if (which === 'WSPRdmaRead') bench.check(!buf.includes(SECRET), 'bytes of the memory were read');
      },
    },
  ];
}

/** The last bytes of the memory are within reach, so that the cases above refuse for the right reason. */
const toTheEnd: CaseSpec = {
  name: 'what lies in the range to its last byte is within reach (MEM-4, MEM-7)',
  async run(bench) {
    const { client, server } = await bench.connected();
    const exposed = secret();
    const descriptor = expose(server.host, server.s, exposed, MEM_WRITE);
    const { buf, handle } = local(bench, client, 'WSPRdmaWrite', pattern(32, 1));
    bench.code(await transfer(client, 'WSPRdmaWrite', buf, handle, descriptor, { offset: 96 }), 0, 'WSPRdmaWrite');
    await bench.until('the bytes are in place', () => exposed[127] === buf[31]);
    bench.sameBytes(exposed.subarray(96), buf, 'the bytes');
  },
};

export const RDMA_ACCESS = topic('rdma-access', [toTheEnd, ...cases('WSPRdmaWrite'), ...cases('WSPRdmaRead')]);
