import {
  AF_INET,
  createNetworkEvents,
  createProcTable,
  guidText,
  HIBYTE,
  INVALID_SOCKET,
  type LPWSPIOCTL,
  type LPWSPSTARTUPEX,
  LOBYTE,
  makeAddressList,
  makeProtocolInfo,
  makeSockaddr,
  NO_ERROR,
  noQosByName,
  type ProviderModule,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  type SOCKET,
  SOCKET_ERROR,
  WINSOCK_VERSION_2_2,
  WSAEINVAL,
  WSAENOPROTOOPT,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  WSAETIMEDOUT,
  WSAID_MEMORYREGISTRATIONCACHECALLBACK,
  WSAID_RDMAREAD,
  WSAVERNOTSUPPORTED,
  type WSPUPCALLTABLEEX,
} from '../../../src/spi/index.js';

interface Socket {
  /** The switch's handle, for up-calls; the provider's own descriptor is the key of `sockets`. */
  readonly handle: SOCKET;
  readonly events: ReturnType<typeof createNetworkEvents>;
}

const extensions = new Map<string, unknown>(); // GUID text -> function: five are required
const sockets = new Map<SOCKET, Socket>();
let nextDescriptor = 1;
let startups = 0;
let upcalls: WSPUPCALLTABLEEX;

const WSPIoctl: LPWSPIOCTL = (_s, code, input, output, bytes, _overlapped, _routine, _thread, lpErrno) => {
  if (code === SIO_ADDRESS_LIST_QUERY) {
    output.value = makeAddressList([makeSockaddr(AF_INET, '192.0.2.1', 0)]);
    return NO_ERROR;
  }
  if (code === SIO_GET_EXTENSION_FUNCTION_POINTER) {
    const guid = guidText(input);
    const found = guid === null ? undefined : extensions.get(guid);
    if (found === undefined) {
      const optional = guid === WSAID_RDMAREAD || guid === WSAID_MEMORYREGISTRATIONCACHECALLBACK;
      lpErrno.value = optional ? WSAEOPNOTSUPP : WSAEINVAL;
      return SOCKET_ERROR;
    }
    output.value = found;
    bytes.value = 8;
    return NO_ERROR;
  }
  lpErrno.value = WSAENOPROTOOPT;
  return SOCKET_ERROR;
};

const WSPStartupEx: LPWSPSTARTUPEX = (version, lpWSPData, _tcpip, table, procs) => {
  if (LOBYTE(version) * 256 + HIBYTE(version) < 0x0202) return WSAVERNOTSUPPORTED;
  lpWSPData.wVersion = WINSOCK_VERSION_2_2;
  lpWSPData.wHighVersion = WINSOCK_VERSION_2_2;
  lpWSPData.szDescription = 'Skeleton SAN';
  upcalls = table;
  startups++; // the last WSPCleanup of as many cleans up
  procs.lpWSPIoctl = WSPIoctl;
  procs.lpWSPGetQOSByName = noQosByName;
  procs.lpWSPSocket = (_af, _type, _protocol, _info, _group, _flags, lpErrno) => {
    const descriptor = nextDescriptor++;
    const handle = upcalls.lpWPUCreateSocketHandle(0, descriptor, lpErrno);
    if (handle === INVALID_SOCKET) return INVALID_SOCKET;
    sockets.set(descriptor, { handle, events: createNetworkEvents() });
    return descriptor;
  };
  procs.lpWSPConnect = (_s, _name, _namelen, _caller, _callee, _sqos, _gqos, lpErrno) => {
    lpErrno.value = WSAETIMEDOUT; // nobody on this SAN: the switch goes on by TCP
    return SOCKET_ERROR;
  };
  procs.lpWSPCloseSocket = (s, lpErrno) => {
    const socket = sockets.get(s);
    if (socket === undefined) {
      lpErrno.value = WSAENOTSOCK;
      return SOCKET_ERROR;
    }
    sockets.delete(s);
    return upcalls.lpWPUCloseSocketHandle(socket.handle, lpErrno); // the last up-call
  };
  procs.lpWSPCleanup = () => {
    startups--;
    if (startups === 0) Object.assign(procs, createProcTable()); // nothing is left to call
    return NO_ERROR;
  };
  return NO_ERROR;
};

export const provider: ProviderModule = {
  WSPStartupEx,
  protocolInfo: makeProtocolInfo({ ProviderId: '7F0C2B1E-6B7D-4B7E-9C55-0D6B3C9E5A11', szProtocol: 'Skeleton SAN' }),
};
