/** A simulated process: a switch over a loopback provider, and a TCP/IP provider that hands out names and nothing else. */
import { Catalog } from '../../src/catalog/index.js';
import {
  createLoopbackProvider,
  type LoopbackNetwork,
  type LoopbackOptions,
  type LoopbackProvider,
  type VirtualScheduler,
} from '../../src/providers/loopback/index.js';
import { AF_INET, makeSockaddr, type ProviderModule, type SOCKADDR } from '../../src/spi/index.js';
import type { Switch as SwitchType, SwitchOptions } from '../../src/switch/switch.js';
import { FakeBase } from '../unit/switch/fake-base.js';
import { Switch } from './virtual.js';

/** The address of the one machine that all processes are on. */
const ADDRESS = '10.0.0.1';

/** Messages that may be under way to a process whose provider owns receive buffers. */
export const OWNED_BUFFERS = 64;

/** A TCP/IP provider whose sockets have a name each, and nothing else. */
function simulatedBase(firstPort: number): ProviderModule {
  const fake = new FakeBase([]);
  fake.routes.set(ADDRESS, { local: true, source: ADDRESS });
  const names = new Map<number, SOCKADDR>();
  let nextPort = firstPort;
  return {
    protocolInfo: fake.protocolInfo,
    WSPStartupEx(version, data, info, upcalls, table) {
      const code = fake.WSPStartupEx(version, data, info, upcalls, table);
      table.lpWSPBind = (s, name) => {
        names.set(s, { ...name, sin_port: nextPort++ });
        return 0;
      };
      Object.assign(table, {
        lpWSPGetSockName: (s: number, name: SOCKADDR) => {
          Object.assign(name, names.get(s));
          return 0;
        },
      });
      return code;
    },
  };
}

export interface HostSettings {
  /** Where its program listens; also its name in the trace. */
  readonly port: number;
  readonly options: LoopbackOptions;
  readonly windowBytes: number;
  readonly connectTimeoutTicks: number;
  onViolation(what: string): void;
}

export class SimulatedProcess {
  readonly port: number;
  readonly provider: LoopbackProvider;
  readonly sw: SwitchType;
  /** Its process has ended. */
  dead = false;
  #nextTcp = 1000;
  #busy = false;
  readonly #clock: VirtualScheduler;

  constructor(clock: VirtualScheduler, network: LoopbackNetwork, settings: HostSettings) {
    this.#clock = clock;
    this.port = settings.port;
    this.provider = createLoopbackProvider({ ...settings.options, addresses: [ADDRESS] }, network);
    const catalog = new Catalog();
    const { protocolInfo } = this.provider;
    const id = protocolInfo.ProviderId;
    catalog.WSCInstallProvider(id, 'loopback', () => this.provider, [protocolInfo], { value: 0 });
    catalog.addToSanList(id);
    const timers = {
      setImmediate: clock.setImmediate,
      setTimeout: clock.setTimeout,
      alarm: <T>(act: (argument: T) => void, ms: number, argument: T) => void clock.setTimeout(act, ms, argument),
      now: () => this.#now(),
    };
    this.sw = new Switch({
      tcpip: simulatedBase(settings.port * 100),
      catalog,
      session: { windowBytes: settings.windowBytes, receiveBuffers: OWNED_BUFFERS },
      connectTimeoutMs: settings.connectTimeoutTicks,
      negativeTtlMs: 0,
      timers: timers as unknown as NonNullable<SwitchOptions['timers']>,
      admits: () => true,
      events: {
        onListener: () => undefined,
        onProvider: (event, _name, reason, detail) => {
          if (event === 'refused') settings.onViolation(`provider refused: ${reason} ${detail}`);
        },
        onViolation: (_connection, what) => settings.onViolation(what),
      },
    });
    this.sw.start();
  }

  /** Who looks at the clock over and over, with no event loop turning, is busy meanwhile. */
  #now(): number {
    if (this.#busy) this.#clock.pass(1);
    return this.#clock.now();
  }

  nextTcp(): number {
    return this.#nextTcp++;
  }

  get name(): SOCKADDR {
    return makeSockaddr(AF_INET, ADDRESS, this.port);
  }

  /** The process ends as programs end: what was written goes out as far as it can (D7). */
  exit(): void {
    this.#busy = true;
    this.sw.exit();
    this.#busy = false;
    this.kill();
  }

  /** SIGKILL. */
  kill(): void {
    this.dead = true;
    this.provider.crash();
  }
}
