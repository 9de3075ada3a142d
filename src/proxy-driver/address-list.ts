/** The addresses that the shm provider can serve: all of this host's (D4, ADDR-1 … ADDR-7). */
import type { KernelAddon } from './addon.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

/** Winsock's numbers of the address families; the SPI's own constants are not ours to import. */
const AF_INET = 2;
const AF_INET6 = 23;

/** One address, in the shape of the SPI's SOCKADDR. No mask (ADDR-8). */
export interface NicSockaddr {
  sa_family: number;
  sin_port: number;
  sin_addr: string;
  /** Interface index of a link-local IPv6 address. */
  sin6_scope_id?: number;
}

/** One address with the interface it is on (ADDR-2: address and device). */
export interface NicAddress {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefix: number;
  readonly ifindex: number;
  readonly ifname: string;
}

/** Which NICs are a provider's own (ADDR-5): by the name and the index of the interface. */
export type DeviceFilter = (ifname: string, ifindex: number) => boolean;

/** Somebody who wants to know of changes. */
interface Watcher {
  readonly onChange: () => void;
  /** Null: of any device. */
  readonly devices: DeviceFilter | null;
  /** One of its addresses has changed, and it has not been told. */
  due: boolean;
}

export class AddressList {
  readonly #addon: KernelAddon;
  readonly #addresses = new Map<string, NicAddress>();
  readonly #watchers = new Set<Watcher>();
  #watching = false;
  #scheduled = false;

  constructor(addon: KernelAddon) {
    this.#addon = addon;
  }

  /**
   * Registers for notices (ADDR-1). The replay (ADDR-2) is complete when this returns. 0 or -errno; again: no effect.
   */
  open(): number {
    if (this.#watching) return 0;
    const result = this.#addon.watchAddresses(
      (added, family, address, prefix, ifindex, ifname) => {
        const key = `${address}/${prefix}%${ifindex}`;
        if (added) this.#addresses.set(key, { family, address, prefix, ifindex, ifname });
        else this.#addresses.delete(key);
        if (this.#watching) this.#notify(ifname, ifindex);
      },
      () => undefined, // what a later replay finds changed is reported like any other change
    );
    this.#watching = result === 0;
    return result;
  }

  close(): void {
    if (this.#watching) this.#addon.unwatchAddresses();
    this.#watching = false;
    this.#addresses.clear();
    this.#watchers.clear();
  }

  /** All current addresses of these devices, in the order in which the kernel reported them. */
  entries(devices: DeviceFilter | null = null): NicAddress[] {
    const all = [...this.#addresses.values()];
    return devices === null ? all : all.filter(({ ifname, ifindex }) => devices(ifname, ifindex));
  }

  /** The list for SIO_ADDRESS_LIST_QUERY (ADDR-7): every address of these devices once, port 0. */
  sockaddrs(devices: DeviceFilter | null = null): NicSockaddr[] {
    const seen = new Map<string, NicSockaddr>();
    for (const { family, address, ifindex } of this.entries(devices)) {
      const scope = isLinkLocal(family, address) ? ifindex : 0;
      const entry: NicSockaddr = { sa_family: family === 4 ? AF_INET : AF_INET6, sin_port: 0, sin_addr: address };
      if (scope !== 0) entry.sin6_scope_id = scope;
      seen.set(`${address}%${scope}`, entry);
    }
    return [...seen.values()];
  }

  /**
   * Calls back after changes to addresses of these devices, once for those that come together; of other devices nothing is
   * heard (ADDR-5). Returns what ends it.
   */
  watch(onChange: () => void, devices: DeviceFilter | null = null): () => void {
    const watcher: Watcher = { onChange, devices, due: false };
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  #notify(ifname: string, ifindex: number): void {
    let wanted = false;
    for (const watcher of this.#watchers) {
      if (watcher.devices !== null && !watcher.devices(ifname, ifindex)) continue;
      watcher.due = true;
      wanted = true;
    }
    if (this.#scheduled || !wanted) return;
    this.#scheduled = true;
    // Not unreferenced: a program that has this left to do is about to end anyway, and it is over in this turn.
    setImmediate(() => {
      this.#scheduled = false;
      for (const watcher of [...this.#watchers]) {
        if (!watcher.due) continue;
        watcher.due = false;
        watcher.onChange();
      }
    });
  }
}

/** fe80::/10, which means nothing without its interface. */
function isLinkLocal(family: 4 | 6, address: string): boolean {
  return family === 6 && /^fe[89ab]/i.test(address);
}
