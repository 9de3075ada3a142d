/** Connecting, listening and accepting (CONN, LIST, ACC): an IP address and port become the path of a Unix socket. */
import { rmSync } from 'node:fs';
import { connect as connectTo, createServer, isIP, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  AF_INET6,
  CF_ACCEPT,
  copySockaddr,
  FD_ACCEPT_BIT,
  FD_CONNECT_BIT,
  isWildcard,
  type LPWSPACCEPT,
  type LPWSPCONNECT,
  type LPWSPLISTEN,
  makeSockaddr,
  type SOCKADDR,
  sockaddrLength,
  SOMAXCONN,
  WSA_OPERATION_ABORTED,
  type WSABUF,
  WSAEADDRNOTAVAIL,
  WSAEALREADY,
  WSAECONNREFUSED,
  WSAEFAULT,
  WSAEINVAL,
  WSAEISCONN,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
} from 'sockets-direct/spi';
import { ACCEPT, CONNECT, type Frame, FrameReader, header, REFUSE } from './frames.js';
import { type Endpoint, failed, type Request, type Shared } from './socket.js';
import { attach, write } from './transfer.js';

const BACKLOG_MAX = 512;
const CONNECT_DATA_MAX = 256;

/** Why a connect was refused. TCP may still succeed, so none of these becomes an authoritative code (CONN-14). */
const BUSY = 1;
const REJECTED = 2;

const pathOf = (folder: string, { sin_addr, sin_port }: SOCKADDR): string =>
  join(folder, `${sin_addr.replaceAll(':', '_')}.${sin_port}`);

/** The sockets that may serve a destination: its own, and those that listen on every address. */
function candidates(folder: string, name: SOCKADDR): string[] {
  const wildcards = name.sa_family === AF_INET6 ? ['::'] : ['0.0.0.0', '::'];
  const names = [name.sin_addr, ...wildcards];
  return names.map((address) => pathOf(folder, makeSockaddr(name.sa_family, address, name.sin_port)));
}

export function makeConnect(shared: Shared): LPWSPCONNECT {
  return (s, name, namelen, lpCallerData, lpCalleeData, _sqos, _gqos, lpErrno) => {
    const endpoint = shared.find(s, lpErrno);
    if (endpoint === null) return -1;
    if (endpoint.state === 'connecting') return failed(lpErrno, WSAEALREADY);
    if (endpoint.state === 'connected') return failed(lpErrno, WSAEISCONN);
    if (endpoint.state !== 'bound' || endpoint.local === null) return failed(lpErrno, WSAEINVAL);
    if (isIP(name.sin_addr) === 0 || namelen < sockaddrLength(name.sa_family)) return failed(lpErrno, WSAEFAULT);
    const data = lpCallerData === null ? Buffer.alloc(0) : Buffer.from(lpCallerData.buf.slice(0, lpCallerData.len));
    if (data.length > CONNECT_DATA_MAX) return failed(lpErrno, WSAEINVAL);
    endpoint.state = 'connecting';
    endpoint.calleeData = lpCalleeData;
    const names = Buffer.from(JSON.stringify({ from: endpoint.local, to: name }));
    const hello = Buffer.concat([header(CONNECT, data.length, names.length + data.length), names, data]);
    tryNext(shared, endpoint, candidates(shared.folder, name), hello);
    return failed(lpErrno, WSAEWOULDBLOCK); // CONN-5
  };
}

/** Tries one path after the other; a path on which nobody listens is not an answer. */
function tryNext(shared: Shared, endpoint: Endpoint, paths: readonly string[], hello: Buffer): void {
  const path = paths.at(0);
  if (path === undefined) {
    endConnect(shared, endpoint, WSAEADDRNOTAVAIL);
    return;
  }
  const wire = connectTo(path);
  const reader = new FrameReader();
  let open = false;
  endpoint.wire = wire;
  wire.on('connect', () => {
    open = true;
    wire.write(hello);
  });
  const answer = (chunk: Buffer): void => {
    reader.push(chunk);
    let frame: Frame | null = null;
    try {
      frame = reader.next();
    } catch {
      wire.destroy();
    }
    if (frame === null) return;
    wire.pause();
    wire.off('data', answer);
    answered(shared, endpoint, frame, reader);
  };
  wire.on('data', answer);
  wire.on('error', () => undefined); // 'close' follows
  wire.once('close', () => {
    if (endpoint.state !== 'connecting' || endpoint.wire !== wire) return;
    if (open) endConnect(shared, endpoint, WSAETIMEDOUT);
    else tryNext(shared, endpoint, paths.slice(1), hello);
  });
}

function answered(shared: Shared, endpoint: Endpoint, { kind, argument, payload }: Frame, reader: FrameReader): void {
  if (endpoint.state !== 'connecting') return; // closed meanwhile
  const { calleeData } = endpoint;
  if (calleeData !== null) {
    calleeData.len = Math.min(calleeData.len, payload.length);
    calleeData.buf.set(payload.subarray(0, calleeData.len));
  }
  if (kind !== ACCEPT) {
    endConnect(shared, endpoint, argument === BUSY ? WSAETIMEDOUT : WSAEADDRNOTAVAIL);
    return;
  }
  attach(shared, endpoint, reader);
  shared.signal(endpoint, FD_CONNECT_BIT, 0);
}

function endConnect(shared: Shared, endpoint: Endpoint, code: number): void {
  endpoint.wire?.destroy();
  endpoint.wire = null;
  endpoint.state = 'bound';
  shared.signal(endpoint, FD_CONNECT_BIT, code);
}

export function makeListen(shared: Shared): LPWSPLISTEN {
  return (s, backlog, lpErrno) => {
    const endpoint = shared.find(s, lpErrno);
    if (endpoint === null) return -1;
    const { state, local } = endpoint;
    if (state === 'connected' || state === 'connecting') return failed(lpErrno, WSAEISCONN);
    const limit = backlog === SOMAXCONN ? BACKLOG_MAX : Math.max(1, Math.min(backlog, BACKLOG_MAX));
    endpoint.backlog = limit;
    if (state === 'listening') {
      for (const excess of endpoint.queue.splice(limit)) refuse(excess.wire, BUSY); // OBS-30
      return 0;
    }
    if (state !== 'bound' || local === null) return failed(lpErrno, WSAEINVAL);
    const path = pathOf(shared.folder, local);
    // Whoever has the TCP port has the path as well: what is there is left over from a process that is gone.
    rmSync(path, { force: true });
    const server = createServer((wire) => greet(shared, endpoint, wire));
    server.on('error', () => undefined);
    // Not by way of a cluster's primary, which knows nothing of it.
    server.listen({ path, exclusive: true });
    server.unref();
    endpoint.server = server;
    endpoint.state = 'listening';
    return 0;
  };
}

function refuse(wire: Socket, why: number, data: Uint8Array = new Uint8Array(0)): void {
  wire.end(Buffer.concat([header(REFUSE, why, data.length), data]));
}

/** Somebody connects to a listener: its CONNECT is read, and nothing is answered (ACC-3). */
function greet(shared: Shared, listener: Endpoint, wire: Socket): void {
  const reader = new FrameReader();
  const leave = (): void => {
    const at = listener.queue.findIndex((waiting) => waiting.wire === wire);
    if (at >= 0) listener.queue.splice(at, 1);
  };
  wire.on('error', () => undefined);
  wire.once('close', leave);
  const read = (chunk: Buffer): void => {
    try {
      reader.push(chunk);
      const frame = reader.next();
      if (frame === null) return;
      const request = requestOf(wire, frame);
      wire.off('data', read);
      if (listener.state !== 'listening') wire.destroy();
      else if (listener.queue.length >= listener.backlog)
        refuse(wire, BUSY); // LIST-7: and no event
      else {
        listener.queue.push(request);
        shared.signal(listener, FD_ACCEPT_BIT, 0);
      }
      wire.resume(); // so that its end is noticed
    } catch {
      wire.destroy();
    }
  };
  wire.on('data', read);
}

function requestOf(wire: Socket, { kind, argument, payload }: Frame): Request {
  const names = payload.length - argument;
  if (kind !== CONNECT || names < 0 || argument > CONNECT_DATA_MAX) throw new RangeError('no CONNECT');
  const { from, to } = JSON.parse(payload.toString('utf8', 0, names)) as { from: SOCKADDR; to: SOCKADDR };
  return { wire, remote: checked(from), local: checked(to), data: payload.subarray(names) };
}

function checked({ sa_family, sin_addr, sin_port }: SOCKADDR): SOCKADDR {
  if (sockaddrLength(sa_family) === 0 || isIP(sin_addr) === 0 || !(sin_port > 0 && sin_port < 65_536)) {
    throw new RangeError('not an address');
  }
  return makeSockaddr(sa_family, sin_addr, sin_port);
}

export function makeAccept(shared: Shared): LPWSPACCEPT {
  return (s, addr, addrlen, lpfnCondition, dwCallbackData, lpErrno) => {
    const listener = shared.find(s, lpErrno);
    if (listener === null) return -1;
    if (listener.state !== 'listening') return failed(lpErrno, WSAEINVAL);
    const request = listener.queue.at(0);
    if (typeof lpfnCondition !== 'function') return failed(lpErrno, WSAEFAULT);
    if (request === undefined) return failed(lpErrno, WSAEWOULDBLOCK);
    const { wire, local, remote, data } = request;
    const addressBytes = sockaddrLength(remote.sa_family);
    if (addrlen !== null && addrlen.value < addressBytes) return failed(lpErrno, WSAEFAULT);
    listener.queue.shift();
    if (listener.event !== null) shared.upcalls.lpWPUResetEvent(listener.event, lpErrno); // ACC-6
    if (listener.queue.length > 0) setImmediate(signalWaiting, shared, listener); // OBS-31
    const reply: WSABUF = { len: CONNECT_DATA_MAX, buf: new Uint8Array(CONNECT_DATA_MAX) };
    const caller: WSABUF = { len: data.length, buf: data };
    const decision = lpfnCondition(remote, caller, null, null, local, reply, null, dwCallbackData);
    const said = reply.buf.subarray(0, reply.len);
    if (decision !== CF_ACCEPT) {
      refuse(wire, REJECTED, said);
      return failed(lpErrno, WSAECONNREFUSED); // ACC-7; any other value is a rejection as well (ACC-8)
    }
    const endpoint = shared.create(lpErrno);
    if (endpoint === null) {
      refuse(wire, BUSY);
      return -1;
    }
    endpoint.local = local;
    for (const [option, value] of listener.options) endpoint.options.set(option, value);
    endpoint.wire = wire;
    write(endpoint, header(ACCEPT, 0, said.length), [said]);
    attach(shared, endpoint, new FrameReader());
    if (addr !== null) copySockaddr(addr, remote);
    if (addrlen !== null) addrlen.value = addressBytes;
    return endpoint.descriptor;
  };
}

function signalWaiting(shared: Shared, listener: Endpoint): void {
  if (listener.state === 'listening' && listener.queue.length > 0) shared.signal(listener, FD_ACCEPT_BIT, 0);
}

/** Ends a socket, whatever it was (CLOSE-2…6). */
export function closeEndpoint(shared: Shared, endpoint: Endpoint): void {
  endpoint.server?.close();
  for (const { wire } of endpoint.queue.splice(0)) wire.destroy();
  endpoint.state = 'open'; // so that the end of the Unix socket is nobody's affair any more
  endpoint.wire?.destroy();
  endpoint.wire = null;
  const pending = [...endpoint.sends, ...endpoint.writes.values(), ...endpoint.posted.splice(0)];
  endpoint.sends.clear();
  endpoint.writes.clear();
  for (const operation of pending) shared.complete(endpoint, operation, WSA_OPERATION_ABORTED, 0); // CLOSE-4
  endpoint.memory.clear(); // MEM-18
  endpoint.early.length = 0;
  shared.sockets.delete(endpoint.descriptor);
  shared.upcalls.lpWPUCloseSocketHandle(endpoint.handle, { value: 0 }); // CLOSE-6: the last up-call
}

/** Whether a socket may be bound to it: an address of the host's own loopback interface. */
export function serves(name: SOCKADDR): boolean {
  if (isWildcard(name)) return true;
  return name.sa_family === AF_INET6 ? name.sin_addr === '::1' : /^127\./.test(name.sin_addr);
}
