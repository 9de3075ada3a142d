/**
 * The loopback provider, published as `sockets-direct/loopback`: a reference SAN within one event loop (DESIGN section 2).
 * The module is itself a provider module, so it can be installed by its path; what it installs is a NIC-like provider
 * that joins the connections which this isolate makes to itself.
 */
import type { ProviderModule } from '../../spi/index.js';
import { createLoopbackProvider } from './provider.js';

export { LoopbackNetwork } from './network.js';
export {
  LOOPBACK_PROVIDER_ID,
  type LoopbackFaults,
  type LoopbackNetworkOptions,
  type LoopbackOptions,
  type RdmaReadSupport,
} from './options.js';
export type { LoopbackInventory } from './instance.js';
export { createLoopbackProvider, type LoopbackProvider } from './provider.js';
export { Random } from './random.js';
export { type LoopbackScheduler, RealScheduler, VirtualScheduler } from './scheduler.js';

const provider: ProviderModule = createLoopbackProvider();

/** The entry point and the description of the provider that this module is (SP-1). */
export const { WSPStartupEx, protocolInfo } = provider;
