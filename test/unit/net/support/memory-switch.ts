// A switch in memory: connects the listeners and connectors of this process by pairs of memory sessions, or does what a
// test tells it. `enabled = false` makes it answer a reason at once, so that the same program runs on plain TCP.
import { AF_INET, AF_INET6, makeSockaddr, type SOCKADDR } from '../../../../src/spi/index.js';
import {
  type ConnectAttempt,
  type ConnectRequest,
  type InstalledNet,
  type Listening,
  type ListenRequest,
  type SwitchPort,
  install,
} from '../../../../src/net/index.js';
import { loadAddon } from '../../../../src/proxy-driver/index.js';
import type { KnownReason, RouteReason } from '../../../../src/switch/reasons.js';
import { type MemorySession, memoryPair } from './memory-session.js';

export class MemorySwitch implements SwitchPort {
  enabled = true;
  /** What an attempt does instead of connecting. */
  outcome: 'connect' | 'fallback' | 'nothing' | { error: number } = 'connect';
  window = 65536;
  held = 0;
  cancelled = 0;
  attempts = 0;
  /** Ports that are known to be on TCP without a connect. */
  readonly unannounced = new Set<number>();
  /** How many connections come after the close of a listener. */
  toCome = 0;
  readonly listeners: ListenRequest[] = [];
  readonly sessions: MemorySession[] = [];
  #id = 0;

  /** Ports on which a plain listener has been found. */
  readonly plain = new Set<number>();
  /** How often it had to find out that nobody on a port is on the SAN. */
  lookups = 0;

  known(_address: string, port: number): KnownReason | null {
    if (!this.enabled) return { reason: 'switch-off', remembered: true };
    if (!this.unannounced.has(port)) return null;
    const remembered = this.plain.has(port);
    if (!remembered) this.lookups++;
    return { reason: 'no-companion', remembered };
  }

  provenPlain(_address: string, port: number): void {
    this.plain.add(port);
  }

  connect(request: ConnectRequest): RouteReason | ConnectAttempt {
    if (!this.enabled) return 'switch-off';
    const listener = this.find(request.remote);
    if (listener === undefined && this.outcome === 'connect') return 'no-listener';
    this.attempts++;
    const attempt = {
      over: false,
      cancel: () => {
        this.cancelled++;
        attempt.over = true;
      },
    };
    const { outcome } = this;
    if (outcome === 'nothing') return attempt;
    setImmediate(() => {
      if (attempt.over) return;
      if (outcome === 'fallback') request.onFallback('listener-busy');
      else if (typeof outcome === 'object') request.onError(outcome.error);
      else this.#establish(request, listener!);
    });
    return attempt;
  }

  #establish(request: ConnectRequest, listener: ListenRequest): void {
    const { remote } = request;
    const local = request.local ?? bind(request);
    if (!listener.isEligible()) {
      request.onFallback('listener-refused');
      return;
    }
    const [ours, theirs] = memoryPair(this.window);
    this.sessions.push(ours, theirs);
    const common = { provider: 'memory', peer: { pid: process.pid, uid: 0, link: 1 }, toSelf: false };
    setImmediate(() => {
      listener.onConnection({ ...common, session: theirs, id: ++this.#id, local: remote, remote: local });
    });
    request.onEstablished({ ...common, session: ours, id: ++this.#id, local, remote });
  }

  listen(request: ListenRequest): Listening {
    this.listeners.push(request);
    return {
      reason: null,
      close: () => {
        const index = this.listeners.indexOf(request);
        if (index >= 0) this.listeners.splice(index, 1);
        return this.toCome;
      },
    };
  }

  /** The listener that TCP would reach: the exact address first, then the wildcards. */
  find(remote: SOCKADDR): ListenRequest | undefined {
    const wildcards = remote.sa_family === AF_INET6 ? ['::'] : ['0.0.0.0', '::'];
    for (const address of [remote.sin_addr, ...wildcards]) {
      const at = ({ local }: ListenRequest): boolean =>
        local.sin_port === remote.sin_port && local.sin_addr === address;
      const found = this.listeners.find(at);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The listener on a port of 127.0.0.1. */
  on(port: number): ListenRequest | undefined {
    return this.find(makeSockaddr(AF_INET, '127.0.0.1', port));
  }

  /** Calls of sessions that the contract forbids. */
  misuse(): string[] {
    return this.sessions.flatMap((session) => session.misuse);
  }
}

function bind({ tcp, remote }: ConnectRequest): SOCKADDR {
  const v6 = remote.sa_family === AF_INET6;
  if (v6) tcp.bind6(remote.sin_addr, 0);
  else tcp.bind(remote.sin_addr, 0);
  const out: { address?: string; port?: number } = {};
  tcp.getsockname(out);
  return makeSockaddr(remote.sa_family, out.address!, out.port!);
}

/** Installs `net` on a switch in memory; throws where this Node is not known, which would be a finding. */
export function installMemorySwitch(): { san: MemorySwitch; net: InstalledNet } {
  const san = new MemorySwitch();
  const result = install(san, {
    hold: (delta) => {
      san.held += delta;
    },
    closeLate: (then) => loadAddon().addon?.closeLate(then) === 0,
  });
  if (!result.ok) throw new Error(`${result.reason}: ${result.detail}`);
  return { san, net: result.net };
}
