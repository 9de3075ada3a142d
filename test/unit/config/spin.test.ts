import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { effectiveSpinLimit, readProcessors } from '../../../src/config/index.js';
import { readCpuQuota } from '../../../src/config/spin.js';

describe('effective spin limit', () => {
  const cases: readonly (readonly [number, number | null, number])[] = [
    // cores, quota, limit out of 200
    [1, null, 0],
    [0, null, 0],
    [2, null, 200],
    [64, null, 200],
    [64, 1.99, 0],
    [64, 2, 200],
    [1, 8, 0],
  ];
  for (const [cores, cpuQuota, expected] of cases) {
    test(`${cores} cores, quota ${cpuQuota}: ${expected} µs`, () => {
      assert.equal(effectiveSpinLimit(200, { cores, cpuQuota }), expected);
    });
  }

  test('a limit of 0 stays 0', () => {
    assert.equal(effectiveSpinLimit(0, { cores: 64, cpuQuota: null }), 0);
  });
});

describe('CPU quota', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, number | null])[] = [
    ['no control groups', {}, null],
    ['version 2 without a limit', { '/proc/self/cgroup': '0::/a\n', '/sys/fs/cgroup/a/cpu.max': 'max 100000\n' }, null],
    ['version 2', { '/proc/self/cgroup': '0::/a\n', '/sys/fs/cgroup/a/cpu.max': '150000 100000\n' }, 1.5],
    [
      'version 2, tighter in a parent',
      {
        '/proc/self/cgroup': '0::/a/b\n',
        '/sys/fs/cgroup/a/b/cpu.max': '400000 100000\n',
        '/sys/fs/cgroup/a/cpu.max': '50000 100000\n',
      },
      0.5,
    ],
    [
      'version 2 in a container that sees its own group as the root',
      { '/proc/self/cgroup': '0::/docker/1234\n', '/sys/fs/cgroup/cpu.max': '200000 100000\n' },
      2,
    ],
    [
      'version 1',
      {
        '/proc/self/cgroup': '4:cpu,cpuacct:/a\n3:memory:/a\n',
        '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us': '50000\n',
        '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us': '100000\n',
      },
      0.5,
    ],
    [
      'version 1 under the short name, without a limit',
      {
        '/proc/self/cgroup': '4:cpuacct,cpu:/\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      null,
    ],
    ['nonsense', { '/proc/self/cgroup': '0::/a\nx\n', '/sys/fs/cgroup/a/cpu.max': 'lots\n' }, null],
  ];
  for (const [name, files, expected] of cases) {
    test(name, () => {
      assert.equal(
        readCpuQuota((path) => files[path] ?? null),
        expected,
      );
    });
  }

  test('can be read on this machine', () => {
    const { cores, cpuQuota } = readProcessors();
    assert.ok(cores >= 1);
    assert.ok(cpuQuota === null || cpuQuota > 0);
  });
});
