/** Two hosts on a loopback network of their own, under a virtual clock: every kind that the provider can play. */
import type { ProviderFactory, ProviderManifest } from '../../../src/conformance/index.js';
import {
  createLoopbackProvider,
  type LoopbackOptions,
  LoopbackNetwork,
  VirtualScheduler,
} from '../../../src/providers/loopback/index.js';
import { ProxyDriver } from '../../../src/proxy-driver/index.js';
import { AF_INET, AF_INET6, makeSockaddr, type ProviderModule } from '../../../src/spi/index.js';

export type Kind = LoopbackOptions & { readonly delayTicksMax?: number };

/** The addresses of the two hosts. */
const CLIENT = '198.51.100.1';
const SERVER = '198.51.100.2';

export function loopbackManifest(kind: Kind): ProviderManifest {
  const { ownsReceiveBuffers = false, connectData = true, rdmaRead = 'offered', cacheRegistrations = false } = kind;
  return {
    name: 'loopback',
    kind: 'san',
    addressFamilies: [AF_INET, AF_INET6],
    ownsReceiveBuffers,
    connectData,
    rdmaRead: rdmaRead !== 'absent',
    memoryRegistrationCache: cacheRegistrations,
    duplicate: false,
    qos: false,
    limits: {
      messageBytes: kind.maxMessageBytes ?? null,
      rdmaBytes: kind.maxRdmaBytes ?? null,
      earlyMessages: 4,
      buffersPerMessage: 4,
    },
  };
}

/** `wrap`: what is put around each provider; to break it on purpose. */
export function loopbackFactory(
  kind: Kind = {},
  wrap: (module: ProviderModule) => ProviderModule = (module) => module,
): ProviderFactory {
  return {
    manifest: loopbackManifest(kind),
    create() {
      const scheduler = new VirtualScheduler();
      const faults = { delayTicksMax: kind.delayTicksMax ?? 0 };
      const network = new LoopbackNetwork({ scheduler, seed: 20_260_101, faults });
      const host = (address: string) => wrap(createLoopbackProvider({ ...kind, addresses: [address] }, network));
      let nextPort = 20_000;
      const driver = kind.cacheRegistrations === true ? ProxyDriver.load().driver : null;
      return {
        ...(driver !== null && { cacheable: (bytes: number) => cacheable(driver, bytes) }),
        client: host(CLIENT),
        server: host(SERVER),
        reserve: (use) => ({
          name: makeSockaddr(AF_INET, use === 'listen' ? SERVER : CLIENT, nextPort++),
          close: () => undefined,
        }),
        // The kit awaits it, so what was promised meanwhile has its turn between two steps.
        settle: () => void scheduler.run(64),
        patience: 1000,
        close: () => {
          driver?.allocations.releaseAll();
          driver?.unload();
        },
      };
    },
  };
}

/** What the provider keeps registered: memory that the proxy driver allocated. */
function cacheable(driver: ProxyDriver, bytes: number): { memory: Uint8Array; address: bigint } {
  const memory = driver.allocations.allocate(bytes);
  if (typeof memory === 'number') throw new Error(`no memory: ${memory}`);
  const view = new Uint8Array(memory);
  return { memory: view, address: BigInt(driver.addon.addressOf(view)) };
}

/** Why nothing can be kept on this system; null: it can. */
export function whyNothingIsKept(): string | null {
  const { driver, reason } = ProxyDriver.load();
  if (driver === null) return reason;
  return driver.secured.open() === 0 ? null : driver.secured.reason;
}
