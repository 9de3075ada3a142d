/**
 * The TCP/IP service provider as the switch uses it: loaded first (SW-10), owner of every program socket (TC-1…4), the
 * only source of address changes (TC-11), and the one who knows where a destination is.
 */
import {
  AF_INET,
  createEvent,
  createNetworkEvents,
  createProcTable,
  createWspData,
  FD_ADDRESS_LIST_CHANGE,
  INVALID_SOCKET,
  IPPROTO_TCP,
  makeSockaddr,
  missingProcs,
  type Out,
  out,
  type ProviderModule,
  SIO_ADDRESS_LIST_CHANGE,
  SIO_ROUTING_INTERFACE_QUERY,
  SIO_SD_LISTENER_AT,
  SO_SD_NATIVE_ADDRESS,
  SOCK_STREAM,
  type SOCKADDR,
  sockaddrLength,
  type SOCKET,
  SOL_SOCKET,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  type WSAEVENT,
  WSAEWOULDBLOCK,
  wsaName,
  type WSAPROTOCOL_INFOW,
  type WSPPROC_TABLE,
} from '../spi/index.js';
import type { HandleOwner, HandleTable } from './handle-table.js';
import { makeUpcalls } from './upcalls.js';

/** `WSPGetSockName`: not a SAN provider's (SP-8), but TCP/IP has it. Same arguments as the published function. */
type LPWSPGETSOCKNAME = (s: SOCKET, name: SOCKADDR, namelen: Out<number>, lpErrno: Out<number>) => number;

/** Where TCP/IP would send a connection. */
export interface HostRoute {
  /** The routing table says that the destination is this host (D4). */
  readonly local: boolean;
  /** The address TCP would connect from. */
  readonly source: string;
}

/** Routes asked within one such time are the same: routes change without notice, but not that fast. In ms. */
const ROUTE_TTL_MS = 1000;
const ROUTES_MAX = 256;

const errno = out(0);
const optval: Out<number | string> = out<number | string>(0);
const optlen = out(0);
const namelen = out(0);
const ioctlOut: Out<unknown> = out<unknown>(null);
const ioctlBytes = out(0);
const events = createNetworkEvents();

export class BaseProvider {
  readonly info: WSAPROTOCOL_INFOW;
  readonly #procs: WSPPROC_TABLE;
  readonly #getSockName: LPWSPGETSOCKNAME;
  readonly #scratch: SOCKET;
  readonly #now: () => number;
  readonly #event: WSAEVENT = createEvent();
  readonly #routes = new Map<string, { readonly route: HostRoute; readonly until: number }>();

  private constructor(
    info: WSAPROTOCOL_INFOW,
    procs: WSPPROC_TABLE,
    getSockName: LPWSPGETSOCKNAME,
    s: SOCKET,
    now: () => number,
  ) {
    this.info = info;
    this.#procs = procs;
    this.#getSockName = getSockName;
    this.#scratch = s;
    this.#now = now;
  }

  /** Starts the provider; a string tells what went wrong. `now`: a clock in ms. */
  static start(module: ProviderModule, handles: HandleTable, now: () => number): BaseProvider | string {
    const owner: HandleOwner = { catalogEntryId: module.protocolInfo.dwCatalogEntryId, createdHandle: INVALID_SOCKET };
    const procs = createProcTable();
    const upcalls = makeUpcalls(handles, owner);
    const code = module.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), module.protocolInfo, upcalls, procs);
    if (code !== 0) return `WSPStartupEx: ${wsaName(code)}`;
    const getSockName: unknown = procs.lpWSPGetSockName;
    const missing: string[] = missingProcs(procs);
    if (typeof getSockName !== 'function') missing.push('lpWSPGetSockName');
    const s = missing.length > 0 ? INVALID_SOCKET : scratchSocket(procs);
    if (s !== INVALID_SOCKET)
      return new BaseProvider(module.protocolInfo, procs, getSockName as LPWSPGETSOCKNAME, s, now);
    if (!missing.includes('lpWSPCleanup')) procs.lpWSPCleanup(errno);
    return missing.length > 0 ? `it lacks ${missing.join(', ')}` : `WSPSocket: ${wsaName(errno.value)}`;
  }

  /** Binds a program's socket that the program left unbound, so that its port is really reserved (D12). A WSA code, or 0. */
  bind(tcp: SOCKET, name: SOCKADDR): number {
    return this.#procs.lpWSPBind(tcp, name, sockaddrLength(name.sa_family), errno) === 0 ? 0 : errno.value;
  }

  /** The local name of a program's socket, in the family of that socket; null if it has none. */
  localName(tcp: SOCKET): SOCKADDR | null {
    const name = makeSockaddr(AF_INET, '', 0);
    namelen.value = sockaddrLength(name.sa_family);
    return this.#getSockName(tcp, name, namelen, errno) === 0 && name.sin_port !== 0 ? name : null;
  }

  /** An option that the program has set, to be replayed on its companion (SOCK-15); 0: not set, or not known. */
  option(tcp: SOCKET, optname: number): number {
    optlen.value = 4;
    return this.#procs.lpWSPGetSockOpt(tcp, SOL_SOCKET, optname, optval, optlen, errno) === 0
      ? Number(optval.value)
      : 0;
  }

  /** The number by which the host knows the socket (D4); null: not known. */
  nativeAddress(tcp: SOCKET): number | null {
    optlen.value = 8;
    const code = this.#procs.lpWSPGetSockOpt(tcp, SOL_SOCKET, SO_SD_NATIVE_ADDRESS, optval, optlen, errno);
    return code === 0 ? Number(optval.value) : null;
  }

  /** The same of the socket that listens at a name, whoever has it; null: nobody does, or not of our user. */
  listenerAt(name: SOCKADDR): number | null {
    const code = SIO_SD_LISTENER_AT;
    ioctlOut.value = null;
    const result = this.#procs.lpWSPIoctl(this.#scratch, code, name, ioctlOut, ioctlBytes, null, null, null, errno);
    return result === 0 ? Number(ioctlOut.value) : null;
  }

  /** Where a destination is, by the routing table; null: there is no route, or the kernel does not say. */
  route(name: SOCKADDR): HostRoute | null {
    const known = this.#routes.get(name.sin_addr);
    const now = this.#now();
    if (known !== undefined && known.until > now) return known.route;
    const code = SIO_ROUTING_INTERFACE_QUERY;
    ioctlOut.value = null;
    const result = this.#procs.lpWSPIoctl(this.#scratch, code, name, ioctlOut, ioctlBytes, null, null, null, errno);
    const answer = ioctlOut.value as (SOCKADDR & { readonly sd_local?: unknown }) | null;
    if (result !== 0 || answer === null) return null;
    const route = { local: answer.sd_local === true, source: answer.sin_addr };
    if (this.#routes.size >= ROUTES_MAX) this.#routes.clear();
    this.#routes.set(name.sin_addr, { route, until: now + ROUTE_TTL_MS });
    return route;
  }

  /**
   * Calls back after every change of the host's addresses. The next notice is asked for before the callback runs, so
   * that what it then reads cannot be older than a change it missed (ADDR-11). Returns false if TCP/IP has no notices.
   */
  watchAddresses(onChange: () => void): boolean {
    const arm = (): boolean => {
      const code = SIO_ADDRESS_LIST_CHANGE;
      const result = this.#procs.lpWSPIoctl(this.#scratch, code, null, ioctlOut, ioctlBytes, null, null, null, errno);
      return result === 0 || errno.value === WSAEWOULDBLOCK;
    };
    const mask = FD_ADDRESS_LIST_CHANGE;
    if (this.#procs.lpWSPEventSelect(this.#scratch, this.#event, mask, errno) !== 0) return false;
    this.#event.onSet = () => {
      this.#procs.lpWSPEnumNetworkEvents(this.#scratch, this.#event, events, errno);
      arm();
      this.#routes.clear();
      onChange();
    };
    return arm();
  }

  stop(): void {
    this.#event.onSet = null;
    this.#procs.lpWSPCloseSocket(this.#scratch, errno);
    this.#procs.lpWSPCleanup(errno);
  }
}

function scratchSocket(procs: WSPPROC_TABLE): SOCKET {
  return procs.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, errno);
}
