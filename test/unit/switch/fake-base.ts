/** A TCP/IP provider without sockets: it writes its calls into the same log as the SAN provider's, to see the order. */
import {
  AF_INET,
  createNetworkEvents,
  FD_ADDRESS_LIST_CHANGE_BIT,
  INVALID_SOCKET,
  makeAddressList,
  makeProtocolInfo,
  noQosByName,
  type Out,
  type ProviderModule,
  recordNetworkEvent,
  setEvent,
  SIO_ADDRESS_LIST_CHANGE,
  SIO_ADDRESS_LIST_QUERY,
  SIO_ROUTING_INTERFACE_QUERY,
  SIO_SD_LISTENER_AT,
  SO_SD_NATIVE_ADDRESS,
  type SOCKADDR,
  SOCKET_ERROR,
  takeNetworkEvents,
  WINSOCK_VERSION_2_2,
  WSAEADDRINUSE,
  type WSAEVENT,
  WSAENOPROTOOPT,
  WSAENOTCONN,
  WSAEOPNOTSUPP,
  WSAEWOULDBLOCK,
  type WSPPROC_TABLE,
} from '../../../src/spi/index.js';

export const BASE_ID = 'E70F1AA0-AB8B-11CF-8CA3-00805F48A192';

export class FakeBase implements ProviderModule {
  readonly protocolInfo = makeProtocolInfo({ ProviderId: BASE_ID, szProtocol: 'TCP/IP' });
  readonly log: string[];
  /** Options that the program has set. */
  readonly options = new Map<number, number>();
  nativeAddress: number | null = 77;
  /** Whose socket listens, wherever one asks. */
  listenerAt: number | null = null;
  /** Where routes lead: by destination; absent: local, from 127.0.0.1. */
  readonly routes = new Map<string, { local: boolean; source: string } | null>();
  routeQueries = 0;
  bindFails = false;
  startCode = 0;
  /** Leaves WSPGetSockName out. */
  noSockName = false;
  bound: SOCKADDR | null = null;
  readonly #events = createNetworkEvents();
  #event: WSAEVENT | null = null;
  #armed = false;
  #next = 1;

  constructor(log: string[]) {
    this.log = log;
  }

  /** The host's addresses change; true if somebody had armed the notice. */
  changeAddresses(): boolean {
    const armed = this.#armed;
    this.#armed = false;
    recordNetworkEvent(this.#events, FD_ADDRESS_LIST_CHANGE_BIT, 0);
    if (armed && this.#event !== null) setEvent(this.#event);
    return armed;
  }

  readonly WSPStartupEx: ProviderModule['WSPStartupEx'] = (_version, data, _info, _upcalls, table) => {
    this.log.push('tcp WSPStartupEx');
    data.wVersion = WINSOCK_VERSION_2_2;
    if (this.startCode !== 0) return this.startCode;
    const unused = (...args: unknown[]): number => failed(args[args.length - 1] as Out<number>, WSAEOPNOTSUPP);
    const procs: Partial<WSPPROC_TABLE> = {
      lpWSPSocket: () => {
        this.log.push('tcp WSPSocket');
        return this.#next++;
      },
      lpWSPBind: (_s, name, _namelen, lpErrno) => {
        this.log.push(`tcp WSPBind ${name.sin_addr}:${name.sin_port}`);
        if (this.bindFails) return failed(lpErrno, WSAEADDRINUSE);
        this.bound = { ...name, sin_port: 50000 };
        return 0;
      },
      lpWSPIoctl: (_s, code, input, output, _bytes, _overlapped, _routine, _thread, lpErrno) => {
        if (code === SIO_ADDRESS_LIST_QUERY) output.value = makeAddressList([]);
        else if (code === SIO_ADDRESS_LIST_CHANGE) {
          this.log.push('tcp SIO_ADDRESS_LIST_CHANGE');
          this.#armed = true;
          return failed(lpErrno, WSAEWOULDBLOCK);
        } else if (code === SIO_ROUTING_INTERFACE_QUERY) return this.#route(input as SOCKADDR, output, lpErrno);
        else if (code === SIO_SD_LISTENER_AT && this.listenerAt !== null) output.value = this.listenerAt;
        else return failed(lpErrno, WSAENOPROTOOPT);
        return 0;
      },
      lpWSPEventSelect: (_s, event) => {
        this.#event = event;
        return 0;
      },
      lpWSPEnumNetworkEvents: (_s, event, into) => {
        takeNetworkEvents(this.#events, event, into);
        return 0;
      },
      lpWSPGetSockOpt: (_s, _level, optname, optval, _optlen, lpErrno) => {
        const value = optname === SO_SD_NATIVE_ADDRESS ? this.nativeAddress : (this.options.get(optname) ?? 0);
        if (value === null) return failed(lpErrno, WSAENOPROTOOPT);
        optval.value = value;
        return 0;
      },
      lpWSPSetSockOpt: unused,
      lpWSPListen: unused,
      lpWSPConnect: unused,
      lpWSPAccept: () => INVALID_SOCKET,
      lpWSPSend: unused,
      lpWSPRecv: unused,
      lpWSPDuplicateSocket: unused,
      lpWSPGetOverlappedResult: () => false,
      lpWSPGetQOSByName: noQosByName,
      lpWSPCloseSocket: () => {
        this.log.push('tcp WSPCloseSocket');
        return 0;
      },
      lpWSPCleanup: () => {
        this.log.push('tcp WSPCleanup');
        return 0;
      },
    };
    Object.assign(table, procs);
    if (!this.noSockName) {
      Object.assign(table, {
        lpWSPGetSockName: (_s: number, name: SOCKADDR, _namelen: Out<number>, lpErrno: Out<number>) => {
          if (this.bound === null) return failed(lpErrno, WSAENOTCONN);
          Object.assign(name, this.bound);
          return 0;
        },
      });
    }
    return 0;
  };

  #route(remote: SOCKADDR, output: Out<unknown>, lpErrno: Out<number>): number {
    this.routeQueries++;
    const route = this.routes.has(remote.sin_addr)
      ? this.routes.get(remote.sin_addr)
      : { local: true, source: remote.sa_family === AF_INET ? '127.0.0.1' : '::1' };
    if (route === null || route === undefined) return failed(lpErrno, WSAENOPROTOOPT);
    output.value = { sa_family: remote.sa_family, sin_port: 0, sin_addr: route.source, sd_local: route.local };
    return 0;
  }
}

function failed(lpErrno: Out<number>, code: number): number {
  lpErrno.value = code;
  return SOCKET_ERROR;
}
