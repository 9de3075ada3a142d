/**
 * Where the provider's time and callbacks come from: the event loop, or a clock that a test moves by hand, under which a
 * run can be repeated step by step. Everything that happens "later" in this provider goes through here.
 */

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate, setTimeout } = globalThis;

export interface LoopbackScheduler {
  /** The present time, in ticks. */
  now(): number;
  /**
   * Calls `act(argument)` `ticks` later, never from inside this call. What is due at the same time comes in the order in
   * which it was scheduled.
   */
  schedule<T>(act: (argument: T) => void, argument: T, ticks: number): void;
}

/** The event loop: what is due at once comes by `setImmediate`; a tick is a millisecond. */
export class RealScheduler implements LoopbackScheduler {
  now(): number {
    return performance.now();
  }

  schedule<T>(act: (argument: T) => void, argument: T, ticks: number): void {
    if (ticks <= 0) setImmediate(act, argument);
    else setTimeout(act, ticks, argument);
  }
}

interface Task {
  readonly due: number;
  /** Order of scheduling. */
  readonly order: number;
  readonly run: () => void;
}

/**
 * Time that moves only by {@link step}. It can also stand in for a program's timers ({@link setImmediate} and
 * {@link setTimeout} here), so that what is above the provider lives on the same clock.
 */
export class VirtualScheduler implements LoopbackScheduler {
  /** A binary heap: the task that is due first is at 0. */
  readonly #heap: Task[] = [];
  #now = 0;
  #order = 0;

  now(): number {
    return this.#now;
  }

  /** Tasks that wait. */
  get pending(): number {
    return this.#heap.length;
  }

  /** Lets time pass without running what becomes due: somebody is busy. */
  pass(ticks: number): void {
    this.#now += ticks;
  }

  schedule<T>(act: (argument: T) => void, argument: T, ticks: number): void {
    this.#push({ due: this.#now + Math.max(0, ticks), order: this.#order++, run: () => act(argument) });
  }

  /** Runs the task that is due first, and moves time to it. False: there is none. What it throws comes out here. */
  step(): boolean {
    const task = this.#pop();
    if (task === undefined) return false;
    if (task.due > this.#now) this.#now = task.due;
    task.run();
    return true;
  }

  /** Steps until nothing is left; false if that takes more than `limit` steps. */
  run(limit: number): boolean {
    for (let steps = 0; steps < limit; steps++) if (!this.step()) return true;
    return this.pending === 0;
  }

  /** In place of the global of that name. */
  readonly setImmediate = <A extends unknown[]>(act: (...args: A) => void, ...args: A): { unref(): void } => {
    return this.#timer(act, args, 0);
  };

  /** In place of the global of that name; a millisecond is a tick. */
  readonly setTimeout = <A extends unknown[]>(
    act: (...args: A) => void,
    ticks: number,
    ...args: A
  ): { unref(): void } => {
    return this.#timer(act, args, Math.max(1, ticks));
  };

  /** In place of `clearImmediate` and `clearTimeout`. */
  readonly clear = (timer: unknown): void => {
    if (timer instanceof VirtualTimer) timer.cleared = true;
  };

  #timer<A extends unknown[]>(act: (...args: A) => void, args: A, ticks: number): VirtualTimer {
    const timer = new VirtualTimer();
    const run = (): void => {
      if (!timer.cleared) act(...args);
    };
    this.#push({ due: this.#now + ticks, order: this.#order++, run });
    return timer;
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(task);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent], task)) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = task;
  }

  #pop(): Task | undefined {
    const heap = this.#heap;
    const first = heap.at(0);
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (isBefore(last, heap[child])) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

class VirtualTimer {
  cleared = false;
  unref(): this {
    return this;
  }
  ref(): this {
    return this;
  }
}

function isBefore(a: Task, b: Task): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
