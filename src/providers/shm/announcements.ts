/**
 * Whether anybody who listens on a port has said that he is on the SAN (docs/design/announcements.md). The question comes
 * before every connect that is not known to stay on TCP, so it looks at the first names only; at all of them later, when
 * nobody waits for it, for the first ones may be those of processes that have ended.
 */
import { type Addon, ANNOUNCEMENT_PREFIX } from '../../proxy-driver/index.js';
import type { CompanionTable } from './companions.js';

/** As they are at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setTimeout } = globalThis;
const now = performance.now.bind(performance);

/** Names that are looked at while a connect waits; and all that there are (native/core/control.h). */
const NAMES_FIRST = 2;
const NAMES_ALL = 16;
/** When to look at all names after the first ones were free, and how long what was found there holds, in ms. */
const LATER_MS = 20;
const HOLDS_MS = 3000;
/** How often to look at all names of a port, in ms. */
const AGAIN_MS = 1000;
/** Most ports that are remembered; past it everything is forgotten, which only costs a few looks. */
const PORTS_MAX = 1024;

interface Seen {
  /** When all names were looked at, or will be. */
  at: number;
  found: boolean;
}

export class Announcements {
  readonly #addon: Addon;
  readonly #companions: CompanionTable;
  readonly #ports = new Map<number, Seen>();

  constructor(addon: Addon, companions: CompanionTable) {
    this.#addon = addon;
    this.#companions = companions;
  }

  /** Whether a connect to that port may find somebody. A failure of the system counts as yes: only asking in full tells. */
  has(port: number): boolean {
    if (this.#companions.serve(port)) return true;
    if (this.#addon.announced(ANNOUNCEMENT_PREFIX, port, NAMES_FIRST) !== 0) return true;
    const seen = this.#ports.get(port);
    const age = seen === undefined ? Infinity : now() - seen.at;
    if (seen?.found === true && age < HOLDS_MS) return true;
    if (age >= AGAIN_MS) this.#lookLater(port);
    return false;
  }

  #lookLater(port: number): void {
    if (this.#ports.size >= PORTS_MAX) this.#ports.clear();
    const seen: Seen = { at: now() + LATER_MS, found: false };
    this.#ports.set(port, seen);
    setTimeout(lookAtAll, LATER_MS, this.#addon, port, seen).unref();
  }
}

function lookAtAll(addon: Addon, port: number, seen: Seen): void {
  seen.found = addon.announced(ANNOUNCEMENT_PREFIX, port, NAMES_ALL) === 1;
}
