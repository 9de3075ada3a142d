/**
 * The shm SAN service provider: `WSPStartupEx` and the seventeen functions (SP-1, SP-7, SP-19). It exports what a provider
 * module exports; the runtime makes one per isolate and installs it in the catalog.
 */
import {
  AF_INET,
  AF_INET6,
  FD_SAN_EVENTS,
  guidText,
  HIBYTE,
  INVALID_SOCKET,
  IPPROTO_TCP,
  isWildcard,
  LOBYTE,
  makeAddressList,
  makeProtocolInfo,
  type ProviderModule,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SIO_SD_ASK_ANOTHER,
  SIO_SD_LISTENER_HINT,
  SO_DEBUG,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SO_SD_CONNECT_DETAIL,
  SO_SD_DUPLICATION,
  SO_SD_NATIVE_ADDRESS,
  SOCK_STREAM,
  type SOCKADDR,
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
  WSAEOPNOTSUPP,
  WSAEPROCLIM,
  WSAEPROTONOSUPPORT,
  WSAEPROTOTYPE,
  WSANOTINITIALISED,
  WSAVERNOTSUPPORTED,
  WSAID_DEREGISTERMEMORY,
  WSAID_DEREGISTERRDMAMEMORY,
  WSAID_MEMORYREGISTRATIONCACHECALLBACK,
  WSAID_RDMAREAD,
  WSAID_RDMAWRITE,
  WSAID_REGISTERMEMORY,
  WSAID_REGISTERRDMAMEMORY,
  WSAID_SD_OWNEDRECEIVE,
  type WSAPROTOCOL_INFOW,
  type WSPPROC_TABLE,
  XP1_CONNECT_DATA,
  XP1_GRACEFUL_CLOSE,
  XP1_GUARANTEED_DELIVERY,
  XP1_GUARANTEED_ORDER,
  XP1_MESSAGE_ORIENTED,
} from '../../spi/index.js';
import { giveUpOn, makeConnect } from './connecting.js';
import { AF_SD_SHM, fillDirectTable, SOCKADDR_SD_SHM_SIZE } from './direct.js';
import { attach, makeDuplicate } from './duplicate.js';
import { ANNOUNCEMENT_PREFIX, randomBytes } from '../../proxy-driver/index.js';
import { Announcements } from './announcements.js';
import { checkedLayout, RECORD_BYTES_MAX, SLOTS_DEFAULT } from './layout.js';
import { LinkTable } from './link-setup.js';
import { makeAccept, makeListen } from './listening.js';
import { makeRegistering } from './memory.js';
import type { ShmOptions } from './options.js';
import { makeOwnedReceive } from './owned-receive.js';
import { makeRdmaRead, RDMA_BYTES_MAX } from './rdma-read.js';
import { makeRdmaWrite } from './rdma-write.js';
import { makeLinkHost } from './records.js';
import type { ShmSocket } from './socket-record.js';
import { failed, ShmState } from './state.js';
import { closeSocket, makeCloseSocket, makeGetOverlappedResult, makeRecv, makeSend } from './transfer.js';

/** ProviderId of the shm provider in the catalog (SP-18). */
export const SHM_PROVIDER_ID = '6B0E2C58-5A7D-4B0B-9C3E-6F1D2A84B7C1';

const SERVICE_FLAGS =
  XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER | XP1_MESSAGE_ORIENTED | XP1_GRACEFUL_CLOSE | XP1_CONNECT_DATA;

/** Makes the provider for this isolate. A `RangeError`: rings of such a size cannot be. */
export function createShmProvider(options: ShmOptions): ProviderModule {
  const layout = checkedLayout(options.ringBytes, SLOTS_DEFAULT);
  if (typeof layout === 'string') throw new RangeError(layout);
  const state = new ShmState(options);
  const protocolInfo = makeProtocolInfo({
    ProviderId: SHM_PROVIDER_ID,
    szProtocol: 'shm',
    dwServiceFlags1: SERVICE_FLAGS,
  });
  return {
    protocolInfo,
    WSPStartupEx(wVersionRequested, lpWSPData, lpProtocolInfo, UpcallTable, lpProcTable) {
      if (LOBYTE(wVersionRequested) * 256 + HIBYTE(wVersionRequested) < 0x0202) return WSAVERNOTSUPPORTED; // OBS-3
      if (!isObject(lpWSPData) || !isObject(UpcallTable) || !isObject(lpProcTable)) return WSAEFAULT; // SP-5
      // SP-3: the switch passes TCP/IP's protocol information (SW-12), a program that loads the provider itself ours.
      const direct = lpProtocolInfo.ProviderId === SHM_PROVIDER_ID;
      if (state.starts > 0 && state.direct !== direct) return WSAEPROCLIM;
      state.direct = direct;
      if (state.starts === 0) {
        state.upcalls = UpcallTable;
        // Opens the descriptor that this is asked by, now: later the last free one must be left to the program's socket.
        options.driver.getRoute('127.0.0.1');
        state.links = new LinkTable(makeLinkHost(state), options, randomBytes(state.addon, 16).toString('hex'));
        state.announcements = new Announcements(state.addon, state.links.companions);
      }
      state.starts++;
      // The first question makes the socket that asks: now, and not when the program may be out of descriptors.
      state.addon.announced(ANNOUNCEMENT_PREFIX, 0, 1);
      lpWSPData.wVersion = WINSOCK_VERSION_2_2;
      lpWSPData.wHighVersion = WINSOCK_VERSION_2_2;
      lpWSPData.szDescription = 'Sockets Direct shared memory provider';
      fillTable(state, protocolInfo, lpProcTable);
      if (direct) fillDirectTable(state, lpProcTable);
      return 0;
    },
  };
}

/** What the provider says of itself to programs that load it: its native family, and it is not hidden (SP-16, SP-17). */
export function directProtocolInfo(): WSAPROTOCOL_INFOW {
  return makeProtocolInfo({
    ProviderId: SHM_PROVIDER_ID,
    szProtocol: 'shm',
    dwServiceFlags1: SERVICE_FLAGS,
    dwProviderFlags: 0,
    iAddressFamily: AF_SD_SHM,
    iMaxSockAddr: SOCKADDR_SD_SHM_SIZE,
    iMinSockAddr: SOCKADDR_SD_SHM_SIZE,
  });
}

function fillTable(state: ShmState, info: WSAPROTOCOL_INFOW, table: WSPPROC_TABLE): void {
  table.lpWSPSocket = (af, type, protocol, info, _group, flags, lpErrno) => {
    if (state.starts === 0) return failed(lpErrno, WSANOTINITIALISED);
    if (af !== AF_INET && af !== AF_INET6) return failed(lpErrno, WSAEAFNOSUPPORT);
    if (type !== SOCK_STREAM) return failed(lpErrno, WSAEPROTOTYPE);
    if (protocol !== IPPROTO_TCP) return failed(lpErrno, WSAEPROTONOSUPPORT);
    if (flags !== WSA_FLAG_OVERLAPPED) return failed(lpErrno, WSAEINVAL);
    if (info !== null && info.dwProviderReserved !== 0) return attach(state, info.dwProviderReserved, lpErrno); // DUP-24
    return state.create(lpErrno)?.descriptor ?? INVALID_SOCKET;
  };
  table.lpWSPBind = (s, name, namelen, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    if (socket.state !== 'open') return failed(lpErrno, WSAEINVAL);
    if (name.sa_family !== AF_INET && name.sa_family !== AF_INET6) return failed(lpErrno, WSAEFAULT);
    if (namelen < sockaddrLength(name.sa_family)) return failed(lpErrno, WSAEFAULT); // SOCK-14
    if (name.sin_port < 1 || name.sin_port > 65535) return failed(lpErrno, WSAEINVAL); // SOCK-12
    if (!isWildcard(name) && !state.isOwnAddress(name)) return failed(lpErrno, WSAEADDRNOTAVAIL); // SOCK-14
    socket.local = { ...name };
    socket.state = 'bound';
    return 0;
  };
  table.lpWSPConnect = makeConnect(state);
  table.lpWSPListen = makeListen(state);
  table.lpWSPAccept = makeAccept(state);
  table.lpWSPSend = makeSend(state);
  table.lpWSPRecv = makeRecv(state);
  table.lpWSPGetOverlappedResult = makeGetOverlappedResult(state);
  table.lpWSPCloseSocket = makeCloseSocket(state);
  table.lpWSPEventSelect = (s, hEventObject, lNetworkEvents, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    if ((lNetworkEvents & ~FD_SAN_EVENTS) !== 0) return failed(lpErrno, WSAEINVAL); // OBS-34
    socket.event = hEventObject;
    socket.eventMask = lNetworkEvents;
    const recorded = socket.events.lNetworkEvents & lNetworkEvents;
    if (recorded !== 0 && hEventObject !== null) state.upcalls.lpWPUSetEvent(hEventObject, lpErrno);
    return 0;
  };
  table.lpWSPEnumNetworkEvents = (s, hEventObject, lpNetworkEvents, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    takeNetworkEvents(socket.events, hEventObject, lpNetworkEvents);
    return 0;
  };
  table.lpWSPGetSockOpt = (s, level, optname, optval, optlen, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    if (level !== SOL_SOCKET) return failed(lpErrno, WSAEINVAL);
    const value = optionOf(socket, optname);
    if (value === null) return failed(lpErrno, WSAENOPROTOOPT);
    if (typeof value === 'number' && optlen.value < 4) return failed(lpErrno, WSAEFAULT); // OPT-11
    optval.value = value;
    optlen.value = typeof value === 'string' ? value.length : 4;
    return 0;
  };
  table.lpWSPSetSockOpt = (s, level, optname, optval, optlen, lpErrno) => {
    const socket = state.find(s, lpErrno);
    if (socket === null) return -1;
    if (level !== SOL_SOCKET) return failed(lpErrno, WSAEINVAL);
    if (optlen < 4) return failed(lpErrno, WSAEFAULT); // OPT-12
    if (!Number.isSafeInteger(optval) || optval < 0) return failed(lpErrno, WSAEINVAL);
    if (optname === SO_DEBUG) socket.options.set(SO_DEBUG, optval);
    else if (optname === SO_SD_NATIVE_ADDRESS) socket.nativeAddress = BigInt(optval);
    else return failed(lpErrno, WSAENOPROTOOPT);
    return 0;
  };
  table.lpWSPIoctl = makeIoctl(state);
  table.lpWSPGetQOSByName = (_s, _name, _qos, lpErrno) => {
    lpErrno.value = WSAEOPNOTSUPP; // ERR-20: no QoS here
    return false;
  };
  table.lpWSPDuplicateSocket = makeDuplicate(state, info);
  table.lpWSPCleanup = (lpErrno) => {
    if (state.starts === 0) return failed(lpErrno, WSANOTINITIALISED);
    if (--state.starts > 0) return 0;
    for (const socket of state.sockets) if (socket !== undefined) closeSocket(state, socket);
    for (const link of state.links.all) link.end('');
    return 0;
  };
}

/** Null: an option that it does not know, such as SO_RDMA_THRESHOLD_SIZE: no size is better off by RDMA (docs/design/bulk.md). */
function optionOf(socket: ShmSocket, optname: number): number | string | null {
  switch (optname) {
    case SO_MAX_MSG_SIZE:
      return RECORD_BYTES_MAX;
    case SO_MAX_RDMA_SIZE:
      return RDMA_BYTES_MAX;
    case SO_DEBUG:
      return socket.options.get(SO_DEBUG) ?? 0;
    case SO_SD_DUPLICATION:
      return 1;
    case SO_SD_CONNECT_DETAIL:
      return socket.detail;
    default:
      return null;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** Extensions by GUID (SP-9), and the address list (SP-13): for these the socket is not looked at (OBS-1). */
function makeIoctl(state: ShmState): WSPPROC_TABLE['lpWSPIoctl'] {
  const registering = makeRegistering(state);
  const extensions = new Map<string, unknown>([
    [WSAID_REGISTERMEMORY, registering.WSPRegisterMemory],
    [WSAID_DEREGISTERMEMORY, registering.WSPDeregisterMemory],
    [WSAID_REGISTERRDMAMEMORY, registering.WSPRegisterRdmaMemory],
    [WSAID_DEREGISTERRDMAMEMORY, registering.WSPDeregisterRdmaMemory],
    [WSAID_RDMAWRITE, makeRdmaWrite(state)],
    [WSAID_SD_OWNEDRECEIVE, makeOwnedReceive(state)],
  ]);
  if (state.options.rdma !== 'off') extensions.set(WSAID_RDMAREAD, makeRdmaRead(state));
  return (
    s,
    dwIoControlCode,
    lpvInBuffer,
    lpvOutBuffer,
    lpcbBytesReturned,
    _overlapped,
    _completion,
    _thread,
    lpErrno,
  ) => {
    if (dwIoControlCode === SIO_GET_EXTENSION_FUNCTION_POINTER) {
      const guid = guidText(lpvInBuffer);
      const extension = guid === null ? undefined : extensions.get(guid);
      if (extension !== undefined) {
        lpvOutBuffer.value = extension;
        lpcbBytesReturned.value = 8;
        return 0;
      }
      const optional = guid === WSAID_RDMAREAD || guid === WSAID_MEMORYREGISTRATIONCACHECALLBACK;
      return failed(lpErrno, optional ? WSAEOPNOTSUPP : WSAEINVAL); // OBS-2
    }
    if (dwIoControlCode === SIO_SD_LISTENER_HINT) {
      const port = (lpvInBuffer as Partial<SOCKADDR> | null)?.sin_port;
      if (port === undefined) return failed(lpErrno, WSAEFAULT);
      return state.announcements.has(port) ? 0 : failed(lpErrno, WSAEADDRNOTAVAIL);
    }
    if (dwIoControlCode === SIO_SD_ASK_ANOTHER) {
      const socket = state.find(s, lpErrno);
      if (socket === null) return -1;
      return giveUpOn(state, socket) ? 0 : failed(lpErrno, WSAEADDRNOTAVAIL);
    }
    if (dwIoControlCode !== SIO_ADDRESS_LIST_QUERY) return failed(lpErrno, WSAENOPROTOOPT); // OBS-44
    lpvOutBuffer.value = makeAddressList(state.options.driver.getAddressList());
    lpcbBytesReturned.value = 0;
    return 0;
  };
}
