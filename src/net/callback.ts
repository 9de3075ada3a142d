/**
 * How the program is called: inside the async context of the handle that the event belongs to, as libuv's callbacks are.
 */
import type { AsyncResource } from 'node:async_hooks';

const { nextTick } = process;

function rethrow(error: unknown): never {
  throw error;
}

/**
 * Calls `callback` with `self` as `this` in the context of `resource`. What the program throws must not unwind the
 * session and the provider below us, whose state would stay half changed: it is thrown again from the next tick, which
 * runs as soon as this callback of the event loop ends, in the same context. To the program that is the same
 * `uncaughtException` (or domain error) at the same moment.
 */
export function enter<T>(resource: AsyncResource, callback: (this: T) => void, self: T): void {
  try {
    resource.runInAsyncScope(callback as (this: unknown) => void, self);
  } catch (error) {
    resource.runInAsyncScope(nextTick, process, rethrow, error);
  }
}
