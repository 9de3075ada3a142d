/** The catalog of service providers and the list `TCP on SAN`. */
export { Catalog, type CatalogEntry } from './catalog.js';
