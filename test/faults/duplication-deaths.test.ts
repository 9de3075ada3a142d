// Everybody who has to do with a hand-over dies in turn, at every step of it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assertWhole, gone, start } from './support/handing.js';
import { SOON } from './support/process.js';

const FEW = 4_000_000;

/** At a point of its own each process of the three kills itself, or another. */
const OWNER_POINTS = [
  'claim seen',
  'SUSPEND sent',
  'SUSPENDED came',
  'DUPLICATE sent',
  'DUPLICATED came',
  'state taken',
  'parcel sent',
  'gone',
];
const CLAIMER_POINTS = ['hello sent', 'attached', 'before the RESUME', 'RESUME sent'];
/** From here on the connection does not need its old owner. */
const SAFE = ['parcel sent', 'gone', 'attached', 'before the RESUME', 'RESUME sent'];
/** How long a survivor may be in doubt, in ms: what nobody can see, the clock tells (DUP-36). */
const DOUBT = 12_000 + SOON;

describe('somebody dies during the hand-over: an error for who is left, in bounded time, and never a wrong byte (DUP-35, DUP-36)', {
  concurrency: 3,
}, () => {
  for (const where of ['owner', 'claimer'] as const) {
    for (const point of where === 'owner' ? OWNER_POINTS : CLAIMER_POINTS) {
      for (const victim of ['owner', 'claimer', 'remote'] as const) {
        if (victim === 'remote' && point === 'gone') continue;
        test(`at "${point}": the ${victim}`, async (t) => {
          const role = victim === 'remote' ? 'remote' : victim === where ? 'self' : 'other';
          const key = where === 'owner' ? 'point' : 'kidPoint';
          const { handing, remote } = await start(t, { [key]: point, victim: role }, { total: FEW }, true);
          await handing.hears('struck');
          const struck = Date.now();
          if (victim === 'remote') {
            const { events } = (await handing.hears('closed', () => true, DOUBT)) as { events: string[] };
            assert.match(events.join(), /^(ECONNRESET|EPIPE|end|end,EPIPE|end,ECONNRESET)$/);
          } else {
            const end = await gone(remote);
            assert.ok(end.good, 'no gap, nothing foreign');
            if (victim === 'owner' && SAFE.includes(point)) assertWhole(end, FEW);
            else if (victim === 'owner') {
              assert.match(end.events.join(), /^(ECONNRESET|EPIPE|end,EPIPE|end,ECONNRESET)$/);
              const { events } = (await handing.hears('closed', () => true, DOUBT)) as { events: string[] };
              assert.deepEqual(events, ['ECONNRESET']);
            } else assert.match(end.events.join(), /^(ECONNRESET|EPIPE|end|end,EPIPE|end,ECONNRESET)$/); // as on TCP
            if (!SAFE.includes(point) || victim === 'claimer')
              assert.ok(end.at - struck < DOUBT, `${end.at - struck} ms`);
          }
        });
      }
    }
  }
});

describe('somebody stops during the hand-over, and nobody can see it but by the clock (DUP-36)', {
  concurrency: 3,
}, () => {
  for (const [point, victim] of [
    ['SUSPENDED came', 'self'],
    ['SUSPEND sent', 'remote'],
    ['parcel sent', 'other'],
  ] as const) {
    test(`at "${point}": ${victim}`, async (t) => {
      const { handing, remote } = await start(t, { point, victim, signal: 'SIGSTOP' }, { total: FEW }, true);
      const { pid } = (await handing.hears('struck')) as { pid: number };
      t.after(() => {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It was one that the test ends itself.
        }
      });
      if (victim === 'remote') {
        // It does not answer in time: the connection stays where it is, and is relayed to the child.
        await delay(5500);
        remote.signal('SIGCONT');
        assertWhole(await gone(remote), FEW);
      } else {
        const end = await gone(remote, DOUBT + 10_000);
        assert.ok(end.good);
        assert.match(end.events.join(), /^(ECONNRESET|EPIPE|end,EPIPE|end,ECONNRESET)$/);
        // Who gets it is told as well, unless it is the one that stands still.
        if (victim === 'self') {
          const { events } = (await handing.hears('closed', () => true, 20_000)) as { events: string[] };
          assert.deepEqual(events, ['ECONNRESET']);
        }
      }
    });
  }
});
