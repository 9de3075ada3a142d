/**
 * A SAN service provider that does what a test tells it: it writes down every call, answers with scripted codes, and
 * lets the test play the network. Only the two-handle rule and the published results are its own.
 */
import {
  AF_INET,
  createNetworkEvents,
  FD_ACCEPT_BIT,
  FD_CONNECT_BIT,
  guidText,
  INVALID_SOCKET,
  makeAddressList,
  makeProtocolInfo,
  makeSockaddr,
  type MessageReceiver,
  noQosByName,
  type Out,
  type OwnedReceive,
  PROC_TABLE_SLOTS,
  type ProviderModule,
  recordNetworkEvent,
  RUN_BEFORE,
  SAN_EXTENSIONS,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SIO_SD_ASK_ANOTHER,
  SIO_SD_LISTENER_HINT,
  SO_MAX_MSG_SIZE,
  SO_SD_CONNECT_DETAIL,
  type SOCKADDR,
  type SOCKET,
  SOCKET_ERROR,
  takeNetworkEvents,
  WINSOCK_VERSION_2_2,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  type WSABUF,
  type WSAEVENT,
  WSAEADDRNOTAVAIL,
  WSAECONNREFUSED,
  WSAEINVAL,
  WSAENOPROTOOPT,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  WSAEWOULDBLOCK,
  WSAID_SD_OWNEDRECEIVE,
  type WSAOVERLAPPED,
  type WSAPROTOCOL_INFOW,
  type WspProcs,
  type WSPPROC_TABLE,
  type WSPUPCALLTABLEEX,
  XP1_CONNECT_DATA,
  XP1_GRACEFUL_CLOSE,
  XP1_GUARANTEED_DELIVERY,
  XP1_GUARANTEED_ORDER,
  XP1_MESSAGE_ORIENTED,
} from '../../../src/spi/index.js';

export const FAKE_ID = '11111111-2222-4333-8444-555555555555';

const FLAGS =
  XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER | XP1_MESSAGE_ORIENTED | XP1_GRACEFUL_CLOSE | XP1_CONNECT_DATA;

/** The provider's side of one socket. */
export class FakeSocket {
  readonly events = createNetworkEvents();
  event: WSAEVENT | null = null;
  local: SOCKADDR | null = null;
  remote: SOCKADDR | null = null;
  callerData: Uint8Array = new Uint8Array(0);
  calleeData: WSABUF | null = null;
  /** Messages that came while nobody wanted them. */
  readonly kept: Uint8Array[] = [];
  receiver: MessageReceiver | null = null;
  readonly sent: Uint8Array[] = [];
  /** Requests that wait to be accepted. */
  readonly requests: { data: Uint8Array; caller: SOCKADDR; callee: SOCKADDR }[] = [];
  /** What the condition function answered, and its reply. */
  readonly answers: { code: number; data: Uint8Array }[] = [];
  closed = false;

  constructor(
    readonly s: SOCKET,
    readonly handle: SOCKET,
  ) {}
}

export class FakeSan implements ProviderModule {
  readonly protocolInfo: WSAPROTOCOL_INFOW;
  /** Every call in order, as text. */
  readonly log: string[] = [];
  /** Codes to fail with: WSP function name → code. */
  readonly fail = new Map<string, number>();
  /** Answers to extension queries, by GUID: a code, or what to give instead. */
  readonly extensions = new Map<string, number | { give: unknown }>();
  /** What WSPConnect returns: 0, or a code. */
  connectResult = WSAEWOULDBLOCK;
  detail: string | null = null;
  addresses: SOCKADDR[] = [makeSockaddr(AF_INET, '127.0.0.1', 0), makeSockaddr(AF_INET, '10.0.0.5', 0)];
  maxMessageSize: number | null = null;
  version = WINSOCK_VERSION_2_2;
  description = 'fake';
  /** Whether anybody on a port may be reached; null: it cannot tell. */
  /** How many others can be asked when one does not answer. */
  others = 0;
  hint: ((port: number) => boolean) | null = null;
  /** WSPSocket and WSPAccept forget to ask for a handle. */
  noHandles = false;
  /** Called in place of a function of that name, to break the contract. */
  readonly broken = new Map<string, () => never>();
  /** What the switch passed to WSPStartupEx. */
  given: { version: number; info: WSAPROTOCOL_INFOW; upcalls: WSPUPCALLTABLEEX } | null = null;
  readonly sockets = new Map<SOCKET, FakeSocket>();
  /** What the switch has asked for in all: options and control codes by number, event masks, arguments of WSPSocket. */
  readonly asked = {
    get: new Set<number>(),
    set: new Set<number>(),
    ioctl: new Set<number>(),
    events: new Set<number>(),
    sockets: new Set<string>(),
    sendFlags: new Set<number>(),
  };
  /** Functions of the slots that a provider leaves null, which the switch has called all the same. */
  readonly forbidden: string[] = [];
  /** What WSPSend returns: 0, a code, or `WSA_IO_PENDING`; that one needs an overlapped: `WSAEWOULDBLOCK` without. */
  sendResult = 0;
  /** Sends that wait for {@link completeSends}. */
  readonly pended: { socket: FakeSocket; overlapped: WSAOVERLAPPED; bytes: number }[] = [];
  /** The socket made last. */
  last: FakeSocket = new FakeSocket(INVALID_SOCKET, INVALID_SOCKET);
  #next = 100;

  constructor(name = 'fake', id = FAKE_ID, fields: Partial<WSAPROTOCOL_INFOW> = {}) {
    this.protocolInfo = makeProtocolInfo({ ProviderId: id, szProtocol: name, dwServiceFlags1: FLAGS, ...fields });
  }

  readonly WSPStartupEx: ProviderModule['WSPStartupEx'] = (version, data, info, upcalls, table) => {
    this.#note('WSPStartupEx');
    this.given = { version, info, upcalls };
    data.wVersion = this.version;
    data.wHighVersion = this.version;
    data.szDescription = this.description;
    const code = this.fail.get('WSPStartupEx') ?? 0;
    if (code === 0) Object.assign<WSPPROC_TABLE, Partial<WspProcs>>(table, { ...this.#traps(), ...this.#procs() });
    return code;
  };

  // ---------------------------------------------------------------- what tests do

  /** The connect of a socket ends. */
  endConnect(socket: FakeSocket, error: number, calleeData: Uint8Array = new Uint8Array(0)): void {
    if (socket.calleeData !== null) {
      socket.calleeData.buf.set(calleeData);
      socket.calleeData.len = calleeData.length;
    }
    this.#signal(socket, FD_CONNECT_BIT, error);
  }

  /** A connection request arrives at a listening socket. */
  request(listener: FakeSocket, data: Uint8Array, caller = makeSockaddr(AF_INET, '127.0.0.1', 40000)): void {
    listener.requests.push({ data, caller, callee: listener.local ?? caller });
    this.#signal(listener, FD_ACCEPT_BIT, 0);
  }

  /** A message arrives. */
  deliver(socket: FakeSocket, bytes: Uint8Array): void {
    if (socket.receiver?.onMessage(bytes, 0, bytes.length) === RUN_BEFORE) socket.kept.push(bytes);
    socket.receiver?.onRunEnd();
  }

  /** The sends that wait end, oldest first. */
  completeSends(error: number): void {
    for (const { socket, overlapped, bytes } of this.pended.splice(0)) {
      const moved = error === 0 ? bytes : 0;
      this.given?.upcalls.lpWPUCompleteOverlappedRequest(socket.handle, overlapped, error, moved, { value: 0 });
    }
  }

  /** Sockets that are open, the scratch socket aside. */
  get open(): FakeSocket[] {
    return [...this.sockets.values()].filter((socket) => !socket.closed && socket.s !== 100);
  }

  /** The calls since the last look, without the noise of start-up. */
  takeLog(): string[] {
    return this.log.splice(0);
  }

  #signal(socket: FakeSocket, bit: number, error: number): void {
    recordNetworkEvent(socket.events, bit, error);
    if (socket.event !== null) this.given?.upcalls.lpWPUSetEvent(socket.event, { value: 0 });
  }

  #note(call: string): void {
    this.log.push(call);
    this.broken.get(call.split(' ')[0] ?? '')?.();
  }

  /** In place of the thirteen that are null (SP-8). */
  #traps(): object {
    const trap = (name: string) => () => {
      this.forbidden.push(name);
      return SOCKET_ERROR;
    };
    return Object.fromEntries(PROC_TABLE_SLOTS.map((name) => [name, trap(name)]));
  }

  // ---------------------------------------------------------------- the seventeen

  #procs(): WspProcs {
    const unused = (...args: unknown[]): number => this.#failed(args[args.length - 1] as Out<number>, WSAEOPNOTSUPP);
    return {
      lpWSPSocket: (af, type, protocol, _info, _g, flags, lpErrno) => {
        this.#note(`WSPSocket ${af}`);
        this.asked.sockets.add(`${type} ${protocol} ${flags}`);
        const code = this.fail.get('WSPSocket') ?? 0;
        return code === 0 ? this.#create().s : this.#failed(lpErrno, code);
      },
      lpWSPBind: (s, name, _namelen, lpErrno) =>
        this.#call(s, `WSPBind ${name.sin_addr}:${name.sin_port}`, lpErrno, (socket) => {
          socket.local = { ...name };
        }),
      lpWSPSetSockOpt: (s, _level, optname, optval, _optlen, lpErrno) =>
        this.#call(s, `WSPSetSockOpt 0x${optname.toString(16)}=${optval}`, lpErrno, () => this.asked.set.add(optname)),
      lpWSPGetSockOpt: (s, _level, optname, optval, _optlen, lpErrno) => {
        this.asked.get.add(optname);
        if (this.#find(s, lpErrno) === null) return SOCKET_ERROR;
        if (optname === SO_SD_CONNECT_DETAIL && this.detail !== null) optval.value = this.detail;
        else if (optname === SO_MAX_MSG_SIZE && this.maxMessageSize !== null) optval.value = this.maxMessageSize;
        else return this.#failed(lpErrno, WSAENOPROTOOPT);
        return 0;
      },
      lpWSPListen: (s, backlog, lpErrno) => this.#call(s, `WSPListen ${backlog}`, lpErrno),
      lpWSPEventSelect: (s, event, mask, lpErrno) =>
        this.#call(s, `WSPEventSelect 0x${mask.toString(16)}`, lpErrno, (socket) => {
          this.asked.events.add(mask);
          socket.event = event;
        }),
      lpWSPConnect: (s, name, _namelen, callerData, calleeData, _sqos, _gqos, lpErrno) => {
        this.#note(`WSPConnect ${name.sin_addr}:${name.sin_port}`);
        const socket = this.#find(s, lpErrno);
        if (socket === null) return SOCKET_ERROR;
        socket.remote = { ...name };
        socket.callerData = callerData?.buf.slice(0, callerData.len) ?? socket.callerData;
        socket.calleeData = calleeData;
        return this.connectResult === 0 ? 0 : this.#failed(lpErrno, this.connectResult);
      },
      lpWSPEnumNetworkEvents: (s, event, into, lpErrno) =>
        this.#call(s, 'WSPEnumNetworkEvents', lpErrno, (socket) => takeNetworkEvents(socket.events, event, into)),
      lpWSPAccept: (s, _addr, _addrlen, condition, data, lpErrno) => {
        this.#note('WSPAccept');
        const listener = this.#find(s, lpErrno);
        if (listener === null) return INVALID_SOCKET;
        const request = listener.requests.shift();
        if (request === undefined) return this.#failed(lpErrno, WSAEWOULDBLOCK);
        const reply = { len: 256, buf: new Uint8Array(256) };
        const caller = { len: request.data.length, buf: request.data };
        const carried = (this.protocolInfo.dwServiceFlags1 & XP1_CONNECT_DATA) !== 0;
        const code = carried
          ? condition(request.caller, caller, null, null, request.callee, reply, null, data)
          : condition(request.caller, null, null, null, request.callee, null, null, data);
        listener.answers.push({ code, data: carried ? reply.buf.slice(0, reply.len) : new Uint8Array(0) });
        if (code !== 0) return this.#failed(lpErrno, WSAECONNREFUSED);
        return this.#create().s;
      },
      lpWSPCloseSocket: (s, lpErrno) =>
        this.#call(s, 'WSPCloseSocket', lpErrno, (socket) => {
          // CLOSE-4, and then CLOSE-6.
          if (this.pended.some((one) => one.socket === socket)) this.completeSends(WSA_OPERATION_ABORTED);
          socket.closed = true;
          this.given?.upcalls.lpWPUCloseSocketHandle(socket.handle, { value: 0 });
        }),
      lpWSPIoctl: (s, code, input, output, _bytes, _overlapped, _routine, _thread, lpErrno) =>
        this.#ioctl(s, code, input, output, lpErrno),
      lpWSPSend: (s, buffers, count, lpSent, flags, overlapped, _routine, _thread, lpErrno) => {
        this.asked.sendFlags.add(flags);
        const socket = this.#find(s, lpErrno);
        if (socket === null) return SOCKET_ERROR;
        const pends = this.sendResult === WSA_IO_PENDING;
        if (pends && overlapped === null) return this.#failed(lpErrno, WSAEWOULDBLOCK);
        if (!pends && this.sendResult !== 0) return this.#failed(lpErrno, this.sendResult);
        const bytes = Buffer.concat(buffers.slice(0, count).map(({ buf, len }) => buf.subarray(0, len)));
        socket.sent.push(bytes);
        lpSent.value = bytes.length;
        if (!pends || overlapped === null) return 0;
        this.pended.push({ socket, overlapped, bytes: bytes.length });
        return this.#failed(lpErrno, WSA_IO_PENDING);
      },
      lpWSPRecv: unused,
      lpWSPDuplicateSocket: unused,
      lpWSPGetOverlappedResult: (...args) => unused(...args) === 0,
      lpWSPGetQOSByName: noQosByName,
      lpWSPCleanup: () => {
        this.#note('WSPCleanup');
        return 0;
      },
    };
  }

  #ioctl(s: SOCKET, code: number, input: unknown, output: Out<unknown>, lpErrno: Out<number>): number {
    this.asked.ioctl.add(code);
    if (code === SIO_ADDRESS_LIST_QUERY) {
      return this.#call(s, 'SIO_ADDRESS_LIST_QUERY', lpErrno, () => {
        output.value = makeAddressList(this.addresses);
      });
    }
    if (code === SIO_SD_LISTENER_HINT && this.hint !== null) {
      this.#note('SIO_SD_LISTENER_HINT');
      return this.hint((input as SOCKADDR).sin_port) ? 0 : this.#failed(lpErrno, WSAEADDRNOTAVAIL);
    }
    if (code === SIO_SD_ASK_ANOTHER && this.others > 0) {
      this.#note('SIO_SD_ASK_ANOTHER');
      this.others--;
      return 0;
    }
    if (code !== SIO_GET_EXTENSION_FUNCTION_POINTER) return this.#failed(lpErrno, WSAENOPROTOOPT);
    const guid = guidText(input);
    const known = SAN_EXTENSIONS.find((extension) => extension.guid === guid);
    this.#note(`extension ${known?.name ?? (guid === WSAID_SD_OWNEDRECEIVE ? 'OwnedReceive' : 'unknown')}`);
    const scripted = guid === null ? undefined : this.extensions.get(guid);
    if (typeof scripted === 'number') return this.#failed(lpErrno, scripted);
    if (scripted !== undefined) output.value = scripted.give;
    else if (guid === WSAID_SD_OWNEDRECEIVE) output.value = this.#ownedReceive();
    else if (known !== undefined) output.value = () => 0;
    else return this.#failed(lpErrno, WSAEINVAL);
    return 0;
  }

  #ownedReceive(): OwnedReceive {
    return {
      SdpSetReceiver: (s, receiver, lpErrno) =>
        this.#call(s, 'SdpSetReceiver', lpErrno, (socket) => {
          socket.receiver = receiver;
        }),
      SdpSetConsumed: () => undefined,
      SdpPeerConsumed: () => 0,
      SdpBeginExit: () => this.#note('SdpBeginExit'),
      SdpEndExit: () => this.#note('SdpEndExit'),
      SdpPeerOf: () => ({ pid: 4711, uid: 1000, link: 3, self: false }),
    };
  }

  #create(): FakeSocket {
    const s = this.#next++;
    const handle = this.noHandles ? INVALID_SOCKET : this.given?.upcalls.lpWPUCreateSocketHandle(0, s, { value: 0 });
    this.last = new FakeSocket(s, handle ?? INVALID_SOCKET);
    this.sockets.set(s, this.last);
    return this.last;
  }

  #call(s: SOCKET, call: string, lpErrno: Out<number>, act: (socket: FakeSocket) => void = () => undefined): number {
    this.#note(call);
    const socket = this.#find(s, lpErrno);
    if (socket === null) return SOCKET_ERROR;
    const code = this.fail.get(call.split(' ')[0] ?? '');
    if (code !== undefined) return this.#failed(lpErrno, code);
    act(socket);
    return 0;
  }

  #find(s: SOCKET, lpErrno: Out<number>): FakeSocket | null {
    const socket = this.sockets.get(s);
    if (socket !== undefined && !socket.closed) return socket;
    lpErrno.value = WSAENOTSOCK;
    return null;
  }

  #failed(lpErrno: Out<number>, code: number): number {
    lpErrno.value = code;
    return SOCKET_ERROR;
  }
}
