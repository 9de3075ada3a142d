/** Connecting (CONN-1 … CONN-16): the request travels to the listener, the answer comes back as the first of the wire. */
import { isIP } from 'node:net';
import {
  FD_ACCEPT_BIT,
  FD_CONNECT_BIT,
  type LPWSPCONNECT,
  WSAEADDRINUSE,
  WSAEADDRNOTAVAIL,
  WSAEALREADY,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAEISCONN,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
} from '../../spi/index.js';
import { failed, type LoopbackInstance } from './instance.js';
import type { ConnectRequest, LoopbackSocket } from './socket-record.js';
import { fillCalleeData } from './wire.js';

/** Most bytes of connect data each way (SESS-5). */
export const CONNECT_DATA_BYTES_MAX = 256;
const NOTHING = new Uint8Array(0);

export function makeConnect(instance: LoopbackInstance): LPWSPCONNECT {
  const { network, settings } = instance;
  return (s, name, _namelen, lpCallerData, lpCalleeData, _sqos, _gqos, lpErrno) => {
    const socket = instance.find(s, lpErrno);
    if (socket === null) return -1;
    if (socket.state === 'connecting') return failed(lpErrno, WSAEALREADY);
    if (socket.state === 'connected') return failed(lpErrno, WSAEISCONN);
    if (socket.state !== 'bound' || socket.local === null) return failed(lpErrno, WSAEINVAL); // OBS-28
    if (!settings.connectData && (lpCallerData !== null || lpCalleeData !== null)) return failed(lpErrno, WSAEINVAL); // OBS-27
    if (lpCallerData !== null && lpCallerData.len > CONNECT_DATA_BYTES_MAX) return failed(lpErrno, WSAEINVAL);
    if (isIP(name.sin_addr) === 0 || name.sin_port < 1 || name.sin_port > 65535) return failed(lpErrno, WSAEFAULT);
    // A destination that is no host of this network may well be there by other ways (CONN-14).
    if (!network.has(name)) return failed(lpErrno, WSAEADDRNOTAVAIL);
    if (!network.reserve(socket.local, name)) return failed(lpErrno, WSAEADDRINUSE);
    socket.remote = { ...name };
    socket.calleeData = lpCalleeData;
    socket.state = 'connecting';
    const data = lpCallerData === null ? NOTHING : Uint8Array.from(lpCallerData.buf.subarray(0, lpCallerData.len));
    socket.request = { connector: socket, local: socket.local, remote: socket.remote, data, abandoned: false };
    network.later(ask, socket.request);
    return failed(lpErrno, WSAEWOULDBLOCK); // CONN-5
  };
}

/** The request has reached the listener's host. */
function ask(request: ConnectRequest): void {
  const { connector, remote } = request;
  const { network, settings } = connector.instance;
  if (request.abandoned || network.random.chance(network.faults.connectLost)) return;
  const listener = network.listener(remote);
  if (listener === null) {
    // Sure only if nothing but this network reaches there; else a listener of TCP may (CONN-13, CONN-14).
    answerLater(request, settings.authoritative ? WSAECONNRESET : WSAEADDRNOTAVAIL, 'no-companion', NOTHING);
  } else if (listener.queue.length >= listener.backlog || network.random.chance(network.faults.connectRefused)) {
    answerLater(request, WSAECONNREFUSED, 'listener-busy', NOTHING); // LIST-7: no event for the listener
  } else {
    listener.queue.push(request);
    listener.instance.signal(listener, FD_ACCEPT_BIT, 0);
  }
}

/** The listener's host refuses; its word reaches the connector later. */
export function answerLater(request: ConnectRequest, error: number, detail: string, data: Uint8Array): void {
  request.connector.instance.network.later(endConnect, { request, error, detail, data });
}

/** The connect has failed. */
function endConnect(answer: { request: ConnectRequest; error: number; detail: string; data: Uint8Array }): void {
  const { request, error, detail, data } = answer;
  const { connector } = request;
  if (request.abandoned || connector.state !== 'connecting') return;
  abandon(connector);
  connector.state = 'bound';
  connector.detail = detail;
  fillCalleeData(connector, data);
  connector.instance.signal(connector, FD_CONNECT_BIT, error);
}

/** The listener's host is gone, and with it its answer: as good as none (CONN-14). */
export function neverAnswered(request: ConnectRequest): void {
  answerLater(request, WSAETIMEDOUT, 'listener-busy', NOTHING);
}

/** The connector waits no longer: whoever takes its request finds it given up (CONN-15). */
export function abandon(connector: LoopbackSocket): void {
  const { request } = connector;
  if (request === null) return;
  request.abandoned = true;
  connector.request = null;
  connector.instance.network.release(request.local, request.remote);
}
