/**
 * The event loop's timers as they were when the switch was made. Programs under test put false ones in their place
 * later, and those must not stop a connection, as they do not stop one on TCP.
 */

export interface Timers {
  readonly setTimeout: typeof setTimeout;
  readonly setImmediate: typeof setImmediate;
  /**
   * Calls `act(argument)` once, after `ms`, and keeps no process alive for it. What it does is not one caller's: where that
   * can be had, it is in no async context, and async hooks see nothing of it.
   */
  alarm<T>(act: (argument: T) => void, ms: number, argument: T): void;
  /** A clock in ms. */
  now(): number;
}

export function presentTimers(): Timers {
  // Not by importing node:perf_hooks, whose exports would be fixed before net/loop-metrics.ts has corrected them.
  const { setTimeout, setImmediate, performance } = globalThis;
  return {
    setTimeout,
    setImmediate,
    alarm(act, ms, argument) {
      setTimeout(act, ms, argument).unref();
    },
    now: performance.now.bind(performance),
  };
}
