/** The two edges of a session: the provider's socket below, the program's socket above. */
import type { OwnedReceive, SanExtensions, SOCKET, WSPPROC_TABLE } from '../spi/index.js';
import type { SessionBase } from './session-base.js';

/** The program's side of a session: its socket. Each method is one event for the program. */
export interface SessionUser {
  /** Bytes for the program, `length` of them at `offset`; the memory is the user's from now on. Only while reading. */
  onData(memory: ArrayBuffer, offset: number, length: number): void;
  /** The peer sends no more (its FIN, or its reset where that looks like an end); comes once, after all data, only while reading. */
  onEnd(byReset: boolean): void;
  /** The connection is lost: a WSA code. Comes once, after all data that can still be delivered, only while reading. */
  onReset(error: number): void;
  /** A block of urgent data (OOB-3); its bytes are the user's. Whether the program reads or not. */
  onUrgent?(bytes: Uint8Array): void;
  /** The pending write has ended: 0 = its bytes are safe, else a WSA code. */
  onWritten(error: number): void;
  /** The FIN asked for by `shutdown()` is out (0), or never will be (a WSA code). */
  onShutdown(error: number): void;
  /**
   * The process exits (D7): the bytes that the program has written and the socket keeps behind the pending write; null if
   * somebody else keeps them, who is then told that the pending write has ended, and may hand over more.
   */
  takeUnsent(): readonly Uint8Array[] | null;
}

/** The provider's side of a session, and what the switch wants to hear of it. */
export interface SessionIo {
  /** The provider's descriptor (two-handle rule: this one goes down, never up). */
  readonly s: SOCKET;
  readonly proc: WSPPROC_TABLE;
  readonly receive: OwnedReceive;
  /** The provider's memory registration and RDMA (SW-16). */
  readonly extensions: SanExtensions;
  /** With a connection that is lost, messages may be that were sent before. */
  readonly lossy?: boolean;
  /** How long a close waits for buffers that the peer reads, in ms; by default CANCEL_MILLISECONDS (BLOCK-5, GAP-8). */
  readonly cancelMilliseconds?: number;
  /** The peer's CONFIRM has come: the listener's program may see the connection (D12). Acceptor only. */
  onConfirmed(session: SessionBase): void;
  /** The peer goes on after a suspension, perhaps as another process (DUP-28). */
  onResumed?(session: SessionBase): void;
  /** How long to wait for that, in ms; for tests. */
  readonly heldMsMax?: number;
  /** The session is over and its provider socket closed. Comes once, whatever the reason. */
  onClosed(session: SessionBase): void;
  /** The peer broke the protocol; the provider ends the link for it. For observers. */
  onViolation(session: SessionBase, what: string): void;
}

/** `write()` says: the bytes are in memory that outlives this process. */
export const WRITE_DONE = 1;
/** `write()` says: `onWritten` will follow, exactly once. */
export const WRITE_PENDING = 0;
