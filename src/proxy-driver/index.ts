/** The proxy driver: what the switch and the providers may use of it. */
export {
  type CachedRegistration,
  type CacheOptions,
  type PinningNic,
  RegistrationCache,
} from './registration-cache.js';
export { type SecuredRange, SecuredMemory, type Securer } from './secured-memory.js';
export * from './device-control.js';
export type { DriverLimits } from './driver.js';
export * from './addon.js';
export { AddressList } from './address-list.js';
export { DuplicateTransport } from './duplicate-channel.js';
export { type Endpoint, ProxyDriver } from './driver.js';
export { loadAddon } from './load.js';
export { randomBytes } from './random.js';
export { ANNOUNCEMENT_PREFIX, COMPANION_NUMBERS, companionName, companionPrefix } from './names.js';
