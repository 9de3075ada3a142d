/** A host on a loopback network, driven by its SPI as a switch would, on virtual time. What it hears it writes down. */
import assert from 'node:assert/strict';
import {
  createLoopbackProvider,
  LoopbackNetwork,
  type LoopbackNetworkOptions,
  type LoopbackOptions,
  type LoopbackProvider,
  VirtualScheduler,
} from '../../../src/providers/loopback/index.js';
import {
  AF_INET,
  CF_ACCEPT,
  createEvent,
  createNetworkEvents,
  createOverlapped,
  createProcTable,
  createUpcallTable,
  createWspData,
  FD_ACCEPT,
  FD_CONNECT,
  FD_CONNECT_BIT,
  finishOverlapped,
  INVALID_SOCKET,
  IPPROTO_TCP,
  type LPCONDITIONPROC,
  makeSockaddr,
  MEM_READWRITE,
  type MessageReceiver,
  type OwnedReceive,
  type SanExtensions,
  SAN_EXTENSIONS,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SOCK_STREAM,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  WSA_IO_PENDING,
  WSAEMFILE,
  WSAEWOULDBLOCK,
  WSAID_SD_OWNEDRECEIVE,
  type WSABUF,
  type WSABUFEX,
  type WSAOVERLAPPED,
} from '../../../src/spi/index.js';

export interface World {
  readonly clock: VirtualScheduler;
  readonly network: LoopbackNetwork;
}

export function makeWorld(options: LoopbackNetworkOptions = { seed: 1 }): World {
  const clock = new VirtualScheduler();
  return { clock, network: new LoopbackNetwork({ scheduler: clock, ...options }) };
}

export interface Completion {
  readonly overlapped: WSAOVERLAPPED;
  readonly error: number;
  readonly bytes: number;
}

export class Host {
  readonly provider: LoopbackProvider;
  readonly proc = createProcTable();
  readonly errno = { value: 0 };
  readonly completions: Completion[] = [];
  readonly closedHandles: number[] = [];
  readonly extensions: SanExtensions;
  readonly address: string;
  /** Runs inside every completion up-call. */
  onCompletion: (completion: Completion) => void = () => undefined;
  refuseHandles = false;
  #nextHandle = 1000;
  #nextPort = 40000;

  constructor(
    readonly world: World,
    address: string,
    options: LoopbackOptions = {},
  ) {
    this.address = address;
    this.provider = createLoopbackProvider({ addresses: [address], ...options }, world.network);
    const upcalls = createUpcallTable({
      lpWPUCreateSocketHandle: (_entry, _context, lpErrno) => {
        if (!this.refuseHandles) return this.#nextHandle++;
        lpErrno.value = WSAEMFILE;
        return INVALID_SOCKET;
      },
      lpWPUCloseSocketHandle: (s) => (this.closedHandles.push(s), 0),
      lpWPUQuerySocketHandleContext: () => 0,
      lpWPUCompleteOverlappedRequest: (_s, overlapped, error, bytes) => {
        finishOverlapped(overlapped, error, bytes);
        const completion = { overlapped, error, bytes };
        this.completions.push(completion);
        this.onCompletion(completion);
        return 0;
      },
    });
    const info = this.provider.protocolInfo;
    assert.equal(this.provider.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), info, upcalls, this.proc), 0);
    this.extensions = Object.fromEntries(
      SAN_EXTENSIONS.map(({ name, guid }) => [name, this.extension(guid)]),
    ) as unknown as SanExtensions;
  }

  /** The function behind a GUID, or the code that it is refused with. */
  extension(guid: string): unknown {
    const pointer = { value: null as unknown };
    const code = SIO_GET_EXTENSION_FUNCTION_POINTER;
    const result = this.proc.lpWSPIoctl(-1, code, guid, pointer, { value: 0 }, null, null, null, this.errno);
    return result === 0 ? pointer.value : this.errno.value;
  }

  get owned(): OwnedReceive {
    return this.extension(WSAID_SD_OWNEDRECEIVE) as OwnedReceive;
  }

  /** A bound socket. */
  socket(port = this.#nextPort++, address = this.address): number {
    const s = this.proc.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, this.errno);
    assert.ok(s >= 0, String(this.errno.value));
    assert.equal(this.proc.lpWSPBind(s, makeSockaddr(AF_INET, address, port), 16, this.errno), 0);
    return s;
  }

  listen(port: number, backlog = 5): { s: number; signals: () => number } {
    const s = this.socket(port);
    assert.equal(this.proc.lpWSPListen(s, backlog, this.errno), 0);
    const event = createEvent();
    let signals = 0;
    event.onSet = () => signals++;
    assert.equal(this.proc.lpWSPEventSelect(s, event, FD_ACCEPT, this.errno), 0);
    return { s, signals: () => signals };
  }

  accept(listener: number, condition: LPCONDITIONPROC = () => CF_ACCEPT): number {
    return this.proc.lpWSPAccept(listener, null, null, condition, null, this.errno);
  }

  /** Starts a connect; `result()` is -1 until it ends, then its code. */
  connect(to: Host, port: number, caller: WSABUF | null = null, callee: WSABUF | null = null): Connecting {
    const s = this.socket();
    const event = createEvent();
    const record = createNetworkEvents();
    let code = -1;
    event.onSet = () => {
      this.proc.lpWSPEnumNetworkEvents(s, event, record, this.errno);
      code = record.iErrorCode[FD_CONNECT_BIT]!;
    };
    this.proc.lpWSPEventSelect(s, event, FD_CONNECT, this.errno);
    const name = makeSockaddr(AF_INET, to.address, port);
    const result = this.proc.lpWSPConnect(s, name, 16, caller, callee, null, null, this.errno);
    if (result === 0 || this.errno.value !== WSAEWOULDBLOCK) code = result === 0 ? 0 : this.errno.value;
    return { s, result: () => code };
  }

  /** Registered memory. */
  memory(s: number, bytes: number, rights = MEM_READWRITE): { buf: Uint8Array; handle: number } {
    const buf = new Uint8Array(bytes);
    const handle = this.extensions.WSPRegisterMemory(s, buf, bytes, rights, this.errno);
    assert.notEqual(handle, 0, String(this.errno.value));
    return { buf, handle };
  }

  /** 0, or the code; WSA_IO_PENDING is success. */
  send(s: number, bytes: Uint8Array, overlapped: WSAOVERLAPPED | null = createOverlapped()): number {
    const buffers = [{ len: bytes.length, buf: bytes }];
    const result = this.proc.lpWSPSend(s, buffers, 1, { value: 0 }, 0, overlapped, null, null, this.errno);
    return result === 0 ? 0 : this.errno.value;
  }

  recv(s: number, bytes: Uint8Array, overlapped: WSAOVERLAPPED = createOverlapped()): number {
    const buffers = [{ len: bytes.length, buf: bytes }];
    const out = { value: 0 };
    const result = this.proc.lpWSPRecv(s, buffers, 1, out, { value: 0 }, overlapped, null, null, this.errno);
    return result === 0 ? 0 : this.errno.value;
  }

  rdma(
    kind: 'WSPRdmaRead' | 'WSPRdmaWrite',
    s: number,
    buffer: WSABUFEX,
    descriptor: Uint8Array,
    offset = 0,
    overlapped: WSAOVERLAPPED = createOverlapped(),
  ): number {
    const call = this.extensions[kind];
    assert.ok(call !== null && typeof call === 'function');
    const { length } = descriptor;
    const out = { value: 0 };
    const result = call(s, [buffer], 1, descriptor, length, offset, out, 0, overlapped, null, null, this.errno);
    return result === 0 ? 0 : this.errno.value;
  }

  expose(s: number, buf: Uint8Array, rights: number): Uint8Array {
    const room = { value: 0 };
    this.extensions.WSPRegisterRdmaMemory(s, buf, buf.length, rights, null, room, this.errno);
    const descriptor = new Uint8Array(room.value);
    const result = this.extensions.WSPRegisterRdmaMemory(s, buf, buf.length, rights, descriptor, room, this.errno);
    assert.equal(result, 0, String(this.errno.value));
    return descriptor;
  }

  close(s: number): number {
    return this.proc.lpWSPCloseSocket(s, this.errno);
  }
}

export interface Connecting {
  readonly s: number;
  result(): number;
}

export interface ConnectedPair {
  readonly a: Host;
  readonly b: Host;
  readonly sa: number;
  readonly sb: number;
}

/** Two hosts with one connection: `a` has connected, `b` has accepted. */
export function connected(world: World, options: LoopbackOptions = {}): ConnectedPair {
  const a = new Host(world, '10.0.0.1', options);
  const b = new Host(world, '10.0.0.2', options);
  const listener = b.listen(80);
  const connecting = a.connect(b, 80);
  while (listener.signals() === 0) assert.ok(world.clock.step());
  const sb = b.accept(listener.s);
  while (connecting.result() < 0) assert.ok(world.clock.step());
  assert.equal(connecting.result(), 0);
  return { a, b, sa: connecting.s, sb };
}

/** Writes down what a receiver is shown. */
export class Recorder implements MessageReceiver {
  readonly messages: string[] = [];
  readonly ends: number[] = [];
  answer = 0;
  onMessage(memory: Uint8Array, offset: number, length: number): number {
    this.messages.push(Buffer.from(memory.slice(offset, offset + length)).toString());
    return this.answer;
  }
  onRunEnd(): void {
    this.messages.push('|');
  }
  onDisconnect(error: number): void {
    this.ends.push(error);
  }
}

export const PENDING = WSA_IO_PENDING;
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
export const fill = (into: Uint8Array, what: string): Uint8Array => {
  into.set(Buffer.from(what));
  return into.subarray(0, what.length);
};
