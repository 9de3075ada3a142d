/**
 * How the program is called: inside the async context of the handle that the event belongs to, as libuv's callbacks are.
 */
import type { AsyncContext } from './async-context.js';

type Callback = (this: unknown) => void;

const { nextTick } = process;
/** What Node itself calls between two immediates: runs ticks and microtasks. Absent: another Node. */
const { _tickCallback: nodeTicks } = process as { _tickCallback?: () => void };

/** Where the self-test collects what was thrown; null: it goes to the program. */
let collected: unknown[] | null = null;
/** What is being entered; read before anything else can be. */
let next: Callback = nothing;

function nothing(): void {
  // Nothing is entered yet.
}

function rethrow(error: unknown): never {
  throw error;
}

/**
 * What the program throws must not unwind the session and the provider below us, whose state would stay half changed: it
 * is thrown again from the next tick, which runs as soon as this callback of the event loop ends. To the program that is
 * the same `uncaughtException`, or the same error of the same domain, at the same moment.
 */
function guarded(this: unknown): void {
  const callback = next;
  next = nothing;
  try {
    callback.call(this);
  } catch (error) {
    // In here the thrower's domain is still entered, as it is when an exception leaves a callback of libuv's.
    if (collected === null) nextTick(rethrow, error);
    else collected.push(error);
  }
}

/** Calls `callback` with `self` as `this` in the context of `resource`, or in the present one (null). Never throws. */
export function enter<T>(resource: AsyncContext | null, callback: (this: T) => void, self: T): void {
  next = callback as Callback;
  if (resource === null) guarded.call(self);
  else resource.runInAsyncScope(guarded, self);
}

/** Ends one event and begins another, inside one callback of the event loop. False: that cannot be done here. */
export function betweenEvents(): boolean {
  if (typeof nodeTicks !== 'function') return false;
  try {
    nodeTicks();
  } catch (error) {
    nextTick(rethrow, error);
  }
  return true;
}

/** Whether a test of our own is under way, see {@link collectThrown}. */
export function isCollecting(): boolean {
  return collected !== null;
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
