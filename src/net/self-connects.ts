/**
 * Connects of an isolate to itself. The kernel wakes a listener first and then who connects to it, both in one turn of the
 * event loop. So a program that is both sees its connection accepted first, and may close the listener then; what it hears
 * of its connect waits until the listener's end has been given to it, and comes right after that.
 */
import { betweenEvents } from './callback.js';
import type { SanConnection } from './port.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

interface Waiting {
  readonly connection: SanConnection;
  /** Turns of the event loop that it has still to wait at most. */
  turns: number;
  report(): void;
}

/** What is sent to oneself comes in the next turn; if the listener's end has not come by then, it never does. */
const TURNS_MAX = 2;

const waiting = new Set<Waiting>();

/** `report` is called once: after the listener's end was given to the program, or when it never will be. */
export function afterAccept(connection: SanConnection, report: () => void): void {
  const entry = { connection, turns: TURNS_MAX, report };
  waiting.add(entry);
  setImmediate(expire, entry);
}

/** The program has been given the listener's end of a connection. */
export function accepted(connection: SanConnection): void {
  if (!connection.toSelf) return;
  for (const entry of waiting) {
    // Ticks of the program's may end the wait, or the client.
    if (isOtherEnd(entry.connection, connection) && betweenEvents() && waiting.has(entry)) finish(entry);
  }
}

/** Ports tell: the addresses may be seen as IPv4 at one end and IPv6 at the other. */
function isOtherEnd(one: SanConnection, other: SanConnection): boolean {
  return one.local.sin_port === other.remote.sin_port && one.remote.sin_port === other.local.sin_port;
}

function expire(entry: Waiting): void {
  if (!waiting.has(entry)) return;
  if (--entry.turns > 0) setImmediate(expire, entry);
  else finish(entry);
}

function finish(entry: Waiting): void {
  waiting.delete(entry);
  entry.report();
}
