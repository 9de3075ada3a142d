/** The installed providers of this isolate: the package's own by name, others by the path of their module. */
import { createRequire } from 'node:module';
import { effectiveSpinLimit, readProcessors, type Config } from '../config/index.js';
import { Catalog } from '../catalog/index.js';
import { createShmProvider, SHM_PROVIDER_ID } from '../providers/shm/index.js';
import type { ProxyDriver } from '../proxy-driver/index.js';
import { type Out, type ProviderModule, wsaName } from '../spi/index.js';
import type { Observer } from './observer.js';

/** Fills a catalog by configuration. What cannot be installed is told to the observer; the rest still works. */
export function makeCatalog(config: Config, driver: ProxyDriver, observer: Observer): Catalog {
  const catalog = new Catalog();
  for (const name of config.providers) {
    const module = name === 'shm' ? shm(config, driver, observer) : load(name, observer);
    if (module !== null) install(catalog, name, module, observer);
  }
  return catalog;
}

function shm(config: Config, driver: ProxyDriver, observer: Observer): ProviderModule {
  driver.setSpin(effectiveSpinLimit(config.spinLimitMicroseconds, readProcessors()));
  return createShmProvider({
    driver,
    ringBytes: config.ringBytes,
    spillBytesMax: config.exitFlushBytes,
    allowedUids: new Set([process.geteuid?.() ?? -1, ...config.allowedUids]),
    onEvent: (event) => observer.onLink(event),
  });
}

/** A provider module of somebody else's: exports `WSPStartupEx` and `protocolInfo`. */
function load(path: string, observer: Observer): ProviderModule | null {
  try {
    const module: unknown = createRequire(import.meta.url)(path);
    if (typeof module === 'object' && module !== null && 'WSPStartupEx' in module && 'protocolInfo' in module) {
      return module as ProviderModule;
    }
    observer.failed('catalog', 'provider-failed', `${path} does not export WSPStartupEx and protocolInfo`);
  } catch (error) {
    observer.failed('catalog', 'provider-failed', `${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return null;
}

function install(catalog: Catalog, path: string, module: ProviderModule, observer: Observer): void {
  const errno: Out<number> = { value: 0 };
  const id = path === 'shm' ? SHM_PROVIDER_ID : module.protocolInfo.ProviderId;
  if (catalog.WSCInstallProvider(id, path, () => module, [module.protocolInfo], errno) === 0) catalog.addToSanList(id);
  else observer.failed('catalog', wsaName(errno.value), `${path} cannot be installed`);
}
