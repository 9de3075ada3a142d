/**
 * The switch and the session on virtual time. They take the event loop's timers as they are when their modules load, so
 * that a program's fake ones cannot stop a connection; here they are loaded while stand-ins are in place, which ask the
 * clock of whatever simulation is running. So nothing of them may be imported before this module, except as types.
 */
import assert from 'node:assert/strict';
import type { VirtualScheduler } from '../../src/providers/loopback/index.js';

let present: VirtualScheduler | null = null;

/** From here on the stand-ins are this clock's. What the session keeps from run to run begins anew: part of the slab. */
export function useClock(clock: VirtualScheduler | null): void {
  present = clock;
  slabTake(SLAB_BYTES);
}

function clock(): VirtualScheduler {
  assert.ok(present !== null, 'a timer without a simulation');
  return present;
}

const names = ['setImmediate', 'setTimeout', 'clearImmediate', 'clearTimeout'] as const;
const real = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)!] as const);
const standIns: Record<(typeof names)[number], unknown> = {
  setImmediate: (act: (...args: unknown[]) => void, ...args: unknown[]) => clock().setImmediate(act, ...args),
  setTimeout: (act: (...args: unknown[]) => void, ticks: number, ...args: unknown[]) =>
    clock().setTimeout(act, ticks, ...args),
  clearImmediate: (timer: unknown) => clock().clear(timer),
  clearTimeout: (timer: unknown) => clock().clear(timer),
};

for (const name of names) Object.defineProperty(globalThis, name, { value: standIns[name], configurable: true });
const switchModule = await import('../../src/switch/index.js');
const sessionModule = await import('../../src/session/index.js');
const { SLAB_BYTES, slabTake } = await import('../../src/session/slab.js');
for (const [name, descriptor] of real) Object.defineProperty(globalThis, name, descriptor);

export const { Switch } = switchModule;
export const { POSTED_BUFFERS, WRITE_DONE, WRITE_PENDING } = sessionModule;
