/** What the author of a provider writes for the kit: how two instances of it that reach each other come to be. */
import type { ProviderModule, SOCKADDR } from '../spi/index.js';
import type { ProviderManifest } from './manifest.js';

/** Makes a fresh pair of providers for every case. */
export interface ProviderFactory {
  readonly manifest: ProviderManifest;
  create(): ProviderPair | Promise<ProviderPair>;
}

/** Two instances of the provider, or one that is used for both ends, on which connections can be made. */
export interface ProviderPair {
  /** Connects. Not started yet. */
  readonly client: ProviderModule;
  /** Listens. Not started yet; may be the same object as `client`. */
  readonly server: ProviderModule;
  /** An address and port for a socket: what the switch has from the program's TCP/IP socket (SOCK-1). */
  reserve(use: 'listen' | 'connect'): Companion | Promise<Companion>;
  /**
   * Lets time pass: some turns of the event loop, or a step of a virtual clock. The kit calls it until what it waits for
   * has happened, up to `patience` times, and some twenty times to see that nothing happens.
   */
  settle(): void | Promise<void>;
  /** How often `settle` may be called before something counts as never happening. Default 5000. */
  readonly patience?: number;
  /**
   * Memory whose registration the provider caches, and its virtual address; only for providers with a registration cache
   * (CACHE-3). `bytes`: the least it has.
   */
  cacheable?(bytes: number): { readonly memory: Uint8Array; readonly address: bigint };
  /** The provider in the process that a socket is handed to; only for providers that duplicate. Not started yet. */
  successor?(): Successor | Promise<Successor>;
  /** After the case: both providers are cleaned up by then. */
  close(): void | Promise<void>;
}

/** The provider of the process that gets a duplicated socket (DUP-18). */
export interface Successor {
  readonly provider: ProviderModule;
  readonly processId: number;
}

/** The TCP/IP socket that a SAN socket accompanies, as far as the provider hears of it. */
export interface Companion {
  /** Bound to this; a port of its own, an address that the provider serves. */
  readonly name: SOCKADDR;
  /** Options that are set before `WSPListen` or `WSPConnect`, as the switch replays them (SOCK-15). */
  readonly options?: readonly { readonly level: number; readonly optname: number; readonly optval: number }[];
  close(): void;
}
