// Time that the loop polled counts as idle in Node's metrics: their forms, what can be seen of the patch, and what is frozen.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import type { EventLoopUtilization, EventLoopUtilityFunction } from 'node:perf_hooks';
import { correctLoopMetrics } from '../../../src/net/loop-metrics.js';
import { PatchSet } from '../../../src/net/patch.js';

const hooks = process.getBuiltinModule('node:perf_hooks') as object as {
  /** From Node 24 on. */
  eventLoopUtilization?: EventLoopUtilityFunction;
};
const { nodeTiming } = performance;
const prototype = Object.getPrototypeOf(performance) as object;

/** Node's functions beside the corrected ones; `polled` in milliseconds. */
function patched(
  polled: () => number,
  act: (original: EventLoopUtilityFunction, idleTime: () => number) => void,
): void {
  const { eventLoopUtilization: original } = performance;
  const { get } = Object.getOwnPropertyDescriptor(nodeTiming, 'idleTime') ?? {};
  assert.ok(get);
  const patches = new PatchSet();
  correctLoopMetrics(patches, () => polled() * 1e6);
  try {
    act(original, get as () => number);
  } finally {
    patches.restore();
  }
}

function assertSound({ idle, active, utilization }: EventLoopUtilization): void {
  assert.ok(idle >= 0 && active >= 0 && utilization >= 0 && utilization <= 1, `${idle} ${active} ${utilization}`);
  assert.equal(utilization, active / (idle + active));
}

/** The program has been active since its loop began, so there is something that could have been polling. */
async function someTime(): Promise<void> {
  await new Promise(setImmediate);
  const start = performance.now();
  while (performance.now() - start < 20);
}

describe('event-loop utilisation', () => {
  test('without arguments: what was polled is idle and not active', async () => {
    await someTime();
    patched(
      () => 7,
      (original) => {
        const before = original();
        const corrected = performance.eventLoopUtilization();
        const after = original();
        assert.deepEqual(Object.keys(corrected), Object.keys(before));
        assert.equal(corrected.idle, before.idle + 7);
        assert.ok(corrected.active >= before.active - 7 && corrected.active <= after.active - 7);
        assertSound(corrected);
      },
    );
  });

  test('since an earlier result: what was polled since', async () => {
    await someTime();
    let polled = 2;
    const earlier: EventLoopUtilization[] = [];
    patched(
      () => polled,
      (original) => {
        earlier.push(original(), performance.eventLoopUtilization());
        while (original(earlier[0]).active < 20);
        polled += 5;
        const plain = original(earlier[0]);
        const since = performance.eventLoopUtilization(earlier[1]);
        assert.ok(Math.abs(since.idle - plain.idle - 5) < 1e-6);
        assert.ok(since.active >= plain.active - 5 - (earlier[1].active + 2 - earlier[0].active));
        assertSound(since);
      },
    );
  });

  test('rounding makes nothing negative', async () => {
    await someTime();
    for (let polled = 0.001; polled < 1; polled += 0.0031) {
      patched(
        () => polled,
        () => assert.equal(performance.eventLoopUtilization(performance.eventLoopUtilization()).idle, 0),
      );
    }
  });

  test('between two results: their difference, whatever was polled before and since', async () => {
    await someTime();
    let polled = 1;
    patched(
      () => polled,
      () => {
        const first = performance.eventLoopUtilization();
        while (performance.eventLoopUtilization(first).active < 10);
        polled += 4;
        const second = performance.eventLoopUtilization();
        polled += 100;
        const between = performance.eventLoopUtilization(second, first);
        assert.equal(between.idle, second.idle - first.idle);
        assert.equal(between.active, second.active - first.active);
        assert.ok(Math.abs(between.idle - 4) < 1e-6);
        assertSound(between);
      },
    );
  });

  test('while nothing was polled it is Node\u2019s', () => {
    patched(
      () => 0,
      (original) => assert.equal(performance.eventLoopUtilization().idle, original().idle),
    );
  });

  test('is what performance.toJSON() and the module have', () => {
    patched(
      () => 3,
      (original) => {
        const { eventLoopUtilization } = performance.toJSON() as { eventLoopUtilization: EventLoopUtilization };
        assert.equal(eventLoopUtilization.idle, original().idle + 3);
        if (hooks.eventLoopUtilization === undefined) return;
        assert.equal(hooks.eventLoopUtilization, performance.eventLoopUtilization);
      },
    );
  });
});

test('idleTime has what was polled', () => {
  let polled = 3;
  patched(
    () => polled,
    (original, idleTime) => {
      assert.equal(nodeTiming.idleTime, idleTime.call(nodeTiming) + 3);
      assert.equal((nodeTiming.toJSON() as { idleTime: number }).idleTime, nodeTiming.idleTime);
      assert.equal(performance.eventLoopUtilization().idle, nodeTiming.idleTime);
      assert.equal(original().idle, idleTime.call(nodeTiming));
      polled += 0.5;
      assert.equal(nodeTiming.idleTime, idleTime.call(nodeTiming) + 3.5);
    },
  );
});

test('names, lengths and attributes are Node\u2019s; all is taken back', () => {
  const look = (): (PropertyDescriptor | undefined)[] => [
    Object.getOwnPropertyDescriptor(performance, 'eventLoopUtilization'),
    Object.getOwnPropertyDescriptor(prototype, 'eventLoopUtilization'),
    Object.getOwnPropertyDescriptor(hooks, 'eventLoopUtilization'),
    Object.getOwnPropertyDescriptor(nodeTiming, 'idleTime'),
  ];
  const shape = (descriptors: ReturnType<typeof look>): unknown[] =>
    descriptors.map((descriptor) => {
      const { writable, enumerable, configurable } = descriptor ?? {};
      const { name, length } = ((descriptor?.value ?? descriptor?.get) as (() => unknown) | undefined) ?? {};
      return [writable, enumerable, configurable, typeof descriptor?.value, typeof descriptor?.set, name, length];
    });
  const before = look();
  patched(
    () => 1,
    () => {
      const now = look();
      assert.deepEqual(shape(now), shape(before));
      assert.notEqual(now[1]?.value, before[1]?.value);
      assert.notEqual(now[3]?.get, before[3]?.get);
    },
  );
  assert.deepEqual(look(), before);
});

test('what the program has frozen or replaced stays usable', () => {
  const [net, patch] = ['loop-metrics', 'patch'].map((name) => new URL(`../../../src/net/${name}.js`, import.meta.url));
  const code = (first: string): string => `
    const hooks = process.getBuiltinModule('node:perf_hooks');
    const { performance } = hooks;
    ${first}
    const { PatchSet } = await import(${JSON.stringify(patch.href)});
    const { correctLoopMetrics } = await import(${JSON.stringify(net.href)});
    const patches = new PatchSet();
    correctLoopMetrics(patches, () => 1e15); // more than the loop can have been idle by itself
    console.log(performance.eventLoopUtilization().idle >= 1e9, performance.nodeTiming.idleTime >= 1e9);
    patches.restore();`;
  const run = (first: string): string => {
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', code(first)], { encoding: 'utf8' });
    return result.stdout + result.stderr;
  };
  assert.equal(run(''), 'true true\n');
  assert.equal(run('Object.freeze(performance.nodeTiming);'), 'true false\n');
  assert.equal(run('Object.freeze(Object.getPrototypeOf(performance)); Object.freeze(hooks);'), 'false true\n');
  const own = `const { eventLoopUtilization: theirs } = performance;
    performance.eventLoopUtilization = (...results) => theirs(...results);`;
  assert.equal(run(own), 'true true\n');
});
