/** A switch over fakes, and what a program's connect and listen hear. */
import { Catalog } from '../../../src/catalog/index.js';
import { encodeOffer, type Offer, type SessionUser } from '../../../src/session/index.js';
import { encodeHeader, MESSAGE_CONFIRM, SESSION_HEADER_BYTES } from '../../../src/session/wire.js';
import { AF_INET, AF_INET6, makeSockaddr, type SOCKADDR } from '../../../src/spi/index.js';
import type { ConnectAttempt, ConnectRequest } from '../../../src/switch/connect.js';
import type { SanConnection } from '../../../src/switch/connection.js';
import type { ListenRequest } from '../../../src/switch/listen.js';
import type { RouteReason } from '../../../src/switch/reasons.js';
import { Switch, type SwitchOptions } from '../../../src/switch/switch.js';
import { presentTimers } from '../../../src/switch/timers.js';
import { FakeBase } from './fake-base.js';
import { FakeSan } from './fake-san.js';

export const OFFER: Offer = {
  version: 1,
  windowBytes: 1 << 20,
  receiveBuffers: 64,
  rdmaRead: true,
  rdmaWrite: true,
  suspend: false,
  urgent: true,
  maxMessageBytes: 65536,
  maxRdmaBytes: 0xffff_ffff,
  rdmaThresholdBytes: 0xffff_ffff,
};
export const OFFER_BYTES = encodeOffer(OFFER);

/** The message that makes a listener's program see a connection. */
export function confirmMessage(): Uint8Array {
  const header = new Uint8Array(SESSION_HEADER_BYTES);
  encodeHeader(header, MESSAGE_CONFIRM, 0, 0, 0, 0);
  return header;
}

export const v4 = (address: string, port: number): SOCKADDR => makeSockaddr(AF_INET, address, port);
export const v6 = (address: string, port: number): SOCKADDR => makeSockaddr(AF_INET6, address, port);

/** All that is due in the next turns of the event loop. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

export interface Harness {
  readonly sw: Switch;
  readonly base: FakeBase;
  readonly san: FakeSan;
  readonly catalog: Catalog;
  /** Events, as text. */
  readonly events: string[];
  /** Rules: addresses and ports that must stay on TCP, `address:port use`. */
  readonly excluded: Set<string>;
  clockMs: number;
}

/** A switch that is not started; `san` is installed. */
export function makeHarness(san: FakeSan = new FakeSan(), options: Partial<SwitchOptions> = {}): Harness {
  const catalog = new Catalog();
  install(catalog, san);
  const base = new FakeBase(san.log);
  const events: string[] = [];
  const excluded = new Set<string>();
  const harness: Harness = {
    base,
    san,
    catalog,
    events,
    excluded,
    clockMs: 1000,
    sw: new Switch({
      tcpip: base,
      catalog,
      session: { windowBytes: 1 << 20, receiveBuffers: 64 },
      connectTimeoutMs: 50,
      negativeTtlMs: 1000,
      timers: { ...presentTimers(), now: () => harness.clockMs },
      admits: (address, port, use) => !excluded.has(`${address}:${port} ${use}`),
      events: {
        onSan: (connection) => events.push(`san ${connection.side} ${connection.id}`),
        onSanClosed: (connection) => events.push(`closed ${connection.id}`),
        onTcp: (reason, _local, remote) => events.push(`tcp ${reason} ${remote.sin_addr}:${remote.sin_port}`),
        onAddresses: (count) => events.push(`addresses ${count}`),
        onListener: (event, _id, local, provider, reason) =>
          events.push(`listener ${event} ${local.sin_addr}:${local.sin_port} ${reason ?? provider ?? ''}`.trimEnd()),
        onProvider: (event, name, reason, detail) =>
          events.push(`provider ${event} ${name} ${reason ?? ''} ${detail}`.trimEnd()),
        onViolation: (_connection, what) => events.push(`violation ${what}`),
      },
      ...options,
    }),
  };
  return harness;
}

export function install(catalog: Catalog, san: FakeSan): void {
  const errno = { value: 0 };
  const { ProviderId } = san.protocolInfo;
  if (catalog.WSCInstallProvider(ProviderId, 'fake', () => san, [san.protocolInfo], errno) !== 0) {
    throw new Error(`not installed: ${errno.value}`);
  }
  catalog.addToSanList(ProviderId);
}

/** The same, started, with the noise of start-up forgotten. */
export function startHarness(san?: FakeSan, options?: Partial<SwitchOptions>): Harness {
  const harness = makeHarness(san, options);
  harness.sw.start();
  harness.san.takeLog();
  harness.events.length = 0;
  return harness;
}

/** A program's connect, and its answers. */
export class Program {
  readonly answers: string[] = [];
  connection: SanConnection | null = null;
  attempt: ConnectAttempt | null = null;
  /** The reason, if it was known at once. */
  reason: RouteReason | null = null;
  /** Runs when the connection is there. */
  onEstablished: (connection: SanConnection) => void = () => undefined;
  /** Runs when it goes on by TCP. */
  onFallback: () => void = () => undefined;

  connect(sw: Switch, remote: SOCKADDR, local: SOCKADDR | null = null, tcp = 9): this {
    const request: ConnectRequest = {
      tcp,
      remote,
      local,
      onEstablished: (connection) => {
        this.answers.push('established');
        this.connection = connection;
        this.onEstablished(connection);
      },
      onFallback: (reason) => {
        this.answers.push(`fallback ${reason}`);
        this.onFallback();
      },
      onError: (wsa) => this.answers.push(`error ${wsa}`),
    };
    const result = sw.connect(request);
    if (typeof result === 'string') this.reason = result;
    else this.attempt = result;
    return this;
  }
}

/** A program's listener. */
export class Listener {
  readonly connections: SanConnection[] = [];
  eligible = true;
  /** What it takes beside those that wait. */
  room = Infinity;
  /** How many that were to come after the close did not. */
  lost = 0;

  request(local: SOCKADDR, backlog = 511, tcp = 8): ListenRequest {
    return {
      tcp,
      local,
      backlog,
      isEligible: () => this.eligible,
      hasRoom: (waiting) => waiting < this.room,
      onLost: () => {
        this.lost++;
      },
      onConnection: (connection) => this.connections.push(connection),
    };
  }
}

/** What a program hears of a session. */
export class User implements SessionUser {
  readonly data: string[] = [];
  /** In order: `end`, `reset CODE`, `written CODE`, `shutdown CODE`. */
  readonly heard: string[] = [];

  constructor(connection: SanConnection) {
    connection.session.user = this;
    connection.session.startReading();
  }

  onData(memory: ArrayBuffer, offset: number, length: number): void {
    this.data.push(Buffer.from(memory, offset, length).toString());
  }
  onEnd(): void {
    this.heard.push('end');
  }
  onReset(error: number): void {
    this.heard.push(`reset ${error}`);
  }
  onWritten(error: number): void {
    this.heard.push(`written ${error}`);
  }
  onShutdown(error: number): void {
    this.heard.push(`shutdown ${error}`);
  }
  takeUnsent(): null {
    return null;
  }
}
