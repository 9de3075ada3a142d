/** The proxy driver: what the switch and the providers may use of it. */
export * from './addon.js';
export { AddressList } from './address-list.js';
export { DuplicateTransport } from './duplicate-channel.js';
export { type Endpoint, ProxyDriver } from './driver.js';
export { loadAddon } from './load.js';
export { ANNOUNCEMENT_PREFIX, COMPANION_NUMBERS, companionName, companionPrefix } from './names.js';
