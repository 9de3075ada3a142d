/** The Windows Sockets switch. */
export type { ConnectRequest } from './connect.js';
export type { SanConnection, SanPeer } from './connection.js';
export type { SwitchEvents } from './events.js';
export type { ListenRequest } from './listen.js';
export { REASONS, type RouteReason } from './reasons.js';
export { Switch, type SwitchOptions, type SwitchSnapshot } from './switch.js';
