/**
 * The installed providers of this isolate: the package's own by name, others by the path of their module, and those of the
 * catalog file that programs share, all in the order of the setting `providers`.
 */
import { effectiveSpinLimit, readProcessors, type Config } from '../config/index.js';
import {
  Catalog,
  CatalogFollower,
  defaultCatalogPath,
  importProvider,
  type InstalledProvider,
  moduleProblem,
  type ProviderLoader,
} from '../catalog/index.js';
import { createShmProvider, SHM_PROVIDER_ID } from '../providers/shm/index.js';
import type { ProxyDriver } from '../proxy-driver/index.js';
import { type GuidText, guidText, type Out, type ProviderModule, wsaName } from '../spi/index.js';
import type { Observer } from './observer.js';

/** The word of `providers` that stands for what the catalog file lists. */
const CATALOG = 'catalog';

export interface InstalledCatalog {
  readonly catalog: Catalog;
  /** Null: the configuration wants nothing of the catalog file, or there is no place for one. */
  readonly follower: CatalogFollower | null;
}

/** Fills a catalog by configuration. What cannot be installed is told to the observer; the rest still works. */
export function makeCatalog(config: Config, driver: ProxyDriver, observer: Observer): InstalledCatalog {
  const catalog = new Catalog();
  // Ids in order of preference; null: here come those of the file.
  const order: (GuidText | null)[] = [];
  for (const name of config.providers) {
    if (name === CATALOG) {
      order.push(null);
      continue;
    }
    const module = name === 'shm' ? shm(config, driver, observer) : load(name, observer);
    const id = module === null ? null : install(catalog, name, module, observer);
    if (id !== null) order.push(id);
  }
  const arrange = (ids: readonly GuidText[]): readonly GuidText[] => order.flatMap((id) => id ?? ids);
  catalog.setSanList(arrange([]));
  const path = order.includes(null) ? (config.catalog ?? defaultCatalogPath(process.env)) : null;
  if (path === null) return { catalog, follower: null };
  const onProblem = (problem: string): void => {
    observer.failed('catalog', 'bad-configuration', problem);
  };
  const follower = new CatalogFollower({ catalog, path, arrange, loader, onProblem });
  follower.start();
  return { catalog, follower };
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

/** Loads a module of the catalog file when the switch starts it. What is thrown becomes the reason for refusing it. */
function loader({ path }: InstalledProvider): ProviderLoader {
  return () => {
    const problem = moduleProblem(path);
    if (problem !== null) throw new Error(`${path} ${problem}`);
    const module = importProvider(path);
    if (typeof module === 'string') throw new Error(`${path}: ${module}`);
    return module;
  };
}

/** A provider module that the configuration names. */
function load(path: string, observer: Observer): ProviderModule | null {
  const module = importProvider(path);
  if (typeof module !== 'string') return module;
  observer.failed('catalog', 'provider-failed', `${path}: ${module}`);
  return null;
}

function install(catalog: Catalog, path: string, module: ProviderModule, observer: Observer): GuidText | null {
  const errno: Out<number> = { value: 0 };
  const id = path === 'shm' ? SHM_PROVIDER_ID : module.protocolInfo.ProviderId;
  if (catalog.WSCInstallProvider(id, path, () => module, [module.protocolInfo], errno) === 0) return guidText(id);
  observer.failed('catalog', wsaName(errno.value), `${path} cannot be installed`);
  return null;
}
