// Several requests in one chunk: ticks and microtasks run between the callbacks that Node's own parsers make for it, as on
// TCP, where no callback is around these (D1).
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { writeCertificate } from '../support/certificate.js';
import type { ProgramLog } from '../support/log.js';
import { runPair } from '../support/pair.js';
import { plainOnly, Program } from '../support/program.js';
import { assertSan } from '../support/routes.js';

const skip = plainOnly;

const certificate = writeCertificate();
after(() => rmSync(certificate, { recursive: true, force: true }));

/** The story in which something is thrown at one place on TCP, and at another here. */
const LATE = 'HTTP/2 streams whose data throw';

/** Each story line by line; of {@link LATE} what happened, not when. */
function stories({ facts }: ProgramLog): Record<string, unknown> {
  const late = facts[LATE] as string[];
  return { ...facts, [LATE]: [...late].sort() };
}

describe('one chunk, several callbacks', { concurrency: 2 }, () => {
  for (const hooks of [false, true]) {
    const parameters = { hooks, tls: certificate };
    const which = hooks ? 'with async hooks' : 'without async hooks';

    test(`in two programs, ${which}`, async (t) => {
      const pair = { server: 'chunk-server.mjs', client: 'chunk-client.mjs', serverParameters: parameters };
      const baseline = await runPair(pair, 'off');
      const story = baseline.logs.server.facts['HTTP/2 streams'] as string[];
      assert.deepEqual(story.slice(0, 3), ['stream 1', 'tick of stream 1', 'microtask of stream 1']);
      await t.test('on the SAN', { skip }, async () => {
        const { server, logs } = await runPair(pair, 'require');
        assert.deepEqual(stories(logs.server), stories(baseline.logs.server));
        assertSan(server.routes, 'server');
      });
    });

    test(`in one program, ${which}`, async (t) => {
      const run = (switching: 'off' | 'require') =>
        new Program('chunk-server.mjs', { switching, parameters: { ...parameters, alone: true } }).succeeded();
      const baseline = await run('off');
      await t.test('on the SAN', { skip }, async () => {
        const { log, routes } = await run('require');
        assert.deepEqual(stories(log), stories(baseline.log));
        assertSan(routes, 'process');
      });
    });
  }
});
