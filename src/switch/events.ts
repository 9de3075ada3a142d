/** What the switch tells observers; the runtime puts it on channels, counters and the debug log (DESIGN D9). */
import type { SOCKADDR } from '../spi/index.js';
import type { SanConnection } from './connection.js';
import type { RouteReason } from './reasons.js';

export interface SwitchEvents {
  /** A connection is on the SAN; its program hears of it next. */
  onSan?(connection: SanConnection): void;
  /** It is over. */
  onSanClosed?(connection: SanConnection): void;
  /** A connect of the program goes to TCP. `local` is null where it is not known yet. */
  onTcp?(reason: RouteReason, local: SOCKADDR | null, remote: SOCKADDR): void;
  /** The table of addresses was built anew and holds so many. */
  onAddresses?(count: number): void;
  /** A listener has companions (`reason` null), has none (a reason), or is closed. */
  onListener(
    event: 'open' | 'tcp' | 'close',
    id: number,
    local: SOCKADDR,
    provider: string | null,
    reason: RouteReason | null,
  ): void;
  /** A provider started, was refused, or was removed; `detail` in words. */
  onProvider(event: 'started' | 'refused' | 'removed', name: string, reason: RouteReason | null, detail: string): void;
  /** Memory has changed under a provider that has it cached and could not let go of it (ERR-23). */
  onMemoryKept?(provider: string, code: number, address: number, size: number): void;
  /** A peer broke the session protocol. */
  onViolation(connection: SanConnection, what: string): void;
}
