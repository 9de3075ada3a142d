/**
 * Node's lists of what keeps the process alive know libuv's handles only. Connections accepted on the SAN have none, so
 * they are added here: `process.getActiveResourcesInfo()`, and `process._getActiveHandles()`, which tools still use.
 */
import type { PatchSet } from './patch.js';
import type { RouteTable } from './route.js';

/** What Node calls a TCP connection in `getActiveResourcesInfo`. */
const RESOURCE_TYPE = 'TCPSocketWrap';

/** Patches both lists. Not needed before the first hybrid handle is there. */
export function extendActiveHandles(patches: PatchSet, routes: RouteTable): void {
  patches.method<() => unknown[]>(
    process,
    '_getActiveHandles',
    (original) =>
      function _getActiveHandles(this: unknown) {
        const owners = [...routes.accepted()].map((handle) => handle.ownerSocket ?? handle);
        return [...original.call(this), ...owners];
      },
  );
  patches.method<() => string[]>(
    process,
    'getActiveResourcesInfo',
    (original) =>
      function getActiveResourcesInfo(this: unknown) {
        return [...original.call(this), ...Array.from(routes.accepted(), () => RESOURCE_TYPE)];
      },
  );
}
