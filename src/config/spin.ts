/**
 * How long the event loop may spin (D6): never where a spinning thread would take the time of the one it waits for.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

export interface Processors {
  /** Processors this process may run on. */
  readonly cores: number;
  /** CPU time per wall clock time that its control groups grant, in processors; null without a limit. */
  readonly cpuQuota: number | null;
}

/** The configured limit, or 0 where spinning cannot pay: one core, or a quota below two. Microseconds. */
export function effectiveSpinLimit(setting: number, processors: Processors): number {
  if (processors.cores < 2) return 0;
  if (processors.cpuQuota !== null && processors.cpuQuota < 2) return 0;
  return setting;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // No such file, or not ours to read: there is no limit that we could know of.
    return null;
  }
}

/** `/a/b` → `/a/b`, `/a`, `` – a limit on a parent limits us too; in a container only the outermost may be visible. */
function ancestors(path: string): readonly string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.map((_, index) => `/${parts.slice(0, parts.length - index).join('/')}`).concat('');
}

function quotaOfV2(text: string | null): number | null {
  const parts = /^(\d+) (\d+)\s*$/.exec(text ?? '');
  return parts === null ? null : Number(parts[1]) / Number(parts[2]);
}

function quotaOfV1(quota: string | null, period: string | null): number | null {
  const value = Number(quota ?? '-1') / Number(period ?? '0');
  return value > 0 && Number.isFinite(value) ? value : null;
}

/**
 * The tightest CPU quota of this process's control groups, version 1 or 2; null when there is none.
 * @param read text of a file, null when it cannot be read. For tests.
 */
export function readCpuQuota(read: (path: string) => string | null = readText): number | null {
  const quotas: (number | null)[] = [];
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const parts = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (parts === null) continue;
    const controllers = parts[2].split(',');
    if (parts[2] === '') {
      for (const path of ancestors(parts[3])) quotas.push(quotaOfV2(read(`/sys/fs/cgroup${path}/cpu.max`)));
    } else if (controllers.includes('cpu')) {
      for (const path of ancestors(parts[3])) {
        // The mount is named after its controllers, in an order of its own; `cpu` is a link to it, or it itself.
        for (const mount of [parts[2], 'cpu']) {
          const folder = `/sys/fs/cgroup/${mount}${path}`;
          quotas.push(quotaOfV1(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`)));
        }
      }
    }
  }
  const limits = quotas.filter((quota) => quota !== null);
  return limits.length === 0 ? null : Math.min(...limits);
}

/** What this process may run on. */
export function readProcessors(): Processors {
  return { cores: availableParallelism(), cpuQuota: readCpuQuota() };
}
