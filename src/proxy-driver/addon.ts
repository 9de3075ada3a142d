/**
 * The native addon's surface, as native/napi exports it (D11): plain functions that return a result or a negative
 * errno. They throw for programmer errors only (wrong types, ranges, numbers nobody gave out), never because of the
 * system or a peer.
 */

/** What {@link Addon.abi} must be; raised together with `SD_ABI` in native/napi/isolate.h. */
export const ADDON_ABI = 8;

/** Words of the block that {@link LinkAddon.linkAttach} returns; C reads them, JavaScript writes them. */
export const LINK_STATE = {
  /** Bytes consumed so far, mod 2^32. There is work while the shared tail differs. */
  RX_HEAD: 0,
  /** 1 while something waits for space to send. */
  TX_WAITING: 1,
  /** To where the shared head is to come. There is work while something waits and it has. */
  TX_WANTED: 2,
  /**
   * Counts, mod 2^32, what waited and is in the ring, and runs whose receiver had something to do before the message that is
   * there: that a drain which consumed nothing did something nevertheless.
   */
  PROGRESS: 3,
} as const;

/** Word of the block that {@link LoopAddon.isolate} returns; C writes it. 0: call `wake()` after sending. */
export const ISOLATE_AWAKE = 0;

/** Counters since the addon was loaded into this isolate. */
export interface LoopStats {
  /** Turns of the event loop in which the links were looked at. */
  turns: number;
  /** Calls of a link's `drain`. */
  drains: number;
  /** Doorbells received. */
  bells: number;
  /** Doorbells sent. */
  bellsSent: number;
  /** Quiet periods in which the loop kept looking instead of sleeping. */
  spins: number;
  /** Those in which looking found something. */
  spinHits: number;
  /** Times the loop was allowed to block. */
  sleeps: number;
  /** How long it did not block although there was nothing to do. */
  polledNanoseconds: number;
}

export type AcceptCallback = (fd: number, uid: number, gid: number, pid: number) => void;
export type PacketCallback = (bytes: Uint8Array, fd: number) => void;
export type ClosedCallback = (errno: number) => void;
export type AddressCallback = (
  added: boolean,
  family: 4 | 6,
  address: string,
  prefix: number,
  ifindex: number,
  ifname: string,
) => void;

/** Memory (D5, PD-9, PD-11, PD-12). */
export interface MemoryAddon {
  /** A sealed, zeroed memfd of `bytes` bytes: its descriptor, or -errno. */
  allocate(bytes: number): number;
  /**
   * Maps a descriptor, own or received, after checking it: seals (-EPERM), exact size or not a memfd (-EINVAL), huge
   * pages (-EMEDIUMTYPE). The descriptor stays the caller's. The buffer must be given to {@link release}.
   */
  map(fd: number, bytes: number): ArrayBuffer | number;
  /**
   * Keeps the pages of mapped memory from being swapped out, each from when it is first touched, until it is released.
   * 0 or -errno: -ENOMEM it would be more than half of what this process may lock, -EPERM it may lock nothing.
   */
  lock(memory: ArrayBuffer): number;
  /** Detaches the buffer and unmaps, once no link uses it. 0; -EINVAL if it is not ours or was released before. */
  release(memory: ArrayBuffer): number;
  /** Closes a descriptor. 0 or -errno. */
  close(fd: number): number;
  /** Fills at most 256 bytes with the kernel's random numbers. 0 or -errno. */
  random(out: Uint8Array): number;
}

/** Control connections and links (D3, D4). */
export interface LinkAddon {
  /** Listens under an abstract name, at most 107 bytes. The listener's number, or -errno (-EADDRINUSE). */
  listen(name: string, backlog: number, onAccept: AcceptCallback): number;
  unlisten(listener: number): number;
  /**
   * Takes the first free numbered name of `prefix` (at most 105 bytes, 16 names) for as long as the listener lives: a
   * word to connectors that listeners of this kind exist. 0 or -errno (-EADDRINUSE: all are taken; as good).
   */
  announce(listener: number, prefix: string, port: number): number;
  /** Whether one of the first `names` names of `prefix` is taken: 1, 0, or -errno. Anyone can take one. */
  announced(prefix: string, port: number, names: number): number;
  /** A control connection: its descriptor, or -errno (-ECONNREFUSED nobody, -EAGAIN its queue is full). */
  connect(name: string): number;
  /**
   * The same under the first name that somebody has of `prefix` and a number, from `n[0]` to below `end`; `n[0]` = the
   * number. -ECONNREFUSED: nobody has any; another error is that of the name `n[0]`.
   */
  connectFirst(prefix: string, end: number, n: Int32Array): number;
  /** `out[0..2]` = uid, gid, pid of the peer when it connected (SO_PEERCRED). 0 or -errno. */
  credentials(fd: number, out: Int32Array): number;
  /**
   * Registers a control connection; owns the descriptor if it succeeds. `self` is `this` of the callbacks.
   * The link's number, or -errno: then the descriptor is still the caller's.
   *
   * `onPacket`: a control packet (not a doorbell), at most 512 bytes, and the descriptor that came with it or -1; both
   * are the callee's. `onClosed`: once, the link is over: 0 the peer is gone and what it had published is drained, else
   * -errno (-EPROTO: it broke the rules). {@link linkClose} is still to be called.
   */
  linkOpen(fd: number, self: object, onPacket: PacketCallback, onClosed: ClosedCallback): number;
  /** One packet, 1 to 512 bytes, with a descriptor or -1. Bytes sent, or -errno; never waits. */
  linkSend(link: number, bytes: Uint8Array, fd: number): number;
  /**
   * Starts the rings. `drain` is called whenever there is work and is to consume one run of messages. Role 0 is the
   * connector's (writes direction 0). Returns the private block of 16 words, see {@link LINK_STATE}
   */
  linkAttach(link: number, memory: ArrayBuffer, role: 0 | 1, ringBytes: number, drain: () => void): ArrayBuffer;
  /** The link's peer is this isolate: what it sends in one turn of the loop is drained in the next. */
  linkOwn(link: number): void;
  /** Sends the doorbell, and does what {@link LoopAddon.wake} does. */
  linkBell(link: number): void;
  /**
   * Closes the control connection now; no callback follows. Nothing of ours can be reached through the link any more, but
   * a peer may be in the middle of writing (the `busy` word). The memory is released separately.
   */
  linkClose(link: number): number;
}

/**
 * Memory of a link's peer, and what the peer may reach of ours (D5, D7). Addresses are numbers: user space ends far
 * below 2^53 on every machine this runs on.
 */
export interface AccessAddon {
  /**
   * Where an array's bytes are, or -EFAULT: it has none (empty, or its ArrayBuffer was detached). They stay there as long
   * as the ArrayBuffer is alive and not detached.
   */
  addressOf(bytes: Uint8Array): number;
  /** Keeps 16 bytes for the peer to read ({@link linkProbe}) as long as the link is open: their address. */
  linkProve(link: number, proof: Uint8Array): number;
  /**
   * May the peer's memory be read (1), and written as well (3)? Reads the 16 bytes at the address that it told, which
   * must be `proof`. Or -errno: -EPERM refused, -EBADMSG another process's memory, -ESRCH no number for it here.
   */
  linkProbe(link: number, address: number, proof: Uint8Array): number;
  /** Lets the peer reach memory of ours under a slot of the link's access table. */
  linkExpose(link: number, slot: number, generation: number): void;
  /** Takes it back, with the next generation. 1: the peer is writing into it at this moment; else 0. */
  linkRevoke(link: number, slot: number, generation: number): number;
  /**
   * Copies `bytes` from the peer's memory at `address` to `local` at `offset`. The bytes copied, or -errno: -ESTALE it has
   * been taken back, -EPIPE or -ESRCH the peer is gone (what was copied is not to be used), -EFAULT not there, -EINVAL
   * no such slot or not inside `local` as it is now, -EPERM not permitted.
   */
  linkRead(
    link: number,
    slot: number,
    generation: number,
    address: number,
    local: Uint8Array,
    offset: number,
    bytes: number,
  ): number;
  /** The same from `local` to the peer's memory. */
  linkWrite(
    link: number,
    slot: number,
    generation: number,
    address: number,
    local: Uint8Array,
    offset: number,
    bytes: number,
  ): number;
}

/** Event loop (D6). */
export interface LoopAddon {
  /** The block of 16 words of this isolate, see {@link ISOLATE_AWAKE}. */
  isolate(): ArrayBuffer;
  /** The program sent something while the loop was not looking: look for the answer, if that promises anything. */
  wake(): void;
  /** Most microseconds to look before sleeping, 0 to 200. */
  setSpin(maxMicroseconds: number): void;
  /** Counts sockets that keep the loop alive. */
  hold(delta: number): void;
  /** Calls back in the loop's phase for what is closed, in this turn, and holds the loop until then. 0 or -errno. */
  closeLate(then: () => void): number;
  /**
   * Calls back once, `milliseconds` from now, outside of every async context; keeps no process alive. There is one alarm:
   * setting it again takes the one before back. 0 or -errno.
   */
  alarm(milliseconds: number, onDue: () => void): number;
  loopStats(): LoopStats;
}

/** What the program has done and has not been told of, told before anything that the loop finds in its poll. */
export interface OutcomeAddon {
  /**
   * Who tells of one. It is called, as a callback, as often as the first word of the block that this returns says; the
   * caller writes it. Or -errno.
   */
  tellBy(tell: () => void): ArrayBuffer | number;
}

/** Calls from the event loop with no callback around them, as libuv's own are. */
export interface DeliveryAddon {
  /**
   * Who has something to deliver. `next`, which must not call the program, takes the first of it: 0 there is nothing; 1 the
   * function `array[0]` is to be called with `array[1]` as `this` and the argument `array[2]`; 2 the same, and then `next`
   * again; 3 `scoped` is to be called, as a callback, and then `next` again. `ticks` runs ticks, and Node calls what
   * `setTicks` was given last for that: meanwhile what a tick throws is an uncaughtException at once. 0 or -errno.
   */
  deliverBy(
    next: () => number,
    scoped: () => void,
    array: unknown[],
    setTicks: (ticks: () => void) => void,
    ticks: () => void,
  ): number;
  /** Something is there: it is delivered behind the link's callback that is under way, else in the loop's next turn. */
  deliverSoon(): void;
  /** `error` is an uncaughtException now; the callback that threw it gets no ticks behind it. */
  uncaught(error: unknown): void;
}

/** Questions to the kernel (D4, D12, ADDR-1 … ADDR-13). */
export interface KernelAddon {
  /**
   * The listener that TCP would reach from `local` to `remote`: 0 and `out` = cookie, uid, inode, state; -ENOENT none.
   */
  diag(
    family: 4 | 6,
    remote: string,
    remotePort: number,
    local: string,
    localPort: number,
    out: BigUint64Array,
  ): number;
  /** `out[0]` = the kernel's own, never reused name of a socket (SO_COOKIE). 0 or -errno. */
  cookie(fd: number, out: BigUint64Array): number;
  /** 1 the route is local, 0 it is not, or -errno; `out.source` = the preferred source address, '' if not said. */
  route(remote: string, out: { source: string }): number;
  /** A TCP socket bound without SO_REUSEADDR: its descriptor, or -errno (-EADDRINUSE). Port 0: any; `bound[0]` = which. */
  reserve(family: 4 | 6, address: string, port: number, bound: Int32Array): number;
  /** What a socket is bound to. 0 or -errno. */
  sockname(fd: number, out: { address: string; port: number; family: number }): number;
  /**
   * Follows the addresses of this host. All current ones are reported, then `onReplayed`, before this returns
   * (ADDR-2); changes as they happen. `onReplayed` comes again when notices were lost and the list was read anew.
   * 0 or -errno (-EBUSY: watching already).
   */
  watchAddresses(onChange: AddressCallback, onReplayed: () => void): number;
  unwatchAddresses(): void;
}

/**
 * Secured memory, pins and guarded access (PD-13 … PD-18, CACHE-1 … CACHE-11, D8). A range is given as a Uint8Array over
 * any kind of buffer; addresses are numbers, for they stay below 2^53.
 */
export interface SecureAddon {
  /** Bytes of a page of this machine. */
  readonly pageBytes: number;
  /**
   * Opens secured memory in this isolate, with a helper thread that the whole process shares. `onNotice`: the mapping of a
   * secured range has changed inside this range; comes after {@link secureCheck} has begun to say so. 0 or -errno: -EPERM,
   * -ENOSYS not permitted or not there, -ENOTSUP an older kernel, -EBUSY it is open.
   */
  secureOpen(onNotice: (address: number, bytes: number) => void): number;
  /** Takes everything back that this isolate has secured. */
  secureClose(): void;
  /**
   * Secures the pages of a range: its slot, and `out[0]` = its generation. Or -errno: -EFAULT not all mapped, -EAGAIN pages
   * of it were given back by madvise, -ENOBUFS too many ranges, -EBUSY, -EINVAL the kernel cannot, -ENOTCONN not open.
   */
  secure(range: Uint8Array, out: Uint32Array): number;
  /**
   * Whether the range is mapped as it was: 0, -ESTALE, -EINVAL. With `settle` whatever any thread did before the call counts;
   * that costs two system calls' time and can end with -EAGAIN, the helper thread did not get to run.
   */
  secureCheck(slot: number, generation: number, settle: boolean): number;
  /** 0, or -EINVAL: not this isolate's. */
  unsecure(slot: number): number;
  /** Ranges of the whole process that are secured and unchanged. */
  securedCount(): number;
  /**
   * Pins the whole pages of a range: a second mapping of the same memory, which keeps them. To be given to
   * {@link MemoryAddon.release}. Or -errno: -EINVAL private memory, or a file's, of which there can be none; -EFAULT.
   */
  pin(range: Uint8Array): ArrayBuffer | number;
  /** Copies from or to memory that need not be there (PD-16): 0 or -EFAULT. */
  guardedRead(address: number, into: Uint8Array): number;
  guardedWrite(address: number, from: Uint8Array): number;
}

export interface Addon
  extends MemoryAddon,
    LinkAddon,
    AccessAddon,
    LoopAddon,
    OutcomeAddon,
    DeliveryAddon,
    KernelAddon,
    SecureAddon {
  readonly abi: number;
}
