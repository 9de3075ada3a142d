// Secured memory, the switch and a provider that caches, put together by the runtime.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const WSAEINVAL = 10022;

interface Memory {
  readonly allocated: number;
  readonly allocatedMax: number;
  readonly pinned: number;
  readonly locked: number;
  readonly secured: string;
  readonly securedReason: string | null;
  readonly securedRanges: number;
}

interface Told {
  readonly on: boolean;
  readonly providers: readonly { readonly name: string; readonly reason: string | null }[];
  readonly loads: number;
  readonly before: Memory;
  readonly during: Memory;
  readonly told: readonly (readonly number[])[];
  readonly address: number;
  readonly bytesMapped: number;
}

test('a provider of the running switch is told when the mapping of memory has changed (CACHE-6, CACHE-11, PD-14)', (t) => {
  const program = (name: string): string => join(root, 'test', 'programs', name);
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['-r', join(root, 'register.cjs'), program('caching-program.mjs')],
    {
      encoding: 'utf8',
      timeout: 100_000,
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        SOCKETS_DIRECT_PROVIDERS: `shm,${program('caching-provider.mjs')}`,
        SOCKETS_DIRECT_DRIVER_MEMORY_BYTES: '2MiB',
      },
    },
  );
  assert.equal(stderr, '');
  assert.equal(status, 0);
  const answer = JSON.parse(stdout) as Told;
  assert.equal(answer.on, true);
  assert.equal(answer.loads, 3, 'the switch, the provider and the program share one driver (PD-6)');
  assert.deepEqual(answer.before, {
    allocated: 0,
    allocatedMax: 2 << 20,
    pinned: 0,
    locked: 0,
    secured: 'unused',
    securedReason: null,
    securedRanges: 0,
  });
  assert.equal(answer.during.allocated, answer.bytesMapped);
  if (answer.during.secured === 'refused') {
    t.skip(answer.during.securedReason ?? '');
    return;
  }
  assert.deepEqual([answer.during.secured, answer.during.securedRanges], ['on', 1]);
  assert.deepEqual(answer.told, [[answer.address, answer.bytesMapped, WSAEINVAL]], 'it had nothing cached there');
});
