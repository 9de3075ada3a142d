/** Loading a provider's module: CommonJS, or an ES module without top-level await, as the preload itself is loaded. */
import { createRequire } from 'node:module';
import type { ProviderModule } from '../spi/index.js';

const load = createRequire(import.meta.url);

/**
 * The provider that a module exports: `WSPStartupEx` and `protocolInfo`, by name or as its default export. A string tells
 * why there is none; what the module throws while it is loaded is among the reasons.
 */
export function importProvider(path: string): ProviderModule | string {
  let exported: unknown;
  try {
    exported = load(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code === 'ERR_REQUIRE_ASYNC_MODULE') {
      return 'it has, or imports something that has, top-level await, and cannot be loaded with require()';
    }
    return error instanceof Error ? error.message : String(error);
  }
  const { default: byDefault } = (exported ?? {}) as { default?: unknown };
  const provider = [exported, byDefault].find(isProvider);
  return provider ?? 'it does not export WSPStartupEx and protocolInfo';
}

function isProvider(value: unknown): value is ProviderModule {
  if (typeof value !== 'object' || value === null) return false;
  const { WSPStartupEx, protocolInfo } = value as Partial<Record<keyof ProviderModule, unknown>>;
  return typeof WSPStartupEx === 'function' && typeof protocolInfo === 'object' && protocolInfo !== null;
}
