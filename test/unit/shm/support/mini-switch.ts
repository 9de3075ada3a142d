/**
 * A switch just large enough to drive the provider by its SPI: up-calls, a listener behind a real TCP listener, a
 * connect from a really reserved port. What it receives it writes down.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { ProxyDriver } from '../../../../src/proxy-driver/index.js';
import { createShmProvider, type ShmEvent } from '../../../../src/providers/shm/index.js';
import { RING_BYTES_MIN } from '../../../../src/providers/shm/layout.js';
import {
  AF_INET,
  CF_ACCEPT,
  createEvent,
  createNetworkEvents,
  createProcTable,
  createUpcallTable,
  createWspData,
  FD_ACCEPT,
  FD_CONNECT,
  FD_CONNECT_BIT,
  finishOverlapped,
  IPPROTO_TCP,
  makeProtocolInfo,
  makeSockaddr,
  type MessageReceiver,
  type Out,
  type OwnedReceive,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SO_SD_CONNECT_DETAIL,
  SO_SD_NATIVE_ADDRESS,
  SOCK_STREAM,
  type SOCKADDR,
  SOL_SOCKET,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  type WSAOVERLAPPED,
  WSAEWOULDBLOCK,
  WSAID_SD_OWNEDRECEIVE,
} from '../../../../src/spi/index.js';

const loaded = ProxyDriver.load();
assert.ok(loaded.driver, loaded.reason ?? '');
export const driver = loaded.driver;

interface MiniOptions {
  readonly allowedUids?: readonly number[];
  readonly ringBytes?: number;
  readonly rdma?: 'auto' | 'off';
}

/** What the switch passes: TCP/IP's protocol information, not the provider's own (SW-12). */
export const TCPIP = makeProtocolInfo({ ProviderId: 'E70F1AA0-AB8B-11CF-8CA3-00805F48A192', szProtocol: 'TCP/IP' });

export class MiniSwitch {
  readonly proc = createProcTable();
  readonly errno: Out<number> = { value: 0 };
  readonly events: ShmEvent[] = [];
  readonly completed: { overlapped: WSAOVERLAPPED; error: number }[] = [];
  readonly closedHandles: number[] = [];
  readonly owned: OwnedReceive;
  #nextHandle = 1000;

  /** How often the provider has asked for a handle. */
  get handlesMade(): number {
    return this.#nextHandle - 1000;
  }

  constructor({ allowedUids = [process.geteuid!()], ringBytes = RING_BYTES_MIN, rdma = 'auto' }: MiniOptions = {}) {
    const onEvent = (event: ShmEvent) => void this.events.push(event);
    const provider = createShmProvider({
      driver,
      ringBytes,
      spillBytesMax: 1 << 20,
      allowedUids: new Set(allowedUids),
      rdma,
      onEvent,
    });
    const upcalls = createUpcallTable({
      lpWPUCreateSocketHandle: () => this.#nextHandle++,
      lpWPUCloseSocketHandle: (s) => (this.closedHandles.push(s), 0),
      lpWPUQuerySocketHandleContext: () => 0,
      lpWPUCompleteOverlappedRequest: (_s, overlapped, error, bytes) => {
        finishOverlapped(overlapped, error, bytes);
        this.completed.push({ overlapped, error });
        return 0;
      },
    });
    assert.equal(provider.WSPStartupEx(WINSOCK_VERSION_2_2, createWspData(), TCPIP, upcalls, this.proc), 0);
    const pointer: Out<unknown> = { value: null };
    const bytes = { value: 0 };
    const code = SIO_GET_EXTENSION_FUNCTION_POINTER;
    const guid = WSAID_SD_OWNEDRECEIVE;
    assert.equal(this.proc.lpWSPIoctl(-1, code, guid, pointer, bytes, null, null, null, this.errno), 0);
    this.owned = pointer.value as OwnedReceive;
  }

  /** The functions of an extension, or the code that it is refused with. */
  extension(guid: string): unknown {
    const pointer: Out<unknown> = { value: null };
    const code = SIO_GET_EXTENSION_FUNCTION_POINTER;
    const result = this.proc.lpWSPIoctl(-1, code, guid, pointer, { value: 0 }, null, null, null, this.errno);
    return result === 0 ? pointer.value : this.errno.value;
  }

  socket(name: SOCKADDR): number {
    const s = this.proc.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, this.errno);
    assert.ok(s >= 0);
    assert.equal(this.proc.lpWSPBind(s, name, 16, this.errno), 0);
    return s;
  }

  /** A TCP listener with its companion. Each accepted socket is handed to `onAccept`. */
  async listen(
    onAccept: (s: number) => void,
    condition = () => CF_ACCEPT,
  ): Promise<{ tcp: Server; s: number; port: number }> {
    const tcp = createServer().listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as { port: number };
    return { tcp, port, s: this.serve(tcp, onAccept, condition) };
  }

  /** A companion of a TCP listener that is there: one of several, perhaps. Null: nobody accepts. */
  serve(tcp: Server, onAccept: ((s: number) => void) | null, condition = () => CF_ACCEPT): number {
    const { port } = tcp.address() as { port: number };
    const cookie = driver.getNativeAddress((tcp as unknown as { _handle: { fd: number } })._handle.fd);
    const s = this.socket(makeSockaddr(AF_INET, '127.0.0.1', port));
    this.proc.lpWSPSetSockOpt(s, SOL_SOCKET, SO_SD_NATIVE_ADDRESS, Number(cookie), 8, this.errno);
    assert.equal(this.proc.lpWSPListen(s, 5, this.errno), 0);
    if (onAccept === null) return s;
    const event = createEvent();
    event.onSet = () => {
      this.proc.lpWSPEnumNetworkEvents(s, event, createNetworkEvents(), this.errno);
      const accepted = this.proc.lpWSPAccept(s, null, null, condition, null, this.errno);
      if (accepted >= 0) onAccept(accepted);
    };
    assert.equal(this.proc.lpWSPEventSelect(s, event, FD_ACCEPT, this.errno), 0);
    return s;
  }

  /** Connects; resolves with the socket, or with the WSA code and the detail. */
  async connect(
    port: number,
    caller = Buffer.alloc(0),
  ): Promise<{ s: number; code: number; detail: string; callee: Buffer }> {
    const fd = driver.reservePort({ address: '127.0.0.1', port: 0, family: 4 });
    const local = driver.getEndpoint(fd);
    assert.ok(typeof local === 'object');
    const s = this.socket(makeSockaddr(AF_INET, '127.0.0.1', local.port));
    const event = createEvent();
    const record = createNetworkEvents();
    const callee = { len: 256, buf: Buffer.alloc(256) };
    this.proc.lpWSPEventSelect(s, event, FD_CONNECT, this.errno);
    const set = new Promise<void>((resolve) => (event.onSet = resolve));
    const name = makeSockaddr(AF_INET, '127.0.0.1', port);
    const data = { len: caller.length, buf: caller };
    const alive = setInterval(() => undefined, 1000);
    const result = this.proc.lpWSPConnect(s, name, 16, data, callee, null, null, this.errno);
    let code = this.errno.value;
    if (result !== 0 && code === WSAEWOULDBLOCK) {
      await set;
      this.proc.lpWSPEnumNetworkEvents(s, event, record, this.errno);
      code = record.iErrorCode[FD_CONNECT_BIT]!;
    }
    clearInterval(alive);
    const detail: Out<number | string> = { value: '' };
    this.proc.lpWSPGetSockOpt(s, SOL_SOCKET, SO_SD_CONNECT_DETAIL, detail, { value: 4 }, this.errno);
    driver.addon.close(fd);
    return { s, code, detail: String(detail.value), callee: callee.buf.subarray(0, callee.len) };
  }

  /** Attaches a receiver that writes everything down. */
  record(s: number): Recorder {
    const recorder = new Recorder();
    assert.equal(this.owned.SdpSetReceiver(s, recorder, this.errno), 0);
    return recorder;
  }

  /** Sends a message; 0 or the WSA code. */
  send(s: number, bytes: Uint8Array, overlapped: WSAOVERLAPPED | null = null): number {
    const buffers = [{ len: bytes.length, buf: bytes }];
    const result = this.proc.lpWSPSend(s, buffers, 1, { value: 0 }, 0, overlapped, null, null, this.errno);
    return result === 0 ? 0 : this.errno.value;
  }
}

export class Recorder implements MessageReceiver {
  readonly messages: Buffer[] = [];
  readonly ends: number[] = [];
  runs = 0;
  answer = 0;
  onMessage(memory: Uint8Array, offset: number, length: number): number {
    this.messages.push(Buffer.from(memory.slice(offset, offset + length)));
    return this.answer;
  }
  onRunEnd(): void {
    this.runs++;
  }
  onDisconnect(error: number): void {
    this.ends.push(error);
  }
}
