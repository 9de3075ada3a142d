/** Counters of one isolate: what `stats()` of the public API returns and what a snapshot carries. They only ever grow. */

/** The addon's event loop counters (D6). */
export interface LoopStats {
  /** Turns of the event loop that looked at links. */
  readonly turns: number;
  /** Runs of messages delivered. */
  readonly drains: number;
  /** Doorbells received and sent; far fewer than messages when both ends are busy. */
  readonly bells: number;
  readonly bellsSent: number;
  /** Times the loop polled before sleeping, and how often something came meanwhile. */
  readonly spins: number;
  readonly spinHits: number;
  /** Times the loop went to sleep. */
  readonly sleeps: number;
  /**
   * How long it polled with nothing else to do, which the program's event-loop utilisation counts as idle. Of the processor
   * time that the process used this is the share of polling, or somewhat less of it where others had the core meanwhile.
   */
  readonly polledNanoseconds: number;
}

/** The proxy driver's memory (PD-11, PD-13). */
export interface MemoryStats {
  /** Bytes that providers have allocated through the proxy driver, and the most they may. */
  readonly allocated: number;
  readonly allocatedMax: number;
  /** Bytes that providers have pinned, and those of them that are locked, as far as RLIMIT_MEMLOCK allows. */
  readonly pinned: number;
  readonly locked: number;
  /**
   * Whether memory can be watched for changes, so that providers may keep it registered after its use. `unused`: none has asked
   * yet. `refused`: none can, for `securedReason`; nothing is kept then, and all else works.
   */
  readonly secured: 'unused' | 'on' | 'refused';
  readonly securedReason: string | null;
  /** Ranges of the whole process that are watched now. */
  readonly securedRanges: number;
}

export interface Stats {
  readonly connections: {
    /** `opened` since the start, `open` now. */
    readonly san: { readonly opened: number; readonly open: number };
    /** `byReason`: opened, per reason code. Listeners are not counted. */
    readonly tcp: { readonly opened: number; readonly byReason: Readonly<Record<string, number>> };
  };
  /** Payload bytes of all SAN connections, open and closed. */
  readonly bytes: { readonly read: number; readonly written: number };
  /** `lost`: closed because the peer died or broke the protocol. */
  readonly links: { readonly opened: number; readonly open: number; readonly lost: number };
  /** Null where the addon is not loaded. */
  readonly loop: LoopStats | null;
  /** Null where the addon is not loaded. */
  readonly memory: MemoryStats | null;
}

/** Payload bytes of the connections that are open now; the counters know only those of the closed ones. */
export interface LiveBytes {
  readonly read: number;
  readonly written: number;
}

/** Kept by the runtime: one call per event in a connection's or link's life, none per message. */
export class Counters {
  #sanOpened = 0;
  #sanClosed = 0;
  #closedRead = 0;
  #closedWritten = 0;
  #tcpOpened = 0;
  readonly #tcpByReason = new Map<string, { count: number }>();
  #linksOpened = 0;
  #linksClosed = 0;
  #linksLost = 0;

  /** A connection was established on a SAN provider. */
  sanOpened(): void {
    this.#sanOpened++;
  }

  /** It is gone; the bytes its program had read and written. */
  sanClosed(bytesRead: number, bytesWritten: number): void {
    this.#sanClosed++;
    this.#closedRead += bytesRead;
    this.#closedWritten += bytesWritten;
  }

  /** A connection is made by TCP, for this reason. */
  tcpOpened(reason: string): void {
    this.#tcpOpened++;
    const of = this.#tcpByReason.get(reason);
    if (of === undefined) this.#tcpByReason.set(reason, { count: 1 });
    else of.count++;
  }

  linkOpened(): void {
    this.#linksOpened++;
  }

  /** `lost`: by the peer's death or its fault, not in an orderly way. */
  linkClosed(lost: boolean): void {
    this.#linksClosed++;
    if (lost) this.#linksLost++;
  }

  stats(live: LiveBytes, loop: LoopStats | null, memory: MemoryStats | null = null): Stats {
    const byReason = Object.fromEntries([...this.#tcpByReason].map(([reason, { count }]) => [reason, count]));
    return {
      connections: {
        san: { opened: this.#sanOpened, open: this.#sanOpened - this.#sanClosed },
        tcp: { opened: this.#tcpOpened, byReason },
      },
      bytes: { read: this.#closedRead + live.read, written: this.#closedWritten + live.written },
      links: { opened: this.#linksOpened, open: this.#linksOpened - this.#linksClosed, lost: this.#linksLost },
      loop,
      memory,
    };
  }
}
