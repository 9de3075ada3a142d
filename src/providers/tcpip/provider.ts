/**
 * The TCP/IP service provider over Node's own TCP handles (TC-1…17). Programs keep using those handles as ever; this
 * provider gives the switch a descriptor for one, reserves its port, and answers for the host's addresses and routes.
 * Data, accepting and closing stay between Node and the handle.
 */
import {
  AF_INET,
  AF_INET6,
  copySockaddr,
  FD_ADDRESS_LIST_CHANGE,
  FD_ADDRESS_LIST_CHANGE_BIT,
  HIBYTE,
  INVALID_SOCKET,
  IPPROTO_TCP,
  LOBYTE,
  makeProtocolInfo,
  makeSockaddr,
  noQosByName,
  type Out,
  PFL_MATCHES_PROTOCOL_ZERO,
  type ProviderModule,
  recordNetworkEvent,
  setEvent,
  SOCK_STREAM,
  type SOCKADDR,
  SOCKADDR_IN6_SIZE,
  sockaddrLength,
  type SOCKET,
  SOCKET_ERROR,
  takeNetworkEvents,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  WSAEAFNOSUPPORT,
  type WSAEVENT,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  WSAEPROTONOSUPPORT,
  WSAEPROTOTYPE,
  WSAEWOULDBLOCK,
  wsaFromErrno,
  WSANOTINITIALISED,
  WSAVERNOTSUPPORTED,
  type WSPPROC_TABLE,
  type WspProcs,
  XP1_GRACEFUL_CLOSE,
  XP1_GUARANTEED_DELIVERY,
  XP1_GUARANTEED_ORDER,
  XP1_IFS_HANDLES,
} from '../../spi/index.js';
import { control } from './control-codes.js';
import type { NodeName, SharedHandle, TcpHandle, TcpipDriver, TcpMethods } from './handle.js';
import { getOption, setOption } from './socket-options.js';
import { TcpSocket } from './socket-record.js';

/** The published id of the base TCP/IP provider: by it a SAN provider knows that the switch loads it (SW-12, SP-3). */
export const TCPIP_PROVIDER_ID = 'E70F1AA0-AB8B-11CF-8CA3-00805F48A192';

/** `WSPGetSockName`: no SAN provider has it (SP-8); TCP/IP does. Fills `name`; `namelen`: in the room, out the size. */
type LPWSPGETSOCKNAME = (s: SOCKET, name: SOCKADDR, namelen: Out<number>, lpErrno: Out<number>) => number;
type BaseProcs = WspProcs & { lpWSPGetSockName: LPWSPGETSOCKNAME };

export class TcpipProvider implements ProviderModule {
  readonly protocolInfo = makeProtocolInfo({
    ProviderId: TCPIP_PROVIDER_ID,
    szProtocol: 'TCP/IP',
    dwServiceFlags1: XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER | XP1_GRACEFUL_CLOSE | XP1_IFS_HANDLES,
    dwProviderFlags: PFL_MATCHES_PROTOCOL_ZERO,
    iMaxSockAddr: SOCKADDR_IN6_SIZE,
    dwMessageSize: 0,
  });
  readonly #driver: TcpipDriver;
  readonly #methods: TcpMethods;
  readonly #sockets = new Map<SOCKET, TcpSocket>();
  #nextDescriptor = 1;
  /** What the next WSPSocket is for. */
  #adopting: TcpHandle | SharedHandle | null = null;
  #startups = 0;
  #unwatch: (() => void) | null = null;
  readonly #errno: Out<number> = { value: 0 };
  readonly #bound = new Int32Array(1);

  constructor(driver: TcpipDriver, methods: TcpMethods) {
    this.#driver = driver;
    this.#methods = methods;
  }

  readonly WSPStartupEx: ProviderModule['WSPStartupEx'] = (version, lpWSPData, _info, _upcalls, lpProcTable) => {
    if (LOBYTE(version) < 2 || (LOBYTE(version) === 2 && HIBYTE(version) < 2)) return WSAVERNOTSUPPORTED;
    if (!isObject(lpWSPData) || !isObject(lpProcTable)) return WSAEFAULT; // SP-5
    lpWSPData.wVersion = WINSOCK_VERSION_2_2;
    lpWSPData.wHighVersion = WINSOCK_VERSION_2_2;
    lpWSPData.szDescription = 'TCP/IP over the handles of Node.js';
    Object.assign<WSPPROC_TABLE, object>(lpProcTable, this.#procs());
    if (this.#startups++ === 0) this.#unwatch = this.#driver.watchAddressList(() => this.#addressesChanged());
    return 0;
  };

  // ---------------------------------------------------------------- the program's side

  /**
   * A descriptor for a program's handle (TC-1): WSPSocket with the handle in hand. `family`: that of the connect or
   * listen to come, `AF_INET` or `AF_INET6`. Give it back with {@link forget}; the handle stays the program's.
   * Of a handle without a socket the descriptor tells the native address, and nothing else.
   */
  adopt(handle: TcpHandle | SharedHandle, family: number): SOCKET {
    this.#adopting = handle;
    const s = this.#socket(family, SOCK_STREAM, IPPROTO_TCP, WSA_FLAG_OVERLAPPED, this.#errno);
    this.#adopting = null;
    return s;
  }

  /** Forgets a descriptor (WSPCloseSocket); the handle is not touched. */
  forget(s: SOCKET): void {
    this.#sockets.delete(s);
  }

  /**
   * WSPConnect for Node: the request object is the program's, completes as on any TCP handle, and the result is the
   * libuv status exactly. `address` as `net` wrote it, a zone included.
   */
  connect(s: SOCKET, request: object, family: number, address: string, port: number): number {
    const socket = this.#sockets.get(s);
    if (socket === undefined) throw new TypeError(`descriptor ${s} is not open`);
    socket.request = request;
    socket.address = address;
    this.#connect(socket, makeSockaddr(family, address, port));
    return socket.status;
  }

  /** The libuv status of the last call that went to the handle. */
  lastStatus(s: SOCKET): number {
    return this.#sockets.get(s)?.status ?? 0;
  }

  // ---------------------------------------------------------------- WSP functions

  #procs(): BaseProcs {
    const driver = this.#driver;
    return {
      lpWSPSocket: (af, type, protocol, _info, _g, flags, lpErrno) => this.#socket(af, type, protocol, flags, lpErrno),
      lpWSPBind: (s, name, namelen, lpErrno) => this.#on(s, lpErrno, (socket) => this.#bind(socket, name, namelen)),
      lpWSPGetSockName: (s, name, namelen, lpErrno) =>
        this.#on(s, lpErrno, (socket) => this.#getSockName(socket, name, namelen)),
      lpWSPConnect: (s, name, _namelen, callerData, calleeData, _sqos, _gqos, lpErrno) =>
        // No XP1_CONNECT_DATA (OBS-27).
        this.#on(s, lpErrno, (socket) => ((callerData ?? calleeData) ? WSAEINVAL : this.#connect(socket, name))),
      lpWSPListen: (s, backlog, lpErrno) => this.#on(s, lpErrno, (socket) => this.#listen(socket, backlog)),
      lpWSPGetSockOpt: (s, level, optname, optval, optlen, lpErrno) =>
        this.#on(s, lpErrno, (socket) => getOption(socket, driver, level, optname, optval, optlen)),
      lpWSPSetSockOpt: (s, level, optname, optval, optlen, lpErrno) =>
        this.#on(s, lpErrno, (socket) => setOption(socket, level, optname, optval, optlen)),
      lpWSPIoctl: (s, code, input, output, bytesReturned, _overlapped, _routine, _thread, lpErrno) =>
        this.#on(s, lpErrno, (socket) => control(socket, driver, code, input, output, bytesReturned)),
      lpWSPEventSelect: (s, hEvent, mask, lpErrno) =>
        this.#on(s, lpErrno, (socket) => eventSelect(socket, hEvent, mask)),
      lpWSPEnumNetworkEvents: (s, hEvent, into, lpErrno) =>
        this.#on(s, lpErrno, (socket) => {
          takeNetworkEvents(socket.events, hEvent, into);
          return 0;
        }),
      lpWSPCloseSocket: (s, lpErrno) => this.#on(s, lpErrno, () => (this.#sockets.delete(s) ? 0 : WSAENOTSOCK)),
      lpWSPCleanup: (lpErrno) => this.#cleanup(lpErrno),
      lpWSPAccept: notOffered,
      lpWSPSend: notOffered,
      lpWSPRecv: notOffered,
      lpWSPDuplicateSocket: notOffered,
      lpWSPGetOverlappedResult: (...args) => notOffered(...args) === 0,
      lpWSPGetQOSByName: noQosByName,
    };
  }

  /** Runs a function on a descriptor's record and turns its code into the published result. */
  #on(s: SOCKET, lpErrno: Out<number>, act: (socket: TcpSocket) => number): number {
    const socket = this.#sockets.get(s);
    const code = socket !== undefined ? act(socket) : this.#startups === 0 ? WSANOTINITIALISED : WSAENOTSOCK;
    if (code === 0) return 0;
    lpErrno.value = code;
    return SOCKET_ERROR;
  }

  #socket(af: number, type: number, protocol: number, flags: number, lpErrno: Out<number>): SOCKET {
    lpErrno.value = this.#refuseSocket(af, type, protocol, flags);
    if (lpErrno.value !== 0) return INVALID_SOCKET;
    const s = this.#nextDescriptor++;
    this.#sockets.set(s, new TcpSocket(this.#adopting));
    return s;
  }

  #refuseSocket(af: number, type: number, protocol: number, flags: number): number {
    if (this.#startups === 0) return WSANOTINITIALISED;
    if (af !== AF_INET && af !== AF_INET6) return WSAEAFNOSUPPORT;
    if (type !== SOCK_STREAM) return WSAEPROTOTYPE;
    if (protocol !== IPPROTO_TCP) return WSAEPROTONOSUPPORT;
    return flags === WSA_FLAG_OVERLAPPED ? 0 : WSAEINVAL;
  }

  /**
   * Binds a handle that has no socket yet, for real: without SO_REUSEADDR, which libuv always sets, so that nobody else
   * can take the port while the companion uses it (D12). A handle that has one was bound by its program, through Node.
   */
  #bind(socket: TcpSocket, name: SOCKADDR, namelen: number): number {
    const { handle } = socket;
    if (namelen < sockaddrLength(name.sa_family) || sockaddrLength(name.sa_family) === 0) return WSAEFAULT;
    if (handle === null || handle.fd >= 0) return WSAEINVAL;
    const family = name.sa_family === AF_INET6 ? 6 : 4;
    const fd = this.#driver.reservePort({ family, address: name.sin_addr, port: name.sin_port }, this.#bound);
    if (fd < 0) return wsaFromErrno(fd);
    socket.status = this.#methods.open.call(handle, fd);
    if (socket.status !== 0) this.#driver.addon.close(fd);
    else socket.bound = makeSockaddr(name.sa_family, name.sin_addr, this.#bound[0]);
    return wsaFromErrno(socket.status);
  }

  #getSockName(socket: TcpSocket, name: SOCKADDR, namelen: Out<number>): number {
    if (socket.bound !== null) {
      copySockaddr(name, socket.bound);
      namelen.value = sockaddrLength(name.sa_family);
      return 0;
    }
    const found: NodeName = {};
    if (socket.handle === null) return WSAEINVAL;
    socket.status = this.#methods.getsockname.call(socket.handle, found);
    if (socket.status !== 0) return wsaFromErrno(socket.status);
    name.sa_family = found.family === 'IPv6' ? AF_INET6 : AF_INET;
    name.sin_addr = found.address ?? '';
    name.sin_port = found.port ?? 0;
    name.sin6_scope_id = 0;
    namelen.value = sockaddrLength(name.sa_family);
    return 0;
  }

  /** `WSAEWOULDBLOCK`: under way; the request object completes as Node's do. */
  #connect(socket: TcpSocket, name: SOCKADDR): number {
    const { handle, request } = socket;
    if (handle === null || request === null) return WSAEINVAL;
    const { connect, connect6 } = this.#methods;
    const address = socket.address === '' ? name.sin_addr : socket.address;
    const method = name.sa_family === AF_INET6 ? connect6 : connect;
    socket.request = null;
    socket.status = method.call(handle, request, address, name.sin_port);
    return socket.status === 0 ? WSAEWOULDBLOCK : wsaFromErrno(socket.status);
  }

  #listen(socket: TcpSocket, backlog: number): number {
    if (socket.handle === null) return WSAEINVAL;
    socket.status = this.#methods.listen.call(socket.handle, backlog);
    socket.listening ||= socket.status === 0;
    return wsaFromErrno(socket.status);
  }

  #cleanup(lpErrno: Out<number>): number {
    if (this.#startups === 0) {
      lpErrno.value = WSANOTINITIALISED;
      return SOCKET_ERROR;
    }
    if (--this.#startups > 0) return 0;
    this.#unwatch?.();
    this.#unwatch = null;
    this.#sockets.clear();
    return 0;
  }

  /** Each armed notice fires once; whoever wants the next arms it again (ADDR-11). */
  #addressesChanged(): void {
    for (const socket of [...this.#sockets.values()]) {
      if (!socket.armed) continue;
      socket.armed = false;
      recordNetworkEvent(socket.events, FD_ADDRESS_LIST_CHANGE_BIT, 0);
      if (socket.event !== null && (socket.eventMask & FD_ADDRESS_LIST_CHANGE) !== 0) setEvent(socket.event);
    }
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** The one event that does not come from Node by the handle itself (TC-8). */
function eventSelect(socket: TcpSocket, hEvent: WSAEVENT | null, mask: number): number {
  if ((mask & ~FD_ADDRESS_LIST_CHANGE) !== 0) return WSAEINVAL;
  socket.event = hEvent;
  socket.eventMask = mask;
  if (hEvent !== null && (socket.events.lNetworkEvents & mask) !== 0) setEvent(hEvent);
  return 0;
}

/** Data, accepting and duplicates stay between Node and the handle. */
function notOffered(...args: unknown[]): number {
  (args[args.length - 1] as Out<number>).value = WSAEOPNOTSUPP;
  return SOCKET_ERROR;
}
