// Does the provider keep the contract of the SPI? The kit comes with sockets-direct.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ProviderFactory, suite } from 'sockets-direct/conformance';
import { AF_INET, AF_INET6, makeSockaddr } from 'sockets-direct/spi';
import { createUnixSan } from '../src/provider.js';
import { MESSAGE_BYTES_MAX, RDMA_BYTES_MAX } from '../src/transfer.js';

const factory: ProviderFactory = {
  manifest: {
    name: 'unix-san',
    kind: 'san',
    addressFamilies: [AF_INET, AF_INET6],
    ownsReceiveBuffers: false,
    connectData: true,
    rdmaRead: false,
    memoryRegistrationCache: false,
    duplicate: false,
    qos: false,
    limits: { messageBytes: MESSAGE_BYTES_MAX, rdmaBytes: RDMA_BYTES_MAX, earlyMessages: 8, buffersPerMessage: 4 },
    lacks: { 'authoritative-refusal': 'the same listener may be reached by TCP, which this provider knows nothing of' },
  },
  create() {
    const folder = mkdtempSync(join(tmpdir(), 'unix-san-'));
    let port = 5000;
    return {
      // Two instances that share a folder are as two processes.
      client: createUnixSan(folder),
      server: createUnixSan(folder),
      reserve: () => ({ name: makeSockaddr(AF_INET, '127.0.0.1', port++), close: () => undefined }),
      settle: () => new Promise((resolve) => setTimeout(resolve, 1)),
      close: () => rmSync(folder, { recursive: true, force: true }),
    };
  },
};

suite({
  test: (name, run) => test(name, run),
  skip: (name, reason) => test(name, { skip: reason }),
  factory,
});
