/** Finding and loading the native addon. Whatever goes wrong is an answer, not an exception: the switch stays on TCP (D9). */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { ADDON_ABI, type Addon } from './addon.js';

/** Either the addon, or why there is none, in words for `sockets-direct ss`. */
export type LoadedAddon =
  | { readonly addon: Addon; readonly reason: null }
  | { readonly addon: null; readonly reason: string };

/** Two folders up from dist/proxy-driver and from dist/bundle: where prebuilds/ and build/ are. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Loads the addon: a prebuilt binary or one built at installation, whichever node-gyp-build finds. `path` names a
 * folder or a `.node` file instead. Never throws.
 */
export function loadAddon(path: string = PACKAGE_ROOT): LoadedAddon {
  if (process.platform !== 'linux') return none(`the shared-memory provider needs Linux, this is ${process.platform}`);
  try {
    const require = createRequire(import.meta.url);
    const load: unknown = path.endsWith('.node') ? require : require('node-gyp-build');
    const found: unknown = (load as (path: string) => unknown)(path);
    if (!isAddon(found)) return none('the file found is not the sockets-direct addon');
    if (found.abi === ADDON_ABI) return { addon: found, reason: null };
    return none(`the addon's interface is version ${found.abi}, this package needs version ${ADDON_ABI}`);
  } catch (error) {
    // --permission, no binary for this platform, a libc that is too old: all the same to the caller.
    return none(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  }
}

function none(reason: string): LoadedAddon {
  return { addon: null, reason };
}

function isAddon(value: unknown): value is Addon {
  return typeof value === 'object' && value !== null && 'abi' in value && typeof value.abi === 'number';
}
