/**
 * Setting links up (D3, D4): outgoing, from a control connection with an isolate that serves a listener (companions.ts);
 * incoming, from a companion listener's accepted descriptor to an open link. Both ends check who the other is (D5).
 */
import { CompanionTable } from './companions.js';
import {
  type ControlPacket,
  decodePacket,
  encodePacket,
  PACKET_HELLO,
  PACKET_REJECT,
  PACKET_SPILL,
  PACKET_WELCOME,
} from './control-packets.js';
import { checkedLayout, checkLinkHeader, linkLayout, SLOTS_DEFAULT, writeLinkHeader } from './layout.js';
import { Link, type LinkHost } from './link.js';
import type { ShmOptions } from './options.js';
import { makeProof, probe } from './reach.js';

/** As they are at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setTimeout, clearTimeout, setImmediate } = globalThis;

/** Most links of one isolate; beyond it a newcomer is turned away and stays on TCP. */
const LINKS_MAX = 1024;
/** How long a link may take to be set up, in milliseconds, before its descriptor is taken back. */
const SETUP_MS_MAX = 10_000;

const ECONNREFUSED = -111;

/** Why there is no link: a route reason (SO_SD_CONNECT_DETAIL). */
export type LinkFailure =
  | 'no-companion'
  | 'uid-mismatch'
  | 'uid-not-allowed'
  | 'listener-busy'
  | 'out-of-resources'
  | 'link-failed'
  | 'protocol-mismatch';

/** What waits for an outgoing link. */
export interface LinkWaiter {
  onLink(link: Link): void;
  onNoLink(why: LinkFailure): void;
}

/** The isolate's links. */
export class LinkTable {
  readonly all = new Set<Link>();
  readonly companions: CompanionTable;
  readonly #byIsolate = new Map<string, Link>();
  readonly #waiters = new Map<Link, LinkWaiter[]>();
  readonly #timers = new Map<Link, NodeJS.Timeout>();

  constructor(
    readonly host: LinkHost,
    readonly options: ShmOptions,
    readonly isolate: string,
  ) {
    const { addon } = host;
    this.companions = new CompanionTable({ addon, openOutgoing: (fd, uid, pid) => this.openOutgoing(fd, uid, pid) });
  }

  /** As {@link CompanionTable.toListener}, for users that may be paired with. */
  toListener(cookie: bigint, uid: number, port: number): Link | LinkFailure {
    return this.options.allowedUids.has(uid) ? this.companions.toListener(cookie, uid, port) : 'uid-not-allowed';
  }

  /** A link to whoever listens under an abstract name, for a duplicated socket's other end (DUP-29). */
  toName(name: string): Link | LinkFailure {
    const { addon } = this.host;
    const fd = addon.connect(name);
    if (fd < 0) return fd === ECONNREFUSED ? 'no-companion' : 'link-failed';
    const credentials = new Int32Array(3);
    if (addon.credentials(fd, credentials) !== 0 || !this.options.allowedUids.has(credentials[0])) {
      addon.close(fd);
      return 'uid-not-allowed';
    }
    return this.openOutgoing(fd, credentials[0], credentials[2]);
  }

  get #rdma(): boolean {
    return this.options.rdma !== 'off';
  }

  /** Tells `waiter` when the link is open, or that it never will be. */
  whenOpen(link: Link, waiter: LinkWaiter): void {
    const waiters = this.#waiters.get(link);
    if (waiters === undefined) this.#waiters.set(link, [waiter]);
    else waiters.push(waiter);
  }

  /** As of {@link CompanionHost}. */
  openOutgoing(fd: number, uid: number, pid: number): Link | LinkFailure {
    const { addon } = this.host;
    const layout = linkLayout(this.options.ringBytes, SLOTS_DEFAULT);
    const memoryFd = this.all.size < LINKS_MAX ? addon.allocate(layout.totalBytes) : -1;
    const memory = memoryFd < 0 ? -1 : addon.map(memoryFd, layout.totalBytes);
    if (typeof memory === 'number') {
      if (memoryFd >= 0) addon.close(memoryFd);
      addon.close(fd);
      return 'out-of-resources';
    }
    writeLinkHeader(memory, layout);
    const link = this.#open(fd, 0, uid, pid, (packet, packetFd) => {
      if (packetFd >= 0 && packet.type !== PACKET_SPILL) addon.close(packetFd);
      if (packet.type === PACKET_WELCOME && !link.open) {
        link.isolate = packet.isolate;
        link.attach(memory, layout);
        link.reach = probe(addon, link.id, packet.proof, this.#rdma);
        this.#opened(link);
        return null;
      }
      if (packet.type === PACKET_REJECT && !link.open) return `turned away: ${packet.text}`;
      return this.#onLatePacket(link, packet, packetFd);
    });
    if (link.gone) {
      addon.release(memory);
      addon.close(memoryFd);
      return 'out-of-resources';
    }
    const { ringBytes, slotCount } = layout;
    const proof = makeProof(addon, link.id, this.#rdma);
    const { isolate } = this;
    const hello = encodePacket({ type: PACKET_HELLO, isolate, pid: process.pid, proof, ringBytes, slotCount });
    const sent = addon.linkSend(link.id, hello, memoryFd);
    addon.close(memoryFd);
    link.unattached = memory;
    if (sent < 0) {
      link.end('');
      return 'link-failed';
    }
    return link;
  }

  /** A companion listener of ours was connected to. */
  accept(fd: number, uid: number, pid: number): void {
    const { addon } = this.host;
    if (!this.options.allowedUids.has(uid) || this.all.size >= LINKS_MAX) {
      const text = this.all.size >= LINKS_MAX ? 'too many links' : `uid ${uid} is not allowed`;
      this.options.onEvent?.({ type: 'link-refused', link: -1, pid, uid, detail: text });
      const link = this.#open(fd, 1, uid, pid, () => null);
      if (!link.gone) addon.linkSend(link.id, encodePacket({ type: PACKET_REJECT, text }), -1);
      link.end('');
      return;
    }
    const link = this.#open(fd, 1, uid, pid, (packet, packetFd) => {
      if (packet.type !== PACKET_HELLO || link.open) return this.#onLatePacket(link, packet, packetFd);
      const wrong = this.#onHello(link, packet, packetFd);
      if (packetFd >= 0) addon.close(packetFd);
      if (wrong !== null) addon.linkSend(link.id, encodePacket({ type: PACKET_REJECT, text: wrong }), -1);
      return wrong;
    });
  }

  #onHello(link: Link, hello: ControlPacket & { type: typeof PACKET_HELLO }, fd: number): string | null {
    const { addon } = this.host;
    const layout = checkedLayout(hello.ringBytes, hello.slotCount);
    if (typeof layout === 'string') return layout;
    const memory = addon.map(fd, layout.totalBytes);
    if (typeof memory === 'number') return `its memory cannot be mapped safely (error ${-memory})`;
    const wrong = checkLinkHeader(memory, layout);
    if (wrong !== null) {
      addon.release(memory);
      return wrong;
    }
    link.isolate = hello.isolate;
    link.attach(memory, layout);
    link.reach = probe(addon, link.id, hello.proof, this.#rdma);
    const proof = makeProof(addon, link.id, this.#rdma);
    const { isolate } = this;
    addon.linkSend(link.id, encodePacket({ type: PACKET_WELCOME, isolate, pid: process.pid, proof }), -1);
    this.#opened(link);
    return null;
  }

  /** Registers a link over a descriptor, which it owns from now on. `gone` afterwards: the descriptor would not do. */
  #open(
    fd: number,
    role: 0 | 1,
    uid: number,
    pid: number,
    onPacket: (packet: ControlPacket, fd: number) => string | null,
  ): Link {
    const { addon } = this.host;
    const id = addon.linkOpen(
      fd,
      this,
      (bytes, packetFd) => {
        if (link.gone) {
          if (packetFd >= 0) addon.close(packetFd);
          return;
        }
        const packet = decodePacket(bytes);
        if (typeof packet === 'string') {
          if (packetFd >= 0) addon.close(packetFd);
          link.fail(packet);
          return;
        }
        const wrong = onPacket(packet, packetFd);
        if (wrong !== null) link.fail(wrong);
      },
      (errno) => {
        if (errno !== 0) link.fail(`control connection error ${errno}`);
        else link.onControlEnd();
      },
    );
    const link = new Link(this.host, id, role, uid, pid);
    if (id < 0) {
      addon.close(fd);
      link.gone = true;
      return link;
    }
    this.all.add(link);
    // Where this process was busy, or stopped, for so long, the peer's word may be here by now: the loop looks first.
    const timer = setTimeout(setImmediate, SETUP_MS_MAX, () => {
      if (!link.open && !link.gone) link.end('');
    });
    timer.unref();
    this.#timers.set(link, timer);
    return link;
  }

  #onLatePacket(link: Link, packet: ControlPacket, fd: number): string | null {
    if (packet.type !== PACKET_SPILL || !link.open || fd < 0) {
      if (fd >= 0) this.host.addon.close(fd);
      return `a control packet of type ${packet.type} out of turn`;
    }
    const good = link.keepSpill(packet.bytes, fd);
    this.host.addon.close(fd);
    return good ? null : 'a spill that cannot be mapped safely';
  }

  #opened(link: Link): void {
    clearTimeout(this.#timers.get(link));
    this.#timers.delete(link);
    link.unattached = null;
    link.unanswered = false;
    const { id, pid, uid, locked } = link;
    if (pid === process.pid && link.isolate === this.isolate) this.host.addon.linkOwn(id);
    this.options.onEvent?.({ type: 'link-open', link: id, pid, uid, detail: '', refusal: link.reach.refusal, locked });
    const waiters = this.#waiters.get(link) ?? [];
    this.#waiters.delete(link);
    const key = keyOf(link);
    const known = this.#byIsolate.get(key);
    // One link per pair of isolates: if there is one, waiters and later connects use it. A link to ourselves has two
    // ends here, and only its connecting end counts.
    if (known !== undefined && known !== link && !known.gone && link.role === 0) {
      this.companions.replace(link, known);
      for (const waiter of waiters) waiter.onLink(known);
      link.end('');
      return;
    }
    if (link.role === 0 || link.isolate !== this.isolate) this.#byIsolate.set(key, link);
    for (const waiter of waiters) waiter.onLink(link);
  }

  /** The link is gone: nobody finds it any more. */
  forget(link: Link, violation: string): void {
    clearTimeout(this.#timers.get(link));
    this.#timers.delete(link);
    this.all.delete(link);
    if (this.#byIsolate.get(keyOf(link)) === link) this.#byIsolate.delete(keyOf(link));
    this.companions.forget(link);
    const waiters = this.#waiters.get(link) ?? [];
    this.#waiters.delete(link);
    const why = violation.includes('version') ? 'protocol-mismatch' : 'link-failed';
    for (const waiter of waiters) waiter.onNoLink(why);
    const type = violation === '' ? 'link-closed' : 'link-failed';
    this.options.onEvent?.({ type, link: link.id, pid: link.pid, uid: link.uid, detail: violation });
  }
}

/**
 * What tells isolates apart. The id is the peer's word, and it tells everybody its own: what another process may not
 * pretend to be is what the kernel says of it. A process of a PID namespace that we cannot see has no number (0), so
 * nothing tells it from another, and each link stands for itself.
 */
function keyOf({ isolate, pid, uid, id }: Link): string {
  return pid === 0 ? `link ${id}` : `${isolate} ${pid} ${uid}`;
}
