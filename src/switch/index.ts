/** The Windows Sockets switch. */
export { ConnectAttempt, type ConnectRequest } from './connect.js';
export type { SanConnection, SanPeer, Side } from './connection.js';
export type { ConnectionRow, TcpConnection } from './connection-table.js';
export type { SwitchEvents } from './events.js';
export type { Listening, ListenRequest } from './listen.js';
export type { ProviderRow } from './providers.js';
export { isRouteReason, REASONS, type RouteReason } from './reasons.js';
export type { SessionSettings } from './startup.js';
export { type ListenerRow, Switch, type SwitchOptions, type SwitchSnapshot } from './switch.js';
