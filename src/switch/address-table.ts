/**
 * Which provider serves which address of this host (SW-15, ADDR-9). The lists have addresses without masks (ADDR-8) and
 * every provider so far reaches its own host only, so the table holds exact addresses; 127.0.0.0/8 is one entry.
 * Where two providers serve an address, the first in order of preference has it (GAP-10).
 */
import { isWildcard, type SOCKADDR, type SOCKET_ADDRESS_LIST } from '../spi/index.js';
import { isLinkLocal, isLoopback4, plainName } from './names.js';

const LOOPBACK4 = '127.0.0.0/8';

export class AddressTable<Provider> {
  readonly #owner = new Map<string, Provider>();
  readonly #lists = new Map<Provider, ReadonlySet<string>>();

  /** Number of addresses that some provider serves. */
  get size(): number {
    return this.#owner.size;
  }

  /** Replaces the table by what the providers, in order of preference, have just reported (ADDR-10). */
  rebuild(lists: readonly (readonly [Provider, SOCKET_ADDRESS_LIST])[]): void {
    this.#owner.clear();
    this.#lists.clear();
    for (const [provider, list] of lists) {
      const keys = new Set<string>();
      for (const { lpSockaddr } of list.Address) {
        const key = keyOf(lpSockaddr);
        if (key === null) continue;
        keys.add(key);
        if (!this.#owner.has(key)) this.#owner.set(key, provider);
      }
      this.#lists.set(provider, keys);
    }
  }

  /** The provider for a destination (a plain name, no wildcard); null: none serves it. */
  find(name: SOCKADDR): Provider | null {
    return this.#owner.get(isLoopback4(name) ? LOOPBACK4 : name.sin_addr) ?? null;
  }

  /** Whether a provider can serve a listener at this plain name: any address for the wildcard (LIST-2). */
  serves(provider: Provider, name: SOCKADDR): boolean {
    const keys = this.#lists.get(provider);
    if (keys === undefined) return false;
    if (isWildcard(name)) return keys.size > 0;
    const key = keyOf(name);
    return key !== null && keys.has(key);
  }

  /** The addresses of a provider, for observers. */
  addresses(provider: Provider): readonly string[] {
    return [...(this.#lists.get(provider) ?? [])];
  }
}

/** Null: not to be served. Link-local addresses are unique only per interface, so they stay on TCP. */
function keyOf(name: SOCKADDR): string | null {
  const plain = plainName(name);
  if (plain === null || isWildcard(plain) || isLinkLocal(plain)) return null;
  return isLoopback4(plain) ? LOOPBACK4 : plain.sin_addr;
}
