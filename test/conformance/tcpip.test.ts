// The conformance kit on the TCP/IP provider, with the real proxy driver: what the switch asks of a base provider.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type ProviderFactory, suite } from '../../src/conformance/index.js';
import { type TcpMethods, TcpipProvider } from '../../src/providers/tcpip/index.js';
import { ProxyDriver } from '../../src/proxy-driver/index.js';
import { AF_INET, AF_INET6, makeSockaddr } from '../../src/spi/index.js';

/** How the package itself reaches Node's handles (src/net/internals.ts). */
type Reach = (name: string) => { TCP: { prototype: TcpMethods } };
const { TCP } = (process as unknown as { binding: Reach }).binding('tcp_wrap');

const loaded = ProxyDriver.load();
assert.ok(loaded.driver, loaded.reason ?? '');
const driver = loaded.driver;

const factory: ProviderFactory = {
  manifest: {
    name: 'TCP/IP',
    kind: 'base',
    addressFamilies: [AF_INET, AF_INET6],
    ownsReceiveBuffers: false,
    connectData: false,
    rdmaRead: false,
    memoryRegistrationCache: false,
    duplicate: false,
    qos: false,
    limits: { messageBytes: null, rdmaBytes: null },
  },
  create() {
    const provider = new TcpipProvider(driver, TCP.prototype);
    return {
      client: provider,
      server: provider,
      reserve: () => ({ name: makeSockaddr(AF_INET, '127.0.0.1', 4711), close: () => undefined }),
      settle: () => new Promise((resolve) => setImmediate(resolve)),
      close: () => undefined,
    };
  },
};

describe('TCP/IP keeps the contract of the SPI', () => {
  after(() => driver.unload());
  suite({
    test: (name, run) => test(name, run),
    factory,
  });
});
