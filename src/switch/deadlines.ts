/**
 * Time limits of one length for many things at once, with one timer: nearly all of them are over long before, and a
 * timer of its own for each, made and taken back, was a noticeable part of a connect.
 */
import type { Timers } from './timers.js';

export class Deadlines<Item> {
  readonly #timers: Timers;
  readonly #ms: number;
  readonly #expire: (item: Item) => void;
  /** When each is due, on the timers' clock; in the order of their coming, which is that of their end. */
  readonly #due = new Map<Item, number>();
  #armed = false;

  /** `expire` is called `ms` after an item was added, if it has not been removed by then. Never from inside a call. */
  constructor(timers: Timers, ms: number, expire: (item: Item) => void) {
    this.#timers = timers;
    this.#ms = ms;
    this.#expire = expire;
  }

  add(item: Item): void {
    this.#due.set(item, this.#timers.now() + this.#ms);
    if (!this.#armed) this.#arm(this.#ms);
  }

  remove(item: Item): void {
    this.#due.delete(item);
  }

  /** It keeps no process alive: whoever waits does. */
  #arm(ms: number): void {
    this.#armed = true;
    this.#timers.alarm(sweep, ms, this);
  }

  /** For the alarm. */
  sweep(): void {
    this.#armed = false;
    const now = this.#timers.now();
    for (const [item, due] of this.#due) {
      if (due > now) {
        this.#arm(due - now);
        return;
      }
      this.#due.delete(item);
      this.#expire(item);
    }
  }
}

function sweep<Item>(deadlines: Deadlines<Item>): void {
  deadlines.sweep();
}
