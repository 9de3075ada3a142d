/**
 * The SAN service providers that the switch works with: the catalog's list `TCP on SAN`, started, kept up with changes
 * (SW-10, SW-19…21), and the table of their addresses (SW-15, ADDR-10).
 */
import type { Catalog, CatalogEntry } from '../catalog/index.js';
import {
  createOverlapped,
  type GuidText,
  type HANDLE,
  NULL_HANDLE,
  out,
  type Out,
  type SOCKADDR,
} from '../spi/index.js';
import { AddressTable } from './address-table.js';
import type { BaseProvider } from './base-provider.js';
import { tellMemoryChanged } from './cache-callback.js';
import type { SwitchEvents } from './events.js';
import type { HandleTable } from './handle-table.js';
import type { RouteReason } from './reasons.js';
import { SanProvider } from './san-provider.js';
import type { SessionSettings } from './offer.js';
import { type RefusedProvider, startProvider } from './startup.js';
import type { Timers } from './timers.js';

/** One row of a snapshot. */
export interface ProviderRow {
  readonly id: GuidText;
  readonly name: string;
  /** Where its module is, as the catalog says; the name of one that comes with the package. */
  readonly path: string;
  readonly started: boolean;
  /** Null if it started. */
  readonly reason: RouteReason | null;
  readonly detail: string;
  readonly addresses: readonly string[];
}

/** What follows from changes. */
export interface ProvidersHost {
  readonly events: SwitchEvents;
  readonly timers: Timers;
  /** The providers or their addresses changed: listeners may gain or lose companions (SW-21). */
  providersChanged(removed: readonly SanProvider[]): void;
}

const errno = out(0);

export class Providers {
  readonly #catalog: Catalog;
  readonly #base: BaseProvider;
  readonly #handles: HandleTable;
  readonly #settings: SessionSettings;
  readonly #host: ProvidersHost;
  readonly #table = new AddressTable<SanProvider>();
  readonly #notice: Out<HANDLE> = out(NULL_HANDLE);
  /** In order of preference: that of the list. */
  #all: (SanProvider | RefusedProvider)[] = [];
  /** Those that run, also without being in the list any more, for connections that they still have. */
  readonly #running = new Set<SanProvider>();
  #stopped = false;

  constructor(
    catalog: Catalog,
    base: BaseProvider,
    handles: HandleTable,
    settings: SessionSettings,
    host: ProvidersHost,
  ) {
    this.#catalog = catalog;
    this.#base = base;
    this.#handles = handles;
    this.#settings = settings;
    this.#host = host;
  }

  start(): void {
    this.#catalog.WSAProviderConfigChange(this.#notice, createOverlapped(), noRoutine, errno);
    this.#base.watchAddresses(() => this.#refresh([]));
    this.#watchCatalog();
  }

  /** The started ones, in order of preference. */
  get started(): readonly SanProvider[] {
    return this.#all.filter((provider) => provider instanceof SanProvider);
  }

  /** Why no destination at all is on a SAN; null: some are. */
  get nothing(): RouteReason | null {
    if (this.#table.size > 0) return null;
    const refused = this.#all.find((provider) => !(provider instanceof SanProvider));
    if (refused !== undefined && !(refused instanceof SanProvider)) return refused.reason;
    return this.#all.length > 0 ? 'not-local' : 'no-provider';
  }

  /** The provider for a destination; see {@link AddressTable.find}. */
  find(name: SOCKADDR): SanProvider | null {
    return this.#table.find(name);
  }

  /** The providers for a listener at this name, in order of preference (LIST-2). */
  serving(name: SOCKADDR): SanProvider[] {
    return this.started.filter((provider) => this.#table.serves(provider, name));
  }

  /** The mapping of a range of this process has changed: every provider that runs is told (CACHE-6). */
  memoryChanged(address: number, size: number): void {
    for (const provider of this.#running) if (provider.ended) this.#running.delete(provider);
    tellMemoryChanged(this.#running, address, size, this.#host.events);
  }

  rows(): ProviderRow[] {
    return this.#all.map((provider) => {
      const { id, name } = provider;
      const path = this.#catalog.entry(id)?.path ?? '';
      if (!(provider instanceof SanProvider)) {
        return { id, name, path, started: false, reason: provider.reason, detail: provider.detail, addresses: [] };
      }
      const addresses = this.#table.addresses(provider);
      return { id, name, path, started: true, reason: null, detail: '', addresses };
    });
  }

  /** Every provider's last call (CLOSE-15). */
  stop(): void {
    this.#stopped = true;
    this.#catalog.closeNotificationHandle(this.#notice.value);
    const all = this.started;
    this.#all = [];
    this.#table.rebuild([]);
    for (const provider of all) provider.cleanup();
  }

  /** Re-arms the notice first and enumerates then, so that no change is missed (SW-22). */
  #watchCatalog(): void {
    if (this.#stopped) return;
    const routine = () => this.#watchCatalog();
    // 0: there was a change since the last notice, which the enumeration below sees; arm again.
    while (this.#catalog.WSAProviderConfigChange(this.#notice, createOverlapped(), routine, errno) === 0);
    this.#enumerate();
  }

  #enumerate(): void {
    const list = this.#catalog.sanList();
    const before = new Map<number, SanProvider | RefusedProvider>(this.#all.map((entry) => [entryIdOf(entry), entry]));
    const all: (SanProvider | RefusedProvider)[] = [];
    for (const id of list) {
      // By entry, not by provider: one that was removed and installed again is started again.
      const entry = this.#catalog.entry(id);
      if (entry === null) continue;
      const { dwCatalogEntryId } = entry.info;
      all.push(before.get(dwCatalogEntryId) ?? this.#startOne(entry));
      before.delete(dwCatalogEntryId);
    }
    const removed = [...before.values()].filter((provider) => provider instanceof SanProvider);
    this.#all = all;
    this.#refresh(removed);
    for (const provider of removed) {
      this.#host.events.onProvider('removed', provider.name, null, '');
      provider.remove();
    }
  }

  #startOne(entry: CatalogEntry): SanProvider | RefusedProvider {
    const provider = startProvider(entry, this.#base.info, this.#handles, this.#settings, this.#host.timers);
    const { events } = this.#host;
    if (provider instanceof SanProvider) {
      this.#running.add(provider);
      events.onProvider('started', provider.name, null, '');
    } else events.onProvider('refused', provider.name, provider.reason, provider.detail);
    return provider;
  }

  /** Asks all providers for their addresses and builds the table anew (ADDR-10, TC-11). */
  #refresh(removed: readonly SanProvider[]): void {
    this.#table.rebuild(this.started.map((provider) => [provider, provider.addressList()]));
    this.#host.events.onAddresses?.(this.#table.size);
    this.#host.providersChanged(removed);
  }
}

function entryIdOf(provider: SanProvider | RefusedProvider): number {
  return provider instanceof SanProvider ? provider.owner.catalogEntryId : provider.catalogEntryId;
}

/** The first call of WSAProviderConfigChange completes at once; its routine is never called. */
function noRoutine(): void {
  throw new Error('a notice that was not armed');
}
