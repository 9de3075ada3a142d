/** `WSPStartupEx` and the rest of the seventeen functions: what is not about connections and transfers. */
import {
  AF_INET,
  AF_INET6,
  createProcTable,
  FD_SAN_EVENTS,
  guidText,
  HIBYTE,
  IPPROTO_TCP,
  LOBYTE,
  makeAddressList,
  makeProtocolInfo,
  makeSockaddr,
  noQosByName,
  type ProviderModule,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SO_DEBUG,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SOCK_STREAM,
  sockaddrLength,
  SOL_SOCKET,
  takeNetworkEvents,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  WSAEADDRNOTAVAIL,
  WSAEAFNOSUPPORT,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOPROTOOPT,
  WSAENOTCONN,
  WSAEOPNOTSUPP,
  WSAEPROTONOSUPPORT,
  WSAEPROTOTYPE,
  WSAID_DEREGISTERMEMORY,
  WSAID_DEREGISTERRDMAMEMORY,
  WSAID_MEMORYREGISTRATIONCACHECALLBACK,
  WSAID_RDMAREAD,
  WSAID_RDMAWRITE,
  WSAID_REGISTERMEMORY,
  WSAID_REGISTERRDMAMEMORY,
  WSANOTINITIALISED,
  WSAVERNOTSUPPORTED,
  type WspProcs,
  XP1_CONNECT_DATA,
} from 'sockets-direct/spi';
import { closeEndpoint, makeAccept, makeConnect, makeListen, serves } from './connect.js';
import { makeRegistering } from './memory.js';
import { failed, Shared } from './socket.js';
import {
  makeGetOverlappedResult,
  makeRdmaWrite,
  makeRecv,
  makeSend,
  MESSAGE_BYTES_MAX,
  RDMA_BYTES_MAX,
} from './transfer.js';

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

/** Makes the provider. `folder`: where the Unix sockets are; its owner alone may enter it. */
export function createUnixSan(folder: string): ProviderModule {
  const shared = new Shared(folder);
  const protocolInfo = makeProtocolInfo({
    ProviderId: 'B4D7F1A2-3C58-4E96-A0B1-7D2E95C3F684',
    szProtocol: 'unix-san',
  });
  protocolInfo.dwServiceFlags1 |= XP1_CONNECT_DATA;
  return {
    protocolInfo,
    WSPStartupEx(wVersionRequested, lpWSPData, _lpProtocolInfo, UpcallTable, lpProcTable) {
      if (LOBYTE(wVersionRequested) * 256 + HIBYTE(wVersionRequested) < 0x0202) return WSAVERNOTSUPPORTED;
      if (!isObject(lpWSPData) || !isObject(lpProcTable)) return WSAEFAULT;
      if (shared.starts++ === 0) shared.upcalls = UpcallTable;
      lpWSPData.wVersion = WINSOCK_VERSION_2_2;
      lpWSPData.wHighVersion = WINSOCK_VERSION_2_2;
      lpWSPData.szDescription = 'Unix sockets as a SAN';
      Object.assign(lpProcTable, createProcTable(), procs(shared));
      return 0;
    },
  };
}

function procs(shared: Shared): WspProcs {
  return {
    lpWSPSocket(af, type, protocol, _info, _group, flags, lpErrno) {
      if (shared.starts === 0) return failed(lpErrno, WSANOTINITIALISED);
      if (af !== AF_INET && af !== AF_INET6) return failed(lpErrno, WSAEAFNOSUPPORT);
      if (type !== SOCK_STREAM) return failed(lpErrno, WSAEPROTOTYPE);
      if (protocol !== IPPROTO_TCP) return failed(lpErrno, WSAEPROTONOSUPPORT);
      if (flags !== WSA_FLAG_OVERLAPPED) return failed(lpErrno, WSAEINVAL);
      return shared.create(lpErrno)?.descriptor ?? -1;
    },
    lpWSPBind(s, name, namelen, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return -1;
      if (endpoint.state !== 'open') return failed(lpErrno, WSAEINVAL);
      const bytes = sockaddrLength(name.sa_family);
      if (bytes === 0 || namelen < bytes) return failed(lpErrno, WSAEFAULT);
      if (!serves(name)) return failed(lpErrno, WSAEADDRNOTAVAIL);
      endpoint.local = { ...name };
      endpoint.state = 'bound';
      return 0;
    },
    lpWSPConnect: makeConnect(shared),
    lpWSPListen: makeListen(shared),
    lpWSPAccept: makeAccept(shared),
    lpWSPSend: makeSend(shared),
    lpWSPRecv: makeRecv(shared),
    lpWSPGetOverlappedResult: makeGetOverlappedResult(shared),
    lpWSPCloseSocket(s, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return -1;
      closeEndpoint(shared, endpoint);
      return 0;
    },
    lpWSPEventSelect(s, hEventObject, lNetworkEvents, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return -1;
      if ((lNetworkEvents & ~FD_SAN_EVENTS) !== 0) return failed(lpErrno, WSAEINVAL);
      endpoint.event = hEventObject;
      endpoint.eventMask = lNetworkEvents;
      const recorded = endpoint.events.lNetworkEvents & lNetworkEvents;
      if (recorded !== 0 && hEventObject !== null) shared.upcalls.lpWPUSetEvent(hEventObject, lpErrno); // OBS-34
      return 0;
    },
    lpWSPEnumNetworkEvents(s, hEventObject, lpNetworkEvents, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return -1;
      takeNetworkEvents(endpoint.events, hEventObject, lpNetworkEvents);
      return 0;
    },
    lpWSPGetSockOpt(s, level, optname, optval, optlen, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return -1;
      if (level !== SOL_SOCKET) return failed(lpErrno, WSAEINVAL);
      const sizes = new Map([
        [SO_DEBUG, endpoint.options.get(SO_DEBUG) ?? 0],
        [SO_MAX_MSG_SIZE, MESSAGE_BYTES_MAX],
        [SO_MAX_RDMA_SIZE, RDMA_BYTES_MAX],
      ]);
      const value = sizes.get(optname);
      if (value === undefined) return failed(lpErrno, WSAENOPROTOOPT);
      if (optlen.value < 4) return failed(lpErrno, WSAEFAULT);
      optval.value = value;
      optlen.value = 4;
      return 0;
    },
    lpWSPSetSockOpt(s, level, optname, optval, optlen, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return -1;
      if (level !== SOL_SOCKET) return failed(lpErrno, WSAEINVAL);
      if (optname !== SO_DEBUG) return failed(lpErrno, WSAENOPROTOOPT);
      if (optlen < 4) return failed(lpErrno, WSAEFAULT);
      endpoint.options.set(optname, optval);
      return 0;
    },
    lpWSPIoctl: ioctl(shared),
    lpWSPGetQOSByName: noQosByName,
    lpWSPDuplicateSocket(s, _process, _info, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return -1;
      return failed(lpErrno, endpoint.state === 'connected' ? WSAEOPNOTSUPP : WSAENOTCONN);
    },
    lpWSPCleanup(lpErrno) {
      if (shared.starts === 0) return failed(lpErrno, WSANOTINITIALISED);
      if (--shared.starts > 0) return 0; // SP-11
      for (const endpoint of [...shared.sockets.values()]) closeEndpoint(shared, endpoint);
      return 0;
    },
  };
}

function ioctl(shared: Shared): WspProcs['lpWSPIoctl'] {
  const memory = makeRegistering(shared);
  const extensions = new Map<string, unknown>([
    [WSAID_REGISTERMEMORY, memory.WSPRegisterMemory],
    [WSAID_DEREGISTERMEMORY, memory.WSPDeregisterMemory],
    [WSAID_REGISTERRDMAMEMORY, memory.WSPRegisterRdmaMemory],
    [WSAID_DEREGISTERRDMAMEMORY, memory.WSPDeregisterRdmaMemory],
    [WSAID_RDMAWRITE, makeRdmaWrite(shared)],
  ]);
  const optional: readonly unknown[] = [WSAID_RDMAREAD, WSAID_MEMORYREGISTRATIONCACHECALLBACK];
  return (_s, code, input, output, bytes, _overlapped, _routine, _thread, lpErrno) => {
    if (code === SIO_ADDRESS_LIST_QUERY) {
      output.value = makeAddressList([makeSockaddr(AF_INET, '127.0.0.1', 0), makeSockaddr(AF_INET6, '::1', 0)]);
      return 0;
    }
    if (code !== SIO_GET_EXTENSION_FUNCTION_POINTER) return failed(lpErrno, WSAENOPROTOOPT);
    const guid = guidText(input);
    const found = guid === null ? undefined : extensions.get(guid);
    if (found === undefined) return failed(lpErrno, optional.includes(guid) ? WSAEOPNOTSUPP : WSAEINVAL);
    output.value = found;
    bytes.value = 8;
    return 0;
  };
}
