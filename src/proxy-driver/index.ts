/** The proxy driver: what the switch and the providers may use of it. */
export * from './addon.js';
export { AddressList, type NicAddress, type NicSockaddr } from './address-list.js';
export { type Endpoint, type NativeAddress, ProxyDriver, type RouteAnswer } from './driver.js';
export { type LoadedAddon, loadAddon } from './load.js';
export { COMPANIONS_MAX, companionName, parseCompanionName } from './names.js';
