/**
 * How the program is called: inside the async context of the handle that the event belongs to, as libuv's callbacks are.
 */
import type { AsyncResource } from 'node:async_hooks';

const { nextTick } = process;

/** Where the self-test collects what was thrown; null: it goes to the program. */
let collected: unknown[] | null = null;

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
    if (collected === null) resource.runInAsyncScope(nextTick, process, rethrow, error);
    else collected.push(error);
  }
}

/** Runs a test of our own: what is thrown in callbacks meanwhile is returned, the program never sees it. */
export function collectThrown(run: () => void): unknown[] {
  const list: unknown[] = [];
  collected = list;
  try {
    run();
  } finally {
    collected = null;
  }
  return list;
}
