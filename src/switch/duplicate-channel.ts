/** How two switches talk while a connection changes hands: the composition root has an implementation. */

/** One end of the talk. Messages are whole; both callbacks are the user's to set. */
export interface DuplicateChannel {
  /** The other process and its user, by the kernel's word. */
  readonly pid: number;
  readonly uid: number;
  onMessage: ((bytes: Uint8Array) => void) | null;
  /** The other end is gone, or spoke nonsense. Comes once, and not after {@link close}. */
  onClosed: (() => void) | null;
  /** False: it did not go. */
  send(bytes: Uint8Array): boolean;
  /** What was sent still arrives. */
  close(): void;
}

export interface DuplicateTransport {
  /** Waits for whoever receives the TCP socket with descriptor `fd`; null: that cannot be. */
  offer(fd: number, onClaim: (channel: DuplicateChannel) => void): { close(): void } | null;
  /** Whoever offers a connection for the received TCP socket `fd`; null: nobody does. */
  claim(fd: number): DuplicateChannel | null;
}
