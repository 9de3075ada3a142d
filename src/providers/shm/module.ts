/**
 * `sockets-direct/shm`: the shm provider for programs that load it themselves and speak the SPI (SP-3, docs/SPI.md). The
 * switch does not use this module: it has a provider of its own, with the settings of the configuration.
 */
import { loadAddon, ProxyDriver } from '../../proxy-driver/index.js';
import {
  type ProviderModule,
  WSAEPROVIDERFAILEDINIT,
  WSAEPROTONOSUPPORT,
  type WSAPROTOCOL_INFOW,
} from '../../spi/index.js';
import { createShmProvider, directProtocolInfo, SHM_PROVIDER_ID } from './provider.js';

export { AF_SD_SHM, type DirectProcs, SOCKADDR_SD_SHM_SIZE } from './direct.js';

const RING_BYTES = 2 * 1024 * 1024;
const SPILL_BYTES_MAX = 64 * 1024 * 1024;

let provider: ProviderModule | null = null;

/** The native family's protocol: to be passed to {@link WSPStartupEx}. */
export const protocolInfo: WSAPROTOCOL_INFOW = directProtocolInfo();

/**
 * Starts the provider for a program. `lpProtocolInfo` is {@link protocolInfo}; with another one, as the switch passes it:
 * `WSAEPROTONOSUPPORT`. `WSAEPROVIDERFAILEDINIT`: it cannot work here, and `szDescription` says why.
 */
export const WSPStartupEx: ProviderModule['WSPStartupEx'] = (version, lpWSPData, lpProtocolInfo, upcalls, table) => {
  if ((lpProtocolInfo as Partial<WSAPROTOCOL_INFOW> | null)?.ProviderId !== SHM_PROVIDER_ID) return WSAEPROTONOSUPPORT;
  if (provider === null) {
    const { addon, reason } = loadAddon();
    if (addon === null) {
      lpWSPData.szDescription = reason;
      return WSAEPROVIDERFAILEDINIT;
    }
    provider = createShmProvider({
      // Without the list of IP addresses, which is of no use in this family and there once in an isolate.
      driver: new ProxyDriver(addon),
      ringBytes: RING_BYTES,
      spillBytesMax: SPILL_BYTES_MAX,
      allowedUids: new Set([process.geteuid?.() ?? -1]),
    });
  }
  return provider.WSPStartupEx(version, lpWSPData, lpProtocolInfo, upcalls, table);
};
