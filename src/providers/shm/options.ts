/** What the shm provider is given when it is put together. */
import type { ProxyDriver } from '../../proxy-driver/index.js';

export interface ShmOptions {
  readonly driver: ProxyDriver;
  /** Bytes of each ring of a new link; a power of two, 512 KiB to 16 MiB. */
  readonly ringBytes: number;
  /** Most bytes that one link may leave to its peer when this process exits (D7). */
  readonly spillBytesMax: number;
  /** Uids whose processes may pair with this one, both as listener and as connector (D5). */
  readonly allowedUids: ReadonlySet<number>;
  /** `off`: neither reaches into peers' memory nor lets them into this process's; data are copied through the ring. */
  readonly rdma?: 'auto' | 'off';
  /** Told of links and of what went wrong with them; for observers. */
  readonly onEvent?: (event: ShmEvent) => void;
}

/** One entry of a link's history. */
export interface ShmEvent {
  readonly type: 'link-open' | 'link-closed' | 'link-failed' | 'link-refused';
  readonly link: number;
  readonly pid: number;
  readonly uid: number;
  /** What was wrong, in words; empty if nothing was. */
  readonly detail: string;
  /** Of a link that is open: why the peer's memory cannot be reached, in words (D9); and whether its own is locked. */
  readonly refusal?: string;
  readonly locked?: boolean;
}
