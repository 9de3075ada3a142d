/**
 * The loopback SAN service provider: `WSPStartupEx` and the seventeen functions (SP-1, SP-7), in one process, as a NIC
 * would behave or, by an option, as a provider that owns its receive buffers. It is what tests and other providers are
 * measured against; for what it does and what it does not, see docs/LOOPBACK.md.
 */
import {
  AF_INET,
  AF_INET6,
  createProcTable,
  FD_SAN_EVENTS,
  guidText,
  HIBYTE,
  INVALID_SOCKET,
  IPPROTO_TCP,
  LOBYTE,
  makeAddressList,
  makeProtocolInfo,
  makeSockaddr,
  noQosByName,
  NULL_HANDLE,
  type Out,
  type ProviderModule,
  type SanExtensions,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SIO_SD_LISTENER_HINT,
  SO_CONNECT_TIME,
  SO_DEBUG,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  SO_SD_CONNECT_DETAIL,
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
  WSAENOBUFS,
  WSAENOPROTOOPT,
  WSAENOTCONN,
  WSAENETDOWN,
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
  WSAID_SD_OWNEDRECEIVE,
  WSANOTINITIALISED,
  WSAVERNOTSUPPORTED,
  type WSPPROC_TABLE,
  XP1_CONNECT_DATA,
} from '../../spi/index.js';
import { closeSocket, crash, makeCloseSocket } from './closing.js';
import { makeConnect } from './connecting.js';
import { failed, LoopbackInstance, type LoopbackInventory } from './instance.js';
import { makeAccept, makeListen } from './listening.js';
import { LoopbackNetwork } from './network.js';
import { type LoopbackOptions, type LoopbackSettings, withDefaults } from './options.js';
import { makeOwnedReceive, makeRecv } from './receiving.js';
import { DESCRIPTOR_BYTES, isRights } from './registration.js';
import { makeGetOverlappedResult, makeRdma, makeSend } from './sending.js';
import type { LoopbackSocket } from './socket-record.js';

/** One host on a network: a provider module, and what a test does to it. */
export interface LoopbackProvider extends ProviderModule {
  readonly network: LoopbackNetwork;
  /** What is left in it. */
  inventory(): LoopbackInventory;
  /** Its process dies now: nothing more is heard of it here, and its peers lose their connections. */
  crash(): void;
}

/** Makes a provider on a network; without one, on a network of its own. */
export function createLoopbackProvider(
  options: LoopbackOptions = {},
  network: LoopbackNetwork = new LoopbackNetwork(),
): LoopbackProvider {
  const settings = withDefaults(options);
  const instance = new LoopbackInstance(network, settings);
  const info = makeProtocolInfo({ ProviderId: settings.providerId, szProtocol: settings.name });
  if (settings.connectData) info.dwServiceFlags1 |= XP1_CONNECT_DATA;
  return {
    network,
    protocolInfo: info,
    inventory: () => instance.inventory(),
    crash: () => crash(instance),
    WSPStartupEx(wVersionRequested, lpWSPData, _lpProtocolInfo, UpcallTable, lpProcTable) {
      if (LOBYTE(wVersionRequested) * 256 + HIBYTE(wVersionRequested) < 0x0202) return WSAVERNOTSUPPORTED; // OBS-3
      if (!isObject(lpWSPData) || !isObject(lpProcTable)) return WSAEFAULT;
      if (instance.crashed) return WSAENETDOWN;
      if (instance.starts === 0) {
        instance.upcalls = UpcallTable;
        network.join(instance);
        instance.pinner.open(settings.cacheRegistrations, settings.driver, settings.cacheLimits);
      }
      instance.starts++;
      lpWSPData.wVersion = WINSOCK_VERSION_2_2;
      lpWSPData.wHighVersion = WINSOCK_VERSION_2_2;
      lpWSPData.szDescription = 'Sockets Direct loopback provider';
      Object.assign(lpProcTable, makeProcs(instance));
      return 0;
    },
  };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function makeProcs(instance: LoopbackInstance): WSPPROC_TABLE {
  const { network, settings } = instance;
  return {
    ...createProcTable(),
    lpWSPSocket(af, type, protocol, _info, _group, flags, lpErrno) {
      if (instance.starts === 0) return failed(lpErrno, WSANOTINITIALISED);
      if (instance.crashed) return failed(lpErrno, WSAENETDOWN);
      if (af !== AF_INET && af !== AF_INET6) return failed(lpErrno, WSAEAFNOSUPPORT); // OBS-6
      if (type !== SOCK_STREAM) return failed(lpErrno, WSAEPROTOTYPE);
      if (protocol !== IPPROTO_TCP) return failed(lpErrno, WSAEPROTONOSUPPORT);
      if (flags !== WSA_FLAG_OVERLAPPED) return failed(lpErrno, WSAEINVAL);
      if (network.random.chance(network.faults.socketNoBuffers)) return failed(lpErrno, WSAENOBUFS);
      return instance.create(lpErrno)?.descriptor ?? INVALID_SOCKET;
    },
    lpWSPBind(s, name, namelen, lpErrno) {
      const socket = instance.find(s, lpErrno);
      if (socket === null) return -1;
      if (socket.state !== 'open') return failed(lpErrno, WSAEINVAL);
      if (name.sa_family !== AF_INET && name.sa_family !== AF_INET6) return failed(lpErrno, WSAEFAULT);
      if (namelen < sockaddrLength(name.sa_family)) return failed(lpErrno, WSAEFAULT); // SOCK-14
      if (name.sin_port < 1 || name.sin_port > 65535) return failed(lpErrno, WSAEINVAL); // SOCK-12
      if (!instance.binds(name)) return failed(lpErrno, WSAEADDRNOTAVAIL);
      socket.local = { ...name };
      socket.state = 'bound';
      return 0;
    },
    lpWSPConnect: makeConnect(instance),
    lpWSPListen: makeListen(instance),
    lpWSPAccept: makeAccept(instance),
    lpWSPSend: makeSend(instance),
    lpWSPRecv: makeRecv(instance),
    lpWSPGetOverlappedResult: makeGetOverlappedResult(instance),
    lpWSPCloseSocket: makeCloseSocket(instance),
    lpWSPEventSelect(s, hEventObject, lNetworkEvents, lpErrno) {
      const socket = instance.find(s, lpErrno);
      if (socket === null) return -1;
      if ((lNetworkEvents & ~FD_SAN_EVENTS) !== 0) return failed(lpErrno, WSAEINVAL); // OBS-34
      socket.event = hEventObject;
      socket.eventMask = lNetworkEvents;
      const recorded = socket.events.lNetworkEvents & lNetworkEvents;
      if (recorded !== 0 && hEventObject !== null) instance.upcalls.lpWPUSetEvent(hEventObject, lpErrno);
      return 0;
    },
    lpWSPEnumNetworkEvents(s, hEventObject, lpNetworkEvents, lpErrno) {
      const socket = instance.find(s, lpErrno);
      if (socket === null) return -1;
      takeNetworkEvents(socket.events, hEventObject, lpNetworkEvents);
      return 0;
    },
    lpWSPGetSockOpt(s, level, optname, optval, optlen, lpErrno) {
      const socket = instance.find(s, lpErrno);
      if (socket === null) return -1;
      if (level !== SOL_SOCKET) return failed(lpErrno, WSAEINVAL);
      if (optlen.value < 4) return failed(lpErrno, WSAEFAULT);
      const value = optionOf(socket, settings, optname);
      if (value === null) return failed(lpErrno, WSAENOPROTOOPT);
      optval.value = value;
      optlen.value = typeof value === 'string' ? value.length : 4;
      return 0;
    },
    lpWSPSetSockOpt(s, level, optname, optval, optlen, lpErrno) {
      const socket = instance.find(s, lpErrno);
      if (socket === null) return -1;
      if (level !== SOL_SOCKET) return failed(lpErrno, WSAEINVAL);
      if (optname !== SO_DEBUG) return failed(lpErrno, WSAENOPROTOOPT);
      if (optlen < 4) return failed(lpErrno, WSAEFAULT); // OPT-12
      socket.options.set(optname, optval);
      return 0;
    },
    lpWSPIoctl: makeIoctl(instance),
    lpWSPGetQOSByName: noQosByName,
    // Suspending a connection and handing it to another process is not offered (OBS-41).
    lpWSPDuplicateSocket(s, _process, _info, lpErrno) {
      const socket = instance.find(s, lpErrno);
      if (socket === null) return -1;
      return failed(lpErrno, socket.state === 'connected' ? WSAEOPNOTSUPP : WSAENOTCONN);
    },
    lpWSPCleanup(lpErrno) {
      if (instance.starts === 0) return failed(lpErrno, WSANOTINITIALISED);
      if (--instance.starts > 0) return 0; // SP-11
      for (const socket of [...instance.sockets.values()]) closeSocket(socket); // SP-12
      instance.pinner.close();
      network.leave(instance);
      return 0;
    },
  };
}

/** Null: an option that it does not know. */
function optionOf(socket: LoopbackSocket, settings: LoopbackSettings, optname: number): number | string | null {
  switch (optname) {
    case SO_MAX_MSG_SIZE:
      return settings.maxMessageBytes;
    case SO_MAX_RDMA_SIZE:
      return settings.maxRdmaBytes;
    case SO_RDMA_THRESHOLD_SIZE:
      return settings.rdmaThresholdBytes;
    case SO_DEBUG:
      return socket.options.get(SO_DEBUG) ?? 0;
    case SO_CONNECT_TIME: {
      if (socket.state !== 'connected') return 0xffffffff;
      return Math.floor((socket.instance.network.scheduler.now() - socket.since) / 1000);
    }
    case SO_SD_CONNECT_DETAIL:
      return socket.detail;
    default:
      return null;
  }
}

/** Extensions by GUID (SP-9), and the address list (SP-13). The socket is not looked at (OBS-1). */
function makeIoctl(instance: LoopbackInstance): WSPPROC_TABLE['lpWSPIoctl'] {
  const { network, settings } = instance;
  const registering = makeRegistering(instance);
  const extensions = new Map<string, unknown>([
    [WSAID_REGISTERMEMORY, registering.WSPRegisterMemory],
    [WSAID_DEREGISTERMEMORY, registering.WSPDeregisterMemory],
    [WSAID_REGISTERRDMAMEMORY, registering.WSPRegisterRdmaMemory],
    [WSAID_DEREGISTERRDMAMEMORY, registering.WSPDeregisterRdmaMemory],
    [WSAID_RDMAWRITE, makeRdma(instance, 'write')],
  ]);
  if (settings.rdmaRead !== 'absent') extensions.set(WSAID_RDMAREAD, makeRdma(instance, 'read'));
  if (settings.ownsReceiveBuffers) extensions.set(WSAID_SD_OWNEDRECEIVE, makeOwnedReceive(instance));
  // Known, and perhaps not offered (OBS-2). Asked for, the callback is what lets memory be kept (CACHE-16).
  const refused = [WSAID_RDMAREAD, WSAID_MEMORYREGISTRATIONCACHECALLBACK, WSAID_SD_OWNEDRECEIVE];
  return (
    _s,
    dwIoControlCode,
    lpvInBuffer,
    lpvOutBuffer,
    lpcbBytesReturned,
    _overlapped,
    _routine,
    _thread,
    lpErrno,
  ) => {
    if (dwIoControlCode === SIO_GET_EXTENSION_FUNCTION_POINTER) {
      const guid = guidText(lpvInBuffer);
      let extension = guid === null ? undefined : extensions.get(guid);
      if (guid === WSAID_MEMORYREGISTRATIONCACHECALLBACK) extension = instance.pinner.callback() ?? undefined;
      if (extension === undefined) {
        return failed(lpErrno, guid !== null && refused.includes(guid) ? WSAEOPNOTSUPP : WSAEINVAL);
      }
      lpvOutBuffer.value = extension;
      lpcbBytesReturned.value = 8;
      return 0;
    }
    if (dwIoControlCode === SIO_SD_LISTENER_HINT) {
      const port = (lpvInBuffer as Partial<SOCKADDR> | null)?.sin_port;
      if (port === undefined) return failed(lpErrno, WSAEFAULT);
      return settings.authoritative || network.announced(port) ? 0 : failed(lpErrno, WSAEADDRNOTAVAIL);
    }
    if (dwIoControlCode !== SIO_ADDRESS_LIST_QUERY) return failed(lpErrno, WSAENOPROTOOPT); // OBS-44
    const names = settings.addresses.map((address) =>
      makeSockaddr(address.includes(':') ? AF_INET6 : AF_INET, address, 0),
    );
    lpvOutBuffer.value = makeAddressList(names);
    lpcbBytesReturned.value = 0;
    return 0;
  };
}

type Registering = Pick<
  SanExtensions,
  'WSPRegisterMemory' | 'WSPDeregisterMemory' | 'WSPRegisterRdmaMemory' | 'WSPDeregisterRdmaMemory'
>;

function makeRegistering(instance: LoopbackInstance): Registering {
  const { network } = instance;
  /** The socket that may register this memory, or null: the code is in `lpErrno` (MEM-12). */
  const socketFor = (s: number, buffer: Uint8Array, bytes: number, rights: number, lpErrno: Out<number>) => {
    const socket = instance.find(s, lpErrno);
    if (socket === null) return null;
    if (!isRights(rights)) lpErrno.value = WSAEINVAL;
    else if (!(buffer instanceof Uint8Array) || !(bytes >= 0) || bytes > buffer.length) lpErrno.value = WSAEFAULT;
    else if (socket.state !== 'connected') lpErrno.value = WSAENOTCONN;
    else if (network.random.chance(network.faults.registerNoBuffers)) lpErrno.value = WSAENOBUFS;
    else return socket;
    return null;
  };
  return {
    WSPRegisterMemory(s, lpBuffer, dwBufferLength, dwFlags, lpErrno) {
      const socket = socketFor(s, lpBuffer, dwBufferLength, dwFlags, lpErrno);
      if (socket === null) return NULL_HANDLE;
      const handle = socket.memory.addLocal(lpBuffer, dwBufferLength, dwFlags);
      if (handle > 0) return handle;
      lpErrno.value = -handle;
      return NULL_HANDLE;
    },
    WSPDeregisterMemory(s, Handle, lpErrno) {
      const socket = instance.find(s, lpErrno);
      if (socket === null) return -1;
      return socket.memory.removeLocal(Handle) ? 0 : failed(lpErrno, WSAEINVAL);
    },
    WSPRegisterRdmaMemory(s, lpBuffer, dwBufferLength, dwFlags, lpDescriptor, lpdwDescriptorLength, lpErrno) {
      const socket = socketFor(s, lpBuffer, dwBufferLength, dwFlags, lpErrno);
      if (socket === null) return -1;
      const room = lpDescriptor === null ? 0 : Math.min(lpdwDescriptorLength.value, lpDescriptor.length);
      lpdwDescriptorLength.value = DESCRIPTOR_BYTES;
      if (lpDescriptor === null || room < DESCRIPTOR_BYTES) return failed(lpErrno, WSAEFAULT); // MEM-16
      const code = socket.memory.expose(lpBuffer, dwBufferLength, dwFlags, lpDescriptor, network.random);
      return code === 0 ? 0 : failed(lpErrno, code);
    },
    WSPDeregisterRdmaMemory(s, lpDescriptor, dwDescriptorLength, lpErrno) {
      const socket = instance.find(s, lpErrno);
      if (socket === null) return -1;
      return socket.memory.conceal(lpDescriptor, dwDescriptorLength) ? 0 : failed(lpErrno, WSAEINVAL);
    },
  };
}
