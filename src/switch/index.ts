/** The Windows Sockets switch. */
export type { SwitchEvents } from './events.js';
export { REASONS, type RouteReason } from './reasons.js';
export { Switch } from './switch.js';
