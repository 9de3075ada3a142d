/**
 * The catalog of service providers of this process, and the list `TCP on SAN`, which says which of them control a SAN
 * (SP-16…18, SW-10). In the founding system both are in the registry. Here each isolate fills its own, from its
 * configuration and from the catalog file that programs share (follow.ts). Names and rules are kept.
 */
import {
  guidText,
  type GuidText,
  type HANDLE,
  type Out,
  type ProviderModule,
  SOCKET_ERROR,
  WSAEFAULT,
  WSAEINVAL,
  WSANO_RECOVERY,
  type WSAOVERLAPPED,
  type WSAPROTOCOL_INFOW,
} from '../spi/index.js';
import { type ConfigChangeRoutine, NotificationHandles } from './notification.js';

/** Loads a provider's module; called when the switch starts it, not when it is installed. May throw. */
export type ProviderLoader = () => ProviderModule;

/** One installed protocol of a provider. */
export interface CatalogEntry {
  /** As installed, with `dwCatalogEntryId` given by the catalog. */
  readonly info: WSAPROTOCOL_INFOW;
  /** Where the module is, for people (`WPUGetProviderPath`). */
  readonly path: string;
  readonly load: ProviderLoader;
}

export class Catalog {
  readonly #entries = new Map<GuidText, CatalogEntry[]>();
  /** `TCP on SAN`: provider ids in order of preference (SP-18). */
  readonly #sanList: GuidText[] = [];
  readonly #notices = new NotificationHandles();
  #nextEntryId = 1001;
  #batches = 0;
  #changed = false;

  /**
   * Installs a provider with its protocols. Returns 0, or `SOCKET_ERROR`: `WSAEFAULT` not a GUID or no protocols ·
   * `WSAEINVAL` a protocol of another provider · `WSANO_RECOVERY` installed already (OBS-5).
   */
  WSCInstallProvider(
    lpProviderId: GuidText,
    lpszProviderDllPath: string,
    load: ProviderLoader,
    lpProtocolInfoList: readonly WSAPROTOCOL_INFOW[],
    lpErrno: Out<number>,
  ): number {
    const id = guidText(lpProviderId);
    if (id === null || lpProtocolInfoList.length === 0) return fail(lpErrno, WSAEFAULT);
    if (lpProtocolInfoList.some((info) => guidText(info.ProviderId) !== id)) return fail(lpErrno, WSAEINVAL);
    if (this.#entries.has(id)) return fail(lpErrno, WSANO_RECOVERY);
    const entries = lpProtocolInfoList.map((info) => ({
      info: { ...info, ProviderId: id, dwCatalogEntryId: this.#nextEntryId++ },
      path: lpszProviderDllPath,
      load,
    }));
    this.#entries.set(id, entries);
    this.#tell();
    return 0;
  }

  /** Removes a provider, from the list `TCP on SAN` too (OBS-5). Returns 0, or `SOCKET_ERROR`: `WSAEFAULT` not installed. */
  WSCDeinstallProvider(lpProviderId: GuidText, lpErrno: Out<number>): number {
    const id = guidText(lpProviderId);
    if (id === null || !this.#entries.delete(id)) return fail(lpErrno, WSAEFAULT);
    const at = this.#sanList.indexOf(id);
    if (at >= 0) this.#sanList.splice(at, 1);
    this.#tell();
    return 0;
  }

  /**
   * Puts the protocols of all providers into `lpProtocolBuffer`, replacing what it holds; hidden ones are included, as
   * `WSCEnumProtocols` does and `WSAEnumProtocols` does not. Returns their number.
   */
  WSCEnumProtocols(lpProtocolBuffer: WSAPROTOCOL_INFOW[]): number {
    lpProtocolBuffer.length = 0;
    for (const entries of this.#entries.values()) lpProtocolBuffer.push(...entries.map((entry) => entry.info));
    return lpProtocolBuffer.length;
  }

  /** See {@link NotificationHandles.configChange}. */
  WSAProviderConfigChange(
    lpNotificationHandle: Out<HANDLE>,
    lpOverlapped: WSAOVERLAPPED,
    lpCompletionRoutine: ConfigChangeRoutine,
    lpErrno: Out<number>,
  ): number {
    return this.#notices.configChange(lpNotificationHandle, lpOverlapped, lpCompletionRoutine, lpErrno);
  }

  /** Gives a notification handle back. */
  closeNotificationHandle(handle: HANDLE): void {
    this.#notices.close(handle);
  }

  /** Adds an installed provider to the end of `TCP on SAN`: only then does the switch see it (SP-18). False: not installed. */
  addToSanList(lpProviderId: GuidText): boolean {
    const id = guidText(lpProviderId);
    if (id === null || !this.#entries.has(id)) return false;
    if (!this.#sanList.includes(id)) {
      this.#sanList.push(id);
      this.#tell();
    }
    return true;
  }

  /** Makes the list hold these, in this order; those that are not installed are left out. */
  setSanList(ids: readonly GuidText[]): void {
    const list = ids.filter((id, index) => this.#entries.has(id) && ids.indexOf(id) === index);
    if (list.length === this.#sanList.length && list.every((id, index) => id === this.#sanList[index])) return;
    this.#sanList.splice(0, this.#sanList.length, ...list);
    this.#tell();
  }

  /** Several changes, and one notice of all of them. */
  batch(act: () => void): void {
    this.#batches++;
    try {
      act();
    } finally {
      this.#batches--;
      if (this.#batches === 0 && this.#changed) this.#tell();
    }
  }

  #tell(): void {
    this.#changed = this.#batches > 0;
    if (!this.#changed) this.#notices.changed();
  }

  /** The list `TCP on SAN`, in order of preference. */
  sanList(): readonly GuidText[] {
    return [...this.#sanList];
  }

  /** A provider's first entry, the one the switch starts; null if it is not installed. */
  entry(lpProviderId: GuidText): CatalogEntry | null {
    return this.#entries.get(lpProviderId)?.[0] ?? null;
  }
}

function fail(lpErrno: Out<number>, code: number): number {
  lpErrno.value = code;
  return SOCKET_ERROR;
}
