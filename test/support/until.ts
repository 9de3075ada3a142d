import { strict as assert } from 'node:assert';
import { setTimeout as delay } from 'node:timers/promises';

/** Waits until a condition holds, and keeps the loop alive meanwhile. Fails after `within` ms: a while, for busy machines. */
export async function until(condition: () => boolean, what: string | (() => string), within = 60_000): Promise<void> {
  const deadline = Date.now() + within;
  while (!condition()) {
    if (Date.now() > deadline) assert.fail(`still waiting for: ${typeof what === 'string' ? what : what()}`);
    await delay(1);
  }
}
