/**
 * Sees TLS being put on a handle. `tls` hands the handle to `tls_wrap.wrap`, a property of the binding, so the call is
 * seen without loading `tls`.
 */
import { HybridHandle } from './handle.js';
import type { TlsWrapBinding } from './node-shapes.js';
import type { PatchSet } from './patch.js';

/** Handles that TLS has taken over natively while they were on TCP: for them there is no way back to JavaScript. */
export type TlsTaken = WeakSet<object>;

/** `taken` gets every other handle that TLS takes; `onTaken` hears of it too, before TLS has it. */
export function watchTls(
  patches: PatchSet,
  binding: TlsWrapBinding,
  taken: TlsTaken,
  onTaken: (handle: object) => void,
): void {
  patches.method<TlsWrapBinding['wrap']>(
    binding,
    'wrap',
    (original) =>
      function wrap(this: unknown, handle, ...rest) {
        if (handle instanceof HybridHandle) {
          handle.attachTls(null);
          const result = original.call(this as TlsWrapBinding, handle, ...rest);
          handle.attachTls(result);
          return result;
        }
        taken.add(handle);
        onTaken(handle);
        return original.call(this as TlsWrapBinding, handle, ...rest);
      },
  );
}
