/**
 * Node takes its event loop for idle while it blocks, so one that polls for messages looks as busy as one that computes, and
 * load shedders turn work away. What it polled with nothing to do is counted as idle here, as if it had blocked.
 */
import type * as PerfHooks from 'node:perf_hooks';
import type { EventLoopUtilization, EventLoopUtilityFunction, PerformanceNodeTiming } from 'node:perf_hooks';
import type { PatchSet } from './patch.js';

const NAME = 'eventLoopUtilization';

/**
 * Patches the isolate's own metrics. What the program has frozen stays as it is. Not before these functions are patched
 * may the module be imported, or those who import them by name would get Node's; so it is not imported here.
 * @param polled in nanoseconds; grows only while the program does not run
 */
export function correctLoopMetrics(patches: PatchSet, polled: () => number): void {
  const hooks: typeof PerfHooks & { [NAME]?: EventLoopUtilityFunction } = process.getBuiltinModule('node:perf_hooks');
  const { performance } = hooks;
  const { eventLoopUtilization: original, nodeTiming } = performance;
  const corrected = withPolled(original, polled);
  const holder = holderOf(performance, NAME);
  if (holder !== null) patches.method<EventLoopUtilityFunction>(holder, NAME, () => corrected);
  // From Node 24 on also the module's, and the same function.
  if (hooks[NAME] === original && isReplaceable(hooks, NAME)) {
    patches.method<EventLoopUtilityFunction>(hooks, NAME, () => corrected);
  }
  if (!isReplaceable(nodeTiming, 'idleTime')) return;
  patches.getter<number>(
    nodeTiming,
    'idleTime',
    (blocked) =>
      function loopIdleTime(this: PerformanceNodeTiming) {
        return blocked.call(this) + polled() / 1e6;
      },
  );
}

/** Polling and blocking exclude each other, so what is added to idle was active, and is no more than that. */
function withPolled(original: EventLoopUtilityFunction, polled: () => number): EventLoopUtilityFunction {
  return function eventLoopUtilization(this: unknown, util1?: EventLoopUtilization, util2?: EventLoopUtilization) {
    // Between two results nothing of now counts.
    const more = util2 ? 0 : polled() / 1e6;
    if (more === 0) return original.call(this, util1, util2);
    const now = original.call(this);
    const idle = now.idle + more;
    const active = now.active - more;
    // A result that we are given holds what had been polled by then. Added up in the same order, so that none is below zero.
    return util1 ? result(idle - util1.idle, active - util1.active) : result(idle, active);
  };
}

function result(idle: number, active: number): EventLoopUtilization {
  return { idle, active, utilization: active / (idle + active) };
}

/** Who of the object and its prototypes has the property, where it can be replaced; else null. */
function holderOf(object: object, name: PropertyKey): object | null {
  let holder: object | null = object;
  while (holder !== null && !Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder) as object | null;
  return holder !== null && isReplaceable(holder, name) ? holder : null;
}

function isReplaceable(object: object, name: PropertyKey): boolean {
  return Object.getOwnPropertyDescriptor(object, name)?.configurable === true;
}
