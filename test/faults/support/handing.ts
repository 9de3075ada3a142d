// Three processes of a hand-over: the owner of a connection with its child, and the other end.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Proc, root } from './process.js';

export const TOTAL = 20_000_000;

export interface Gone {
  readonly bytes: number;
  readonly good: boolean;
  readonly written: number;
  readonly events: readonly string[];
  readonly at: number;
}

interface Case {
  /** The one who gives, and its child. */
  readonly handing: Proc;
  /** The other end of the connection. */
  readonly remote: Proc;
}

/** The preload in modules, not in the bundle: lib/points.mjs replaces methods of theirs. */
const register = join(root, 'dist', 'register.js');

/** The owner has accepted what the remote end connected, or the other way round. */
export async function start(
  t: TestContext,
  owner: Readonly<Record<string, unknown>>,
  remote: Readonly<Record<string, unknown>> = {},
  connects = false,
  env: Readonly<Record<string, string>> = {},
): Promise<Case> {
  const total = { total: TOTAL, ...remote };
  if (connects) {
    const there = new Proc(t, 'handed.mjs', { parameters: total, env });
    const handing = new Proc(t, 'handing.mjs', {
      parameters: { ...owner, port: await there.port(), remotePid: there.pid },
      env,
      register,
    });
    return { handing, remote: there };
  }
  const handing = new Proc(t, 'handing.mjs', { parameters: owner, env, register });
  const port = await handing.port();
  return { handing, remote: new Proc(t, 'handed.mjs', { parameters: { ...total, port }, env }) };
}

export const gone = async (remote: Proc, within = 60_000): Promise<Gone> =>
  (await remote.hears('gone', () => true, within)) as unknown as Gone;

/** Everything came back, once and in order. */
export function assertWhole(end: Gone, total = TOTAL): void {
  assert.deepEqual([end.bytes, end.good, end.written], [total, true, total]);
  assert.deepEqual(end.events, ['end']);
}
