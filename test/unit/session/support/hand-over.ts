/** Moves one end of a wire pair to another "process", as the switch does through a provider. */
import assert from 'node:assert/strict';
import { Session } from '../../../../src/session/index.js';
import type { SessionState } from '../../../../src/session/suspension-state.js';
import type { SuspendOwner } from '../../../../src/session/suspension.js';
import { End } from './wire-pair.js';

/** What became of a hand-over. */
export class HandOver implements SuspendOwner {
  silent = false;
  failed: number | null = null;
  constructor(
    readonly end: End,
    readonly onSilentNow: (over: HandOver) => void = () => undefined,
  ) {}
  onSilent(): void {
    this.silent = true;
    this.onSilentNow(this);
  }
  onDuplicated(): void {
    // The wire has no provider that could be asked: `move` does its part.
  }
  onSuspendFailed(error: number): void {
    this.failed = error;
  }
}

/** Asks the end to fall silent. */
export function suspend(end: End, onSilentNow?: (over: HandOver) => void): HandOver {
  const over = new HandOver(end, onSilentNow);
  assert.ok(end.session.canSuspend);
  end.session.suspend(over);
  return over;
}

/** The silent end goes to a fresh one, which goes on with the same program (its user). */
export function move(old: End, reading: boolean): End {
  const { peer } = old;
  assert.deepEqual([old.inbox.length, old.posted.length], [0, 0], 'nothing is under way to or from who leaves');
  assert.equal(peer.posted.length, 0, 'nor from the other end');
  const state: SessionState = structuredClone(old.session.takeState());
  assert.deepEqual(
    [old.rdma.registrations, peer.rdma.registrations],
    [0, 0],
    'all memory is released (DUP-12 … DUP-14)',
  );
  const fresh = new End(old.queueMax, old.user);
  fresh.peer = peer;
  fresh.rdma.peer = peer.rdma;
  peer.rdma.peer = fresh.rdma;
  const { late, bytesMax } = old.rdma;
  Object.assign(fresh.rdma, { late, bytesMax });
  fresh.consumed = old.consumed;
  peer.peer = fresh;
  old.session.leave();
  assert.equal(old.over, 1);
  old.peer = new End(old.queueMax);
  old.peer.peer = old;
  fresh.session = new Session(fresh.io, state.local, 'connecting');
  assert.equal(fresh.session.restoreState(state), 0);
  fresh.session.user = fresh.user;
  if (reading) fresh.session.startReading();
  const writing = state.unsent.length > 0 || state.lent.length > 0;
  if (writing && !fresh.session.writing) fresh.user.onWritten(0);
  return fresh;
}
