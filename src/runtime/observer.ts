/** What happens in the switch, as counters and on diagnostics channels. Once per connection or link, never per message. */
import {
  channels,
  Counters,
  type Endpoint,
  type LiveBytes,
  type LoopStats,
  type MemoryStats,
  type Stats,
} from '../observe/index.js';
import type { Role, RouteObserver, SanConnection, TcpEnds } from '../net/index.js';
import type { ShmEvent } from '../providers/shm/index.js';
import { formatSockaddr, type SOCKADDR, wsaName } from '../spi/index.js';
import type { RouteReason, SwitchEvents } from '../switch/index.js';

/** An address as observers show it. */
export function endpoint(name: SOCKADDR): Endpoint {
  return { address: name.sin_addr, port: name.sin_port };
}

export class Observer implements RouteObserver {
  readonly #counters = new Counters();

  /** Counters, with the bytes of the connections that are open now. */
  stats(live: LiveBytes, loop: LoopStats | null, memory: MemoryStats | null = null): Stats {
    return this.#counters.stats(live, loop, memory);
  }

  /** Something failed that cost speed, not correctness. */
  failed(component: string, code: string, message: string): void {
    if (channels.error.hasSubscribers) channels.error.publish({ component, code, message });
  }

  // ---------------------------------------------------------------- connections, as the program's sockets have them

  sanOpened(id: number, role: Role, connection: SanConnection): void {
    this.#counters.sanOpened();
    if (!channels.route.hasSubscribers) return;
    const { provider, local, remote } = connection;
    const ends = { local: endpoint(local), remote: endpoint(remote) };
    channels.route.publish({ id, side: role, carrier: 'san', provider, reason: null, ...ends });
  }

  sanClosed(_id: number, bytesRead: number, bytesWritten: number): void {
    this.#counters.sanClosed(bytesRead, bytesWritten);
  }

  tcpOpened(reason: RouteReason): boolean {
    this.#counters.tcpOpened(reason);
    return channels.route.hasSubscribers;
  }

  tcpEnds(role: Role, reason: RouteReason, { id, local, remote }: TcpEnds): void {
    const names = { local: local && endpoint(local), remote: endpoint(remote ?? UNKNOWN) };
    channels.route.publish({ id, side: role, carrier: 'tcp', provider: null, reason, ...names });
  }

  // ---------------------------------------------------------------- the shm provider's links

  onLink(event: ShmEvent): void {
    const { type, link, pid, uid, detail, refusal = '', locked = false } = event;
    if (type === 'link-open') this.#counters.linkOpened();
    if (type === 'link-closed' || type === 'link-failed') this.#counters.linkClosed(type === 'link-failed');
    if (type === 'link-failed' || type === 'link-refused') this.failed('shm', type, `process ${pid}: ${detail}`);
    if (!channels.link.hasSubscribers || type === 'link-refused') return;
    const error = detail === '' ? null : detail;
    const kind = type === 'link-open' ? 'open' : 'close';
    const more = { copying: refusal === '' ? null : refusal, locked };
    channels.link.publish({ event: kind, link, provider: 'shm', peerPid: pid, peerUid: uid, error, ...more });
  }

  /** The switch's own events; connections come by the route table, which knows those that never reach the switch too. */
  readonly switchEvents: SwitchEvents = {
    onSan: ignore,
    onSanClosed: ignore,
    onTcp: ignore,
    onAddresses: ignore,
    onListener: (event, id, local, provider, reason) => {
      if (channels.listener.hasSubscribers) {
        channels.listener.publish({ event, id, local: endpoint(local), provider, reason });
      }
    },
    onProvider: (event, name, reason, detail) => {
      if (event === 'refused') this.failed('switch', reason ?? 'provider-failed', `${name}: ${detail}`);
    },
    onMemoryKept: (provider, code, address, size) => {
      const range = `${size} bytes at 0x${address.toString(16)}`;
      this.failed('memory', wsaName(code), `${provider} keeps ${range}, whose mapping has changed`);
    },
    onViolation: (connection, what) => {
      this.failed('session', 'protocol-violation', `${formatSockaddr(connection.remote)}: ${what}`);
    },
  };
}

const UNKNOWN: SOCKADDR = { sa_family: 0, sin_port: 0, sin_addr: '' };

function ignore(): void {
  // Nothing to tell that the route table has not told already.
}
