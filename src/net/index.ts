/** The program's side (D1): unmodified `node:net` on top of the switch. */
export { install, type InstalledNet, type InstallResult, type NetOptions } from './install.js';
export { type NodeInternals, reachInternals } from './internals.js';
export type { Companion } from './intercept-listen.js';
export type { TcpHandle } from './node-shapes.js';
export type {
  ConnectAttempt,
  ConnectRequest,
  Hold,
  Listening,
  ListenRequest,
  SanConnection,
  SanPeer,
  SanSession,
  SwitchPort,
} from './port.js';
export { isAtMark, listenUrgent, sendUrgent } from './urgent.js';
export type { LiveConnection, Role, Route, RouteObserver, RouteTable, TcpEnds } from './route.js';
