/**
 * When a round is over: nothing more happens, and nothing is owed. What one end has sent the other will get if it reads;
 * so an outcome depends neither on how fast the machine is nor on how long anybody waits.
 */
import type { Host } from './host.js';
import type { Glance, Sight } from './program.js';

/** Looks in a row at which nothing had happened. */
const QUIET = 2;
/** What is owed for so long never comes, and that is part of the outcome. Milliseconds. */
const OWED_WITHIN = 10_000;

/** Pairs of ends, by their names. */
function pairsOf(sockets: readonly Glance[]): [Glance, Glance][] {
  const accepted = new Map<string, Glance>();
  for (const socket of sockets) {
    if (socket.name.startsWith('s')) accepted.set(`${socket.remotePort} ${socket.localPort}`, socket);
  }
  const pairs: [Glance, Glance][] = [];
  for (const socket of sockets) {
    if (!socket.name.startsWith('c') || socket.localPort === 0) continue;
    const other = accepted.get(`${socket.localPort} ${socket.remotePort}`);
    if (other !== undefined) pairs.push([socket, other], [other, socket]);
  }
  return pairs;
}

/** What `to` is still to get from `from`. TCP may keep a small segment back for a while (Nagle’s algorithm). */
function owedBetween(from: Glance, to: Glance): string | null {
  if (to.over || to.destroyed) return null;
  if (to.open && to.received < from.sent) return `${to.name} is to get ${from.sent - to.received} bytes`;
  if ((from.destroyed || from.finished) && (to.reading || (to.open && to.buffered === 0))) {
    return `${to.name} is to hear of the end of ${from.name}`;
  }
  if (!to.reading) return null;
  return from.queued > 0 && !from.corked && !from.destroyed && !from.connecting
    ? `${from.name} has bytes to send`
    : null;
}

/** What is sure to come. */
export function owed(sight: Sight): string[] {
  const list: string[] = [];
  for (const socket of sight.sockets) {
    if (socket.connecting && !socket.destroyed) list.push(`${socket.name} connects`);
    if (socket.destroyed && !socket.closed) list.push(`${socket.name} is to close`);
    if (socket.awaitsTimeout && !socket.destroyed) list.push(`${socket.name} is to time out`);
    const unsent = socket.queued > 0 || socket.corked || socket.connecting || socket.destroyed;
    if (socket.ending && !socket.finished && !unsent) list.push(`${socket.name} is to finish`);
  }
  if (sight.accepted + sight.dropped < sight.connected && !sight.closedServers)
    list.push('a connection is to be accepted');
  for (const [from, to] of pairsOf(sight.sockets)) {
    const what = owedBetween(from, to);
    if (what !== null) list.push(what);
  }
  return list;
}

/** Waits until nothing more happens. Returns what never came although it was owed. */
export async function settle(host: Host, first: Sight): Promise<string[]> {
  const deadline = Date.now() + OWED_WITHIN;
  let sight = first;
  for (let quiet = 0; ; ) {
    const before = sight.activity;
    sight = await host.turn();
    quiet = sight.activity === before ? quiet + 1 : 0;
    if (quiet < QUIET) continue;
    const list = owed(sight);
    if (list.length === 0) return [];
    if (Date.now() > deadline) return list;
    quiet = 0;
  }
}
