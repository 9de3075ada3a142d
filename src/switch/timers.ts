/**
 * The event loop's timers as they were when the switch was made. Programs under test put false ones in their place
 * later, and those must not stop a connection, as they do not stop one on TCP.
 */
import { performance } from 'node:perf_hooks';

export interface Timers {
  readonly setTimeout: typeof setTimeout;
  readonly setImmediate: typeof setImmediate;
  /** A clock in ms. */
  now(): number;
}

export function presentTimers(): Timers {
  const { setTimeout, setImmediate } = globalThis;
  return { setTimeout, setImmediate, now: performance.now.bind(performance) };
}
