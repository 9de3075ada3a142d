/**
 * The companions of the listeners that this isolate connects to (D4): several processes may serve one listening socket,
 * each under a number of its own, and come and go while the socket stays. A connector goes round over all that it knows,
 * and looks for new ones now and then (docs/design/cluster.md).
 */
import { type Addon, COMPANION_NUMBERS, companionPrefix } from '../../proxy-driver/index.js';
import type { Link } from './link.js';
import type { LinkFailure } from './link-setup.js';

/** As they are at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;
const now = performance.now.bind(performance);

/**
 * So many free numbers in a row end the first look, which a connect waits for, if it has found anybody: a newcomer takes
 * the lowest free one, so those that are taken lie close together as a rule. The later looks go through all numbers, and
 * so find those behind the holes that processes leave.
 */
const HOLE_MAX = 8;
/** How long what was seen holds, in ms; also that there was nobody. */
const LOOK_MS = 1000;
/** The same while somebody may be about to take the place of one that has ended, and how long that may take him. */
const LOOK_EAGERLY_MS = 100;
const REPLACED_WITHIN_MS = 5000;

const ECONNREFUSED = -111;
const EAGAIN = -11;

/** What the table needs of who makes the links. */
export interface CompanionHost {
  readonly addon: Addon;
  /** A link over a control connection, which it owns from now on; open, or being opened. */
  openOutgoing(fd: number, uid: number, pid: number): Link | LinkFailure;
}

/** A process, or thread, behind a listening socket. */
interface Companion {
  /** In its name. */
  readonly n: number;
  link: Link;
}

/** A listening socket as its connectors know it. */
class Peer {
  readonly companions: Companion[] = [];
  /** Whose turn it was. */
  turn = 0;
  /** When to look again, and until when eagerly. */
  lookAt = 0;
  eagerUntil = 0;
  /** Whether that is arranged already. */
  looking = false;
  /** Why there is no companion. */
  why: LinkFailure = 'no-companion';

  constructor(
    readonly cookie: bigint,
    readonly uid: number,
    readonly port: number,
  ) {}

  /** Whose turn it is, among those that were not tried and do not leave connects unanswered. */
  pick(tried: readonly Link[]): Link | null {
    const { companions } = this;
    for (let i = 0; i < companions.length; i++) {
      this.turn = (this.turn + 1) % companions.length;
      const { link } = companions[this.turn];
      if (!link.unanswered && !tried.includes(link)) return link;
    }
    return null;
  }
}

const NONE: readonly Link[] = [];

export class CompanionTable {
  readonly #host: CompanionHost;
  readonly #peers = new Map<bigint, Peer>();
  /** How many companions are known on each port. */
  readonly #ports = new Map<number, number>();

  constructor(host: CompanionHost) {
    this.#host = host;
  }

  /**
   * A link to a listener that the kernel named, open or being opened; or why there is none. `uid` is the kernel's word
   * on the listener's owner, and the companion must have the same (D5). `port`: where it listens.
   */
  toListener(cookie: bigint, uid: number, port: number): Link | LinkFailure {
    const at = now();
    let peer = this.#peers.get(cookie);
    if (peer === undefined || (peer.companions.length === 0 && at >= peer.lookAt)) {
      if (peer === undefined) this.#forgetAbsent();
      peer ??= new Peer(cookie, uid, port);
      this.#peers.set(cookie, peer);
      this.#look(peer, true);
      // Connectors that connect once must not all go to the same one.
      peer.turn = Math.floor(Math.random() * peer.companions.length);
    } else if (at >= peer.lookAt && !peer.looking) {
      // Whoever connects now need not wait for it.
      peer.looking = true;
      setImmediate(lookAgain, this, peer).unref();
    }
    if (peer.companions.length === 0) return peer.why;
    return peer.pick(NONE) ?? 'listener-busy'; // all left a connect unanswered and have not stirred since
  }

  /** A link to another companion of that listener than those tried; null: none is known. */
  another(cookie: bigint, tried: readonly Link[]): Link | null {
    return this.#peers.get(cookie)?.pick(tried) ?? null;
  }

  /** Whether somebody is known who listens on that port, at whichever address. */
  serve(port: number): boolean {
    return this.#ports.has(port);
  }

  #count(port: number, by: 1 | -1): void {
    const count = (this.#ports.get(port) ?? 0) + by;
    if (count > 0) this.#ports.set(port, count);
    else this.#ports.delete(port);
  }

  /** Who is at the other end of the link does not serve that listener any more. */
  drop(cookie: bigint, link: Link): void {
    const peer = this.#peers.get(cookie);
    if (peer !== undefined) this.#remove(peer, link);
  }

  /** The link is gone: nobody finds it any more. */
  forget(link: Link): void {
    for (const peer of this.#peers.values()) this.#remove(peer, link);
  }

  /** `link` leads to an isolate that `known` leads to already. */
  replace(link: Link, known: Link): void {
    for (const { companions, port } of this.#peers.values()) {
      const found = companions.find((companion) => companion.link === link);
      if (found === undefined) continue;
      // It has one number for each listening socket. The other one is a former.
      const former = companions.findIndex((companion) => companion.link === known);
      if (former >= 0) {
        companions.splice(former, 1);
        this.#count(port, -1);
      }
      found.link = known;
    }
  }

  #remove(peer: Peer, link: Link): void {
    const at = peer.companions.findIndex((companion) => companion.link === link);
    if (at < 0) return;
    peer.companions.splice(at, 1);
    this.#count(peer.port, -1);
    peer.eagerUntil = now() + REPLACED_WITHIN_MS;
    peer.lookAt = 0;
    if (peer.companions.length === 0) this.#peers.delete(peer.cookie);
  }

  /** For `setImmediate`. */
  lookAgain(peer: Peer): void {
    peer.looking = false;
    if (this.#peers.get(peer.cookie) === peer) this.#look(peer, false);
  }

  /** Bounded: listeners come and go, and what is known of the absent ones is cheap to learn again. */
  #forgetAbsent(): void {
    if (this.#peers.size < 4096) return;
    for (const [cookie, peer] of this.#peers) if (peer.companions.length === 0) this.#peers.delete(cookie);
  }

  /** Looks under the numbers that nobody is known by; `first`: somebody waits for it. */
  #look(peer: Peer, first: boolean): void {
    const at = now();
    peer.why = 'no-companion';
    peer.lookAt = at + (at < peer.eagerUntil ? LOOK_EAGERLY_MS : LOOK_MS);
    const known = new Set(peer.companions.map(({ n }) => n));
    const prefix = companionPrefix(peer.cookie);
    for (let n = 0; n < COMPANION_NUMBERS; n++) {
      if (known.has(n)) continue;
      let end = n + 1;
      while (end < COMPANION_NUMBERS && !known.has(end)) end++;
      if (first && peer.companions.length > 0) end = Math.min(end, n + HOLE_MAX);
      number[0] = n;
      const fd = this.#host.addon.connectFirst(prefix, end, number);
      n = number[0];
      if (fd === ECONNREFUSED ? first && peer.companions.length > 0 : !this.#connected(peer, n, fd)) break;
    }
    // What a short look has left out is due soon.
    if (first && peer.companions.length > 0) peer.lookAt = at + LOOK_EAGERLY_MS;
  }

  /** A control connection, or why there is none under a number. False: there is no use in going on. */
  #connected(peer: Peer, n: number, fd: number): boolean {
    const { addon } = this.#host;
    if (fd === EAGAIN) {
      // Its queue is full: it does not stir. Others may.
      peer.why = 'listener-busy';
      peer.lookAt = soon(peer);
      return true;
    }
    if (fd < 0) {
      peer.why = 'out-of-resources';
      peer.lookAt = soon(peer);
      return false;
    }
    if (addon.credentials(fd, credentials) !== 0 || credentials[0] !== peer.uid) {
      // Anyone may take an abstract name; only the listener's own user is its companion.
      peer.why = 'uid-mismatch';
      addon.close(fd);
      return true;
    }
    const link = this.#host.openOutgoing(fd, peer.uid, credentials[2]);
    if (typeof link === 'string') {
      peer.why = link;
      peer.lookAt = soon(peer);
      return false;
    }
    peer.companions.push({ n, link });
    this.#count(peer.port, 1);
    return true;
  }
}

const number = new Int32Array(1);
const credentials = new Int32Array(3);

/** When to look again where something was in the way: for the next connect, unless there is somebody for it. */
function soon(peer: Peer): number {
  return peer.companions.length === 0 ? 0 : now() + LOOK_EAGERLY_MS;
}

function lookAgain(table: CompanionTable, peer: Peer): void {
  table.lookAgain(peer);
}
