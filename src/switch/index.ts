/** The Windows Sockets switch. */
export type { SwitchEvents } from './events.js';
export type { ProviderRow } from './providers.js';
export { REASONS, type RouteReason } from './reasons.js';
export { Switch } from './switch.js';
