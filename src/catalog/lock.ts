/**
 * The lock that installers hold while they change a catalog file: a file beside it, made with O_EXCL, that says who holds
 * it. Readers need none, for the catalog is replaced whole. A holder that died is recognised and its lock taken away, under
 * a second file, so that two who find it dead cannot take away each other's.
 */
import { closeSync, openSync, readFileSync, readlinkSync, rmSync, writeSync } from 'node:fs';

/** How long an installer waits for another, in milliseconds; what is done under the lock takes a few. */
const PATIENCE_MS = 10_000;
const RETRY_MS = 20;

/** Runs `act` under the lock. Throws what it throws, or that the lock was not to be had. */
export async function withLock<T>(path: string, act: () => T): Promise<T> {
  const lock = `${path}.lock`;
  const deadline = performance.now() + PATIENCE_MS;
  while (!create(lock)) {
    if (isDead(readHolder(lock))) takeAway(lock);
    else if (performance.now() >= deadline) {
      throw new Error(`${lock} is held by ${readHolder(lock) ?? 'nobody that is known'}; remove it if nobody installs`);
    } else await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  try {
    return act();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** False: somebody has it. */
function create(lock: string): boolean {
  let fd: number;
  try {
    fd = openSync(lock, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  writeSync(fd, `${process.pid} ${startTime(process.pid) ?? '-'} ${pidNamespace()}`);
  closeSync(fd);
  return true;
}

/** Null: it was given back just now, or cannot be read. */
function readHolder(lock: string): string | null {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return null;
  }
}

/** Whether the holder is sure to have ended. One in another PID namespace cannot be judged, nor one that has not signed yet. */
function isDead(holder: string | null): boolean {
  const [pid, started, namespace] = (holder ?? '').split(' ');
  if (!/^[1-9]\d{0,9}$/.test(pid) || namespace !== pidNamespace()) return false;
  // The number may be another process's by now.
  return startTime(Number(pid)) !== started;
}

function takeAway(lock: string): void {
  const guard = `${lock}.stale`;
  if (!create(guard)) return;
  try {
    if (isDead(readHolder(lock))) rmSync(lock, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

/** When a process started, in ticks since boot; null: there is none of that number. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything: field 22 of all.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '-';
  }
}
