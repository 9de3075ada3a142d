/** Two shm providers in one process that find each other as two processes would: by real TCP sockets and the real addon. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Companion, ProviderFactory } from '../../../src/conformance/index.js';
import { createShmProvider } from '../../../src/providers/shm/index.js';
import { RECORD_BYTES_MAX, RING_BYTES_MIN } from '../../../src/providers/shm/layout.js';
import { ProxyDriver } from '../../../src/proxy-driver/index.js';
import { AF_INET, AF_INET6, makeSockaddr, SO_SD_NATIVE_ADDRESS, SOL_SOCKET } from '../../../src/spi/index.js';

const RDMA_BYTES = 256 * 1024 * 1024;

const loaded = ProxyDriver.load();
assert.ok(loaded.driver, loaded.reason ?? '');
const driver = loaded.driver;

/** Stops the addon's part of this isolate, so that the test can end. */
export function unload(): void {
  driver.unload();
}

async function listening(): Promise<Companion> {
  const tcp = createServer().listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as { port: number };
  const cookie = driver.getNativeAddress((tcp as unknown as { _handle: { fd: number } })._handle.fd);
  const options = [{ level: SOL_SOCKET, optname: SO_SD_NATIVE_ADDRESS, optval: Number(cookie) }];
  return { name: makeSockaddr(AF_INET, '127.0.0.1', port), options, close: () => void tcp.close() };
}

function connecting(): Companion {
  const fd = driver.reservePort({ address: '127.0.0.1', port: 0, family: 4 });
  const local = driver.getEndpoint(fd);
  assert.ok(typeof local === 'object');
  return { name: makeSockaddr(AF_INET, '127.0.0.1', local.port), close: () => void driver.addon.close(fd) };
}

export const shmFactory: ProviderFactory = {
  manifest: {
    name: 'shm',
    kind: 'san',
    addressFamilies: [AF_INET, AF_INET6],
    ownsReceiveBuffers: true,
    connectData: true,
    rdmaRead: true,
    memoryRegistrationCache: false,
    duplicate: true,
    qos: false,
    limits: { messageBytes: RECORD_BYTES_MAX, rdmaBytes: RDMA_BYTES, earlyMessages: 8, buffersPerMessage: 16 },
    lacks: {
      'authoritative-refusal': 'a companion that refuses says nothing about the TCP listener beside it (DESIGN D12)',
      'unforgeable-descriptors': 'process_vm_readv reaches whatever ptrace would, and no more (DESIGN D5)',
      'memory-in-use': 'messages are copied into the ring, and registering pins nothing',
    },
  },
  create() {
    const provider = () =>
      createShmProvider({
        driver,
        ringBytes: RING_BYTES_MIN,
        spillBytesMax: 4 << 20,
        allowedUids: new Set([process.geteuid?.() ?? 0]),
      });
    return {
      client: provider(),
      // Of the same process: what tells them apart here is the token alone.
      successor: () => ({ provider: provider(), processId: process.pid }),
      server: provider(),
      reserve: (use) => (use === 'listen' ? listening() : connecting()),
      settle: () => new Promise((resolve) => setTimeout(resolve, 1)),
      close: () => undefined,
    };
  },
};
