/** The Windows Sockets switch. */
export { SanConnection } from './connection.js';
export type { SwitchEvents } from './events.js';
export type { ProviderRow } from './providers.js';
export { REASONS, type RouteReason } from './reasons.js';
export { Switch } from './switch.js';
export { presentTimers, type Timers } from './timers.js';
