/**
 * `WSPMemoryRegistrationCacheCallback`: the mapping of a range of this process has changed, and every provider is told, for
 * the switch does not know whose buffer it is (CACHE-6). What must not wait, the proxy driver has done by then (DESIGN D8).
 */
import { out, SOCKET_ERROR, WSAEFAULT, WSAEINVAL, WSASYSCALLFAILURE } from '../spi/index.js';
import type { SwitchEvents } from './events.js';
import type { SanProvider } from './san-provider.js';

const errno = out(0);

/** Calls each of them with the range (CACHE-11); those that do not offer the callback cache nothing (CACHE-16). */
export function tellMemoryChanged(
  providers: Iterable<SanProvider>,
  address: number,
  size: number,
  events: SwitchEvents,
): void {
  for (const provider of providers) {
    const callback = provider.extensions.WSPMemoryRegistrationCacheCallback;
    if (callback === null) continue;
    const code = call(callback, BigInt(address), size);
    // WSAEINVAL is the usual answer: it has nothing cached there (CACHE-10).
    if (code !== 0 && code !== WSAEINVAL) events.onMemoryKept?.(provider.name, code, address, size);
  }
}

/** 0, or the code; a provider that throws has not released anything that we could know of. */
function call(
  callback: NonNullable<SanProvider['extensions']['WSPMemoryRegistrationCacheCallback']>,
  address: bigint,
  size: number,
): number {
  errno.value = WSAEFAULT;
  try {
    return callback(address, size, errno) === SOCKET_ERROR ? errno.value : 0;
  } catch {
    return WSASYSCALLFAILURE;
  }
}
