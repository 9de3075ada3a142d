/**
 * What Node calls when a callback of the event loop ends, and how that is set. No binding that `process.binding` gives has
 * it; but `process._tickCallback` has both in its closure, and V8's inspector can look into closures. It costs a few
 * milliseconds, so it is for who needs it, once.
 */
import type * as inspector from 'node:inspector';
import { createRequire } from 'node:module';

/** How Node has ticks and microtasks run between callbacks. */
export interface TickCallback {
  /** Node calls `ticks` from then on. */
  readonly set: (ticks: () => void) => void;
  /** What it calls by itself. */
  readonly ticks: () => void;
}

/** What goes to the inspector, and comes back from it. */
interface Remote {
  readonly objectId?: string;
}
interface Answer {
  readonly result: Remote;
  readonly internalProperties?: readonly { readonly name: string; readonly value?: Remote }[];
}
type Post = (method: string, parameters: object) => Answer;

/** Runs in V8's hands: `this` is the list of a closure's scopes. */
const LOOK = `function (take) {
  for (let i = 0; i < this.length; i++) {
    const { setTickCallback, processTicksAndRejections } = this[i].object;
    if (setTickCallback !== undefined) take(setTickCallback, processTicksAndRejections);
  }
}`;

/** Under which {@link LOOK} finds the way back; for the moment only, in which nothing else runs. */
const KEY = 'sockets-direct.ticks';

/** Null: this Node has no inspector, or other names. Never throws. */
export function reachTickCallback(): TickCallback | null {
  const found: { value: TickCallback | null } = { value: null };
  const take = (set: unknown, ticks: unknown): void => {
    if (typeof set === 'function' && typeof ticks === 'function') found.value = { set, ticks } as TickCallback;
  };
  const place = globalThis as { [key: symbol]: unknown };
  const key = Symbol.for(KEY);
  try {
    Object.defineProperty(place, key, { value: take, configurable: true });
    withInspector(look);
  } catch {
    return null;
  } finally {
    Reflect.deleteProperty(place, key);
  }
  return found.value;
}

function look(post: Post): void {
  const closure = post('Runtime.evaluate', { expression: 'process._tickCallback', silent: true }).result;
  const take = post('Runtime.evaluate', { expression: `globalThis[Symbol.for('${KEY}')]`, silent: true }).result;
  const { internalProperties = [] } = post('Runtime.getProperties', {
    objectId: closure.objectId,
    ownProperties: true,
  });
  const scopes = internalProperties.find(({ name }) => name === '[[Scopes]]')?.value?.objectId;
  if (scopes === undefined) return;
  const { objectId } = take;
  post('Runtime.callFunctionOn', { objectId: scopes, functionDeclaration: LOOK, arguments: [{ objectId }] });
}

/** The inspector answers within the call. */
function withInspector(run: (post: Post) => void): void {
  const { Session } = createRequire(import.meta.url)('node:inspector') as typeof inspector;
  const session = new Session();
  session.connect();
  try {
    run((method, parameters) => {
      const got: { answer: Answer | null } = { answer: null };
      session.post(method, parameters, (error, answer) => {
        if (error === null) got.answer = answer as Answer;
      });
      if (got.answer === null) throw new Error(method);
      return got.answer;
    });
  } finally {
    session.disconnect();
  }
}
