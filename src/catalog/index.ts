/** The catalog of service providers and the list `TCP on SAN`: that of an isolate, and the file that programs share. */
export { Catalog, type CatalogEntry, type ProviderLoader } from './catalog.js';
export { type InstalledProvider, isValueName, readProtocolInfo } from './document.js';
export { installProvider, removeProvider } from './edit.js';
export { defaultCatalogPath, moduleProblem, readCatalogFile } from './file.js';
export { CatalogFollower } from './follow.js';
export { importProvider } from './import.js';
