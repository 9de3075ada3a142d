/**
 * Gives a chunk to its native consumer as libuv would: from the event loop, with no callback around it. An HTTP parser,
 * HTTP/2 and TLS call the program several times for one chunk. On TCP each of these calls is a callback of its own, behind which
 * ticks and microtasks run; inside a callback of ours they would wait for the end of the chunk.
 *
 * A handle that has something enters itself here. C asks for it when the callback that is under way is over, or, where that
 * is none of the addon's (a pause has ended, say), in the loop's next turn, ahead of what that turn finds.
 */
import { isCollecting } from './callback.js';
import { reachTickCallback } from './tick-callback.js';

/** What this needs of the addon; `DeliveryAddon` of the proxy driver is one. */
export interface Deliveries {
  deliverBy(
    next: () => number,
    scoped: () => void,
    call: unknown[],
    setTicks: (ticks: () => void) => void,
    ticks: () => void,
  ): number;
  deliverSoon(): void;
  uncaught(error: unknown): void;
}

/** The call that C is to make: a method of the native stream. C takes the last two out again. */
export type NativeCall = [method: unknown, stream: unknown, argument: unknown];

// What `next` answers; the numbers are C's.
const NOTHING = 0;
const CALL = 1;
const CALL_AND_ASK = 2;
const SCOPED = 3;

/** What {@link NativeReader.takeNative} answers: nothing after all; the call, the last or not; or in a callback, please. */
export const TAKE_NOTHING = 0;
export const TAKE_LAST = 1;
export const TAKE_PART = 2;
export const TAKE_SCOPED = 3;

/** Somebody with a chunk for a native consumer. */
export interface NativeReader {
  /** Puts the next call into `call`. Must not call the program. */
  takeNative(call: NativeCall): number;
  /** Inside of a callback: does what {@link takeNative} wanted one for. */
  deliverScoped(): void;
}

const call: NativeCall = [null, null, null];
let addon: Deliveries | null = null;
/** Null: not tried yet. */
let works: boolean | null = null;
let due: NativeReader[] = [];
let inCallback: NativeReader | null = null;

/** Null: from now on everything is delivered in callbacks. */
export function setDeliveries(next: Deliveries | null): void {
  addon = next;
  works = null;
  due = [];
}

/** Whether {@link deliverSoon} can be used. Where not, ticks run behind the chunk. */
export function deliversNatively(): boolean {
  if (addon === null || isCollecting()) return false;
  works ??= begin(addon);
  return works;
}

/**
 * What a tick throws between two calls of a consumer must not unwind into it, so Node's way to run ticks has to be known: a
 * Node where it is not is served as before.
 */
function begin(deliveries: Deliveries): boolean {
  const node = reachTickCallback();
  return node !== null && deliveries.deliverBy(next, deliverScoped, call, node.set, node.ticks) === 0;
}

/** `reader` has something; it is asked for it once the callback that is under way is over. */
export function deliverSoon(reader: NativeReader): void {
  due.push(reader);
  addon?.deliverSoon();
}

type OnRead = (this: unknown, memory?: ArrayBuffer) => unknown;
const guards = new WeakMap<OnRead, OnRead>();

/**
 * `onread` of a TLSWrap, as it is to be while TLS reads by {@link deliverSoon}: TLS calls it once a record, and goes on when it
 * throws. On TCP that is told before the next record; here it would be when the chunk is through, and only the last.
 */
export function guardedRead(onread: unknown): unknown {
  return typeof onread === 'function' ? guardOf(onread as OnRead) : onread;
}

function guardOf(onread: OnRead): OnRead {
  let guard = guards.get(onread);
  if (guard === undefined) {
    guard = function (memory) {
      try {
        return onread.call(this, memory);
      } catch (error) {
        if (addon === null) throw error;
        addon.uncaught(error);
        return undefined;
      }
    };
    guards.set(onread, guard);
    guards.set(guard, guard);
  }
  return guard;
}

function next(): number {
  while (due.length > 0) {
    const reader = due[0];
    const what = reader.takeNative(call);
    if (what === TAKE_PART) return CALL_AND_ASK;
    due.shift();
    if (what === TAKE_LAST) return due.length > 0 ? CALL_AND_ASK : CALL;
    if (what !== TAKE_SCOPED) continue;
    inCallback = reader;
    return SCOPED;
  }
  return NOTHING;
}

function deliverScoped(): void {
  const reader = inCallback;
  inCallback = null;
  reader?.deliverScoped();
}
