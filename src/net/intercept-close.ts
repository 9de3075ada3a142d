/**
 * The end of a TCP handle: `TCP.prototype` gets a `close` of its own over the inherited one, and `reset`, so that what
 * hangs on the handle ends with it: a connect under way, a companion, an entry in the list of routes.
 */
import type { PendingConnect } from './intercept-connect.js';
import type { Companion } from './intercept-listen.js';
import type { NodeInternals } from './internals.js';
import type { TcpHandle } from './node-shapes.js';
import type { PatchSet } from './patch.js';
import type { SwitchPort } from './port.js';
import type { RouteTable } from './route.js';

/** As it is at load: a program may put a false clock in its place. */
const now = performance.now.bind(performance);

/** What hangs on TCP handles; one per installation. */
export interface CloseContext {
  readonly internals: NodeInternals;
  readonly routes: RouteTable;
  readonly pending: ReadonlyMap<object, PendingConnect>;
  readonly listeners: ReadonlyMap<object, Companion>;
  readonly port: SwitchPort;
}

/** Patches both ways to close a TCP handle. */
export function interceptClose(patches: PatchSet, context: CloseContext): void {
  const { pending, listeners } = context;
  const { prototype } = context.internals.TCP;
  patches.method<(this: TcpHandle, callback?: (() => void) | null) => void>(
    prototype,
    'close',
    (original) =>
      function close(this: TcpHandle, callback) {
        const connect = pending.get(this);
        if (connect !== undefined) {
          connect.close(original, callback);
          return;
        }
        closeTcp(context, this);
        original.call(this, callback);
        listeners.get(this)?.close();
      },
  );
  patches.method<(this: TcpHandle, callback?: (() => void) | null) => number>(
    prototype,
    'reset',
    (original) =>
      function reset(this: TcpHandle, callback) {
        const result = original.call(this, callback);
        if (result === 0) closeTcp(context, this);
        return result;
      },
  );
}

/**
 * A connection that has carried something proves a listener, which is plain since it is not announced; but as of when the
 * connection was made, for the listener's end may be why it is closed now. The connect request's `oncomplete` would tell
 * sooner. But V8 takes that for a constant of all requests, and replacing it in one made every first connect slower.
 */
function closeTcp({ routes, port }: CloseContext, handle: TcpHandle): void {
  const unproven = routes.closeTcp(handle);
  if (unproven === null || (handle.bytesRead === 0 && handle.bytesWritten === 0)) return;
  port.provenPlain(unproven.address, unproven.port, now() - unproven.at);
}
