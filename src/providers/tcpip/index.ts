/** The TCP/IP service provider. */
export type { NodeName, SharedHandle, TcpHandle, TcpipDriver, TcpMethods } from './handle.js';
export { TCPIP_PROVIDER_ID, TcpipProvider } from './provider.js';
