/** What a case works with: both providers started, connections, waiting, and judging. One per case. */
import {
  CF_ACCEPT,
  FD_ACCEPT,
  FD_CONNECT,
  FD_CONNECT_BIT,
  type LPCONDITIONPROC,
  type SOCKADDR,
  type SOCKET,
  type WSABUF,
  WSAEWOULDBLOCK,
} from '../spi/index.js';
import { End } from './end.js';
import { anyOf, ConformanceError, named } from './failure.js';
import type { Companion, ProviderPair } from './factory.js';
import { Host } from './host.js';
import { WatchedEvent } from './ledger.js';
import type { ProviderManifest } from './manifest.js';

const PATIENCE = 5000;
/** Settlings after which what has not happened is taken not to happen. */
const QUIET = 20;

/** A listening socket. */
export interface Listener {
  readonly host: Host;
  readonly s: SOCKET;
  readonly name: SOCKADDR;
  readonly event: WatchedEvent;
}

/** A socket that connects. */
export interface Connector {
  readonly host: Host;
  readonly s: SOCKET;
  readonly name: SOCKADDR;
  readonly event: WatchedEvent;
  readonly calleeData: WSABUF | null;
  /** What `WSPConnect` answered: 0, `WSAEWOULDBLOCK`, or what it failed with. */
  readonly answer: number;
}

/** A connection and its listener. */
export interface Connection {
  readonly client: End;
  readonly server: End;
  readonly listener: Listener;
}

export class Bench {
  readonly client: Host;
  readonly server: Host;
  readonly family: number;
  readonly #companions: Companion[] = [];
  readonly #others: Host[] = [];

  constructor(
    readonly requirements: readonly string[],
    readonly manifest: ProviderManifest,
    readonly pair: ProviderPair,
  ) {
    const strict = manifest.kind === 'san';
    this.client = new Host(pair.client, strict);
    this.server = pair.server === pair.client ? this.client : new Host(pair.server, strict);
    this.family = manifest.addressFamilies[0] ?? 0;
  }

  /** Both, or the one that is both. */
  get hosts(): Host[] {
    return this.client === this.server ? [this.client, ...this.#others] : [this.client, this.server, ...this.#others];
  }

  /** A further instance, started by the case: it is cleaned up and judged with the others. */
  adopt(host: Host): void {
    this.#others.push(host);
  }

  /** Starts both providers. */
  open(): void {
    for (const host of this.hosts) host.open();
  }

  // ---------------------------------------------------------------- judging

  /** Fails the case, citing its requirements. */
  fail(seen: string): never {
    throw new ConformanceError(this.requirements, seen);
  }

  check(condition: boolean, seen: string): void {
    if (!condition) this.fail(seen);
  }

  /** The value, which must be there. */
  some<T>(value: T | null | undefined, seen: string): T {
    return value ?? this.fail(seen);
  }

  equal(actual: unknown, expected: unknown, what: string): void {
    if (actual !== expected) this.fail(`${what}: ${String(actual)} instead of ${String(expected)}`);
  }

  /** `code` must be one of `expected`. */
  code(code: number, expected: number | readonly number[], what: string): void {
    const codes = typeof expected === 'number' ? [expected] : expected;
    if (!codes.includes(code)) this.fail(`${what}: ${named(code)} instead of ${anyOf(codes)}`);
  }

  sameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
    if (actual.length !== expected.length) this.fail(`${what}: ${actual.length} bytes instead of ${expected.length}`);
    for (let at = 0; at < actual.length; at++) {
      if (actual[at] !== expected[at]) this.fail(`${what}: byte ${at} is ${actual[at]} instead of ${expected[at]}`);
    }
  }

  // ---------------------------------------------------------------- time

  /** Waits until it has happened; fails the case if it never does. */
  async until(what: string, done: () => boolean): Promise<void> {
    const patience = this.pair.patience ?? PATIENCE;
    for (let round = 0; round < patience; round++) {
      if (done()) return;
      await this.pair.settle();
    }
    if (!done()) this.fail(`this never happened: ${what}`);
  }

  /** Lets so much time pass that what has not happened then will not. */
  async quiet(): Promise<void> {
    for (let round = 0; round < QUIET; round++) await this.pair.settle();
  }

  // ---------------------------------------------------------------- sockets

  async reserve(use: 'listen' | 'connect'): Promise<Companion> {
    const companion = await this.pair.reserve(use);
    this.#companions.push(companion);
    return companion;
  }

  /** A socket, not bound. */
  socket(host: Host): SOCKET {
    const { code, value } = host.socket(this.family);
    this.code(code, 0, 'WSPSocket');
    return value;
  }

  /** A socket, bound as the switch binds it, with its options set (SOCK-5). */
  async bound(host: Host, use: 'listen' | 'connect'): Promise<{ s: SOCKET; name: SOCKADDR }> {
    const { name, options = [] } = await this.reserve(use);
    const s = this.socket(host);
    this.code(host.bind(s, name), 0, 'WSPBind');
    for (const { level, optname, optval } of options) {
      this.code(host.setOption(s, level, optname, optval, 8), 0, 'WSPSetSockOpt');
    }
    return { s, name };
  }

  /** Listens as the switch does (LIST-3). */
  async listen(backlog = 5): Promise<Listener> {
    const host = this.server;
    const { s, name } = await this.bound(host, 'listen');
    this.code(host.listen(s, backlog), 0, 'WSPListen');
    const event = new WatchedEvent();
    this.code(host.eventSelect(s, event, FD_ACCEPT), 0, 'WSPEventSelect(FD_ACCEPT)');
    return { host, s, name, event };
  }

  /** Begins to connect as the switch does (CONN-3, CONN-4). */
  async connect(to: SOCKADDR, callerData: Uint8Array = new Uint8Array(0)): Promise<Connector> {
    const host = this.client;
    const { s, name } = await this.bound(host, 'connect');
    const event = new WatchedEvent();
    this.code(host.eventSelect(s, event, FD_CONNECT), 0, 'WSPEventSelect(FD_CONNECT)');
    const { connectData } = this.manifest;
    const calleeData = connectData ? { len: 256, buf: new Uint8Array(256) } : null;
    const caller = connectData ? { len: callerData.length, buf: callerData } : null;
    const answer = host.connect(s, to, caller, calleeData);
    return { host, s, name, event, calleeData, answer };
  }

  /** How a connect ended: 0 or a code (CONN-6, CONN-7). */
  async outcome({ host, s, event, answer }: Connector): Promise<number> {
    if (answer !== WSAEWOULDBLOCK) return answer;
    await this.until('the event of the connect is signalled', () => event.signalled);
    const { code, value } = host.enumEvents(s, event);
    this.code(code, 0, 'WSPEnumNetworkEvents');
    this.check((value.lNetworkEvents & FD_CONNECT) !== 0, 'the event was signalled, and FD_CONNECT is not recorded');
    return value.iErrorCode[FD_CONNECT_BIT];
  }

  /** Waits until a request has been signalled, and takes note of it. */
  async requested({ host, s, event }: Listener): Promise<void> {
    await this.until('the event of the listener is signalled', () => event.signalled);
    const { code, value } = host.enumEvents(s, event);
    this.code(code, 0, 'WSPEnumNetworkEvents');
    this.check((value.lNetworkEvents & FD_ACCEPT) !== 0, 'the event was signalled, and FD_ACCEPT is not recorded');
  }

  /** One `WSPAccept`: the descriptor, or -1 and the code. */
  accept(listener: Listener, condition: LPCONDITIONPROC = () => CF_ACCEPT): { s: SOCKET; code: number } {
    const { host } = listener;
    const s = host.procs.lpWSPAccept(listener.s, null, null, replyNothing(condition), null, host.errno);
    return { s, code: s < 0 ? host.errno.value : 0 };
  }

  /** A connection to `listener`, or to a new one. */
  async connected(listener?: Listener): Promise<Connection> {
    const to = listener ?? (await this.listen());
    const connector = await this.connect(to.name);
    this.code(connector.answer, [0, WSAEWOULDBLOCK], 'WSPConnect');
    await this.requested(to);
    const { s, code } = this.accept(to);
    this.code(code, 0, 'WSPAccept');
    this.code(await this.outcome(connector), 0, 'the connect');
    const client = new End(this, this.client, connector.s);
    return { client, server: new End(this, this.server, s), listener: to };
  }

  // ---------------------------------------------------------------- the end

  /** Closes what is open, cleans up, and looks for what the provider has done wrong meanwhile. */
  async close(): Promise<void> {
    for (const { ledger } of this.hosts) {
      ledger.refuseHandles = 0;
      for (const entry of ledger.byHandle.values())
        for (const operation of entry.operations) operation.onComplete = null;
    }
    for (const host of this.hosts) for (const s of [...host.ledger.byDescriptor.keys()]) host.close(s);
    await this.quiet();
    for (const host of this.hosts) {
      while (host.ledger.starts > 0) {
        const code = host.cleanup();
        if (code !== 0) throw new ConformanceError(['SP-12'], `WSPCleanup failed with ${named(code)}`);
      }
    }
    await this.quiet();
    for (const host of this.hosts) {
      for (const entry of host.ledger.byHandle.values()) {
        if (entry.state === 'closed' || entry.state === 'creating') continue;
        host.ledger.report(['CLOSE-6', 'SP-12'], 'WPUCloseSocketHandle was never called for a socket that is closed');
      }
    }
    for (const { ledger } of this.hosts) for (const violation of ledger.violations) throw violation;
  }

  /** Gives back addresses and the pair, whatever the case has shown. */
  async release(): Promise<void> {
    for (const companion of this.#companions.splice(0)) companion.close();
    await this.pair.close();
  }
}

/** A condition function that says nothing leaves no reply behind: `len` comes in as the room (SPI, connect data). */
function replyNothing(condition: LPCONDITIONPROC): LPCONDITIONPROC {
  return (callerId, callerData, sqos, gqos, calleeId, calleeData, group, data) => {
    const room = calleeData?.len;
    const answer = condition(callerId, callerData, sqos, gqos, calleeId, calleeData, group, data);
    if (calleeData !== null && calleeData.len === room) calleeData.len = 0;
    return answer;
  };
}
