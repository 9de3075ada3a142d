/**
 * Owned receive: this project's one addition to the SPI. NOT part of Ws2san.h or any published header.
 *
 * With the published contract the switch posts receive buffers and the provider copies into them, so a byte that comes
 * through shared memory would be copied three times. A provider may instead declare that it owns the receive buffers,
 * as a NIC with a shared receive queue does: it then hands out a view of each message, valid during the upcall, and a
 * byte is copied twice in all (DESIGN D2). The switch fetches the functions like any extension, by
 * {@link WSAID_SD_OWNEDRECEIVE}; a provider that has none answers `WSAEOPNOTSUPP` or `WSAEINVAL`, and the switch posts
 * buffers with `WSPRecv`.
 */

import type { GuidText } from './guid.js';
import type { Out, SOCKET } from './types.js';

/** The GUID of {@link OwnedReceive}. Ours, made at random; not a published one. */
export const WSAID_SD_OWNEDRECEIVE: GuidText = 'DCAB011D-FA9E-4366-BFF4-14BE1FE0A7F1';

/** {@link MessageReceiver.onMessage}: taken, go on with the run. */
export const RUN_CONTINUE = 0;
/** {@link MessageReceiver.onMessage}: taken, and the run ends here: one delivery to the program is one run. */
export const RUN_STOP = 1;
/**
 * {@link MessageReceiver.onMessage}: not taken; end the run and present the message again as the first of the next. Where it
 * is the first of a run, `onRunEnd` has something to do that comes before it.
 */
export const RUN_BEFORE = 2;
/** {@link MessageReceiver.onMessage}: nonsense; the provider ends the link with the peer (DESIGN D5). */
export const RUN_VIOLATION = 3;

/**
 * What receives a connected socket's messages. `onMessage` never calls the program; `onRunEnd` and `onDisconnect` may,
 * and then what the program throws comes out of them, so the provider's own state must be in order before it calls.
 */
export interface MessageReceiver {
  /**
   * One message. `memory` is the provider's (possibly shared) memory: valid during this call only; a hostile peer may
   * change it meanwhile. So: copy what is looked at, check the copy, then use it (DESIGN D5).
   * `offset` and `length` in bytes, already checked by the provider to be inside `memory`.
   * Returns {@link RUN_CONTINUE}, {@link RUN_STOP}, {@link RUN_BEFORE} or {@link RUN_VIOLATION}.
   */
  onMessage(memory: Uint8Array, offset: number, length: number): number;
  /** The run of messages for this socket is over for now (next is another socket's, or none): deliver what was gathered. */
  onRunEnd(): void;
  /**
   * The connection is gone. `error` 0 = the peer's provider closed after everything it sent was delivered; else
   * `WSAECONNRESET`, `WSAECONNABORTED` … Called once, and no other method afterwards.
   */
  onDisconnect(error: number): void;
  /**
   * What `WSPDuplicateSocket` began on this socket has ended. 0 = the receives are over, with success and no byte
   * (DUP-19), and the target process can attach; nothing more comes. Else a WSA code: the socket is as it was before.
   * If the connection is lost meanwhile, {@link MessageReceiver.onDisconnect} comes instead.
   */
  onDuplicated?(error: number): void;
}

/** Who is at the other end of a connection. */
export interface SdpPeer {
  /** Process id and user id, as the kernel says. */
  readonly pid: number;
  readonly uid: number;
  /** The provider's number of the link that carries the connection. */
  readonly link: number;
  /** It is in this very event loop. */
  readonly self: boolean;
  /**
   * What of the peer's registered memory can be reached without its help: `read`: `WSPRdmaRead` works; `write`:
   * `WSPRdmaWrite` copies once. `refusal`: why not, in words for people; empty if both. Absent: the provider cannot say.
   */
  readonly reach?: { readonly read: boolean; readonly write: boolean; readonly refusal: string };
}

/** The functions behind {@link WSAID_SD_OWNEDRECEIVE}. Sockets are the provider's descriptors (two-handle rule). */
export interface OwnedReceive {
  /**
   * Attach a receiver (replacing a former one), or detach it with null. Messages that came before are delivered first,
   * in order (SESS-6…8); delivery may begin before this call returns. While a receiver is attached, `WSPRecv` on this
   * socket fails with `WSAEINVAL`. Returns 0, or `SOCKET_ERROR` with `WSAENOTSOCK` or `WSAENOTCONN`.
   */
  SdpSetReceiver(s: SOCKET, receiver: MessageReceiver | null, lpErrno: Out<number>): number;
  /** Publish how many payload bytes (mod 2^32) the program has consumed on `s` (GAP-3). Unknown sockets are ignored. */
  SdpSetConsumed(s: SOCKET, total: number): void;
  /** What the peer last published for `s` (mod 2^32); valid after its death too, until `WSPCloseSocket(s)`. */
  SdpPeerConsumed(s: SOCKET): number;
  /**
   * Whether a message of more than `bytes` bytes has come for `s` that no run has presented yet. Who closes then leaves
   * something unread. Absent: the provider cannot say.
   */
  SdpArrived?(s: SOCKET, bytes: number): boolean;
  /**
   * Process exit (DESIGN D7): from now on `WSPSend` on any socket never pends; what the ring cannot hold goes to memory
   * that the peer will hold. Then {@link OwnedReceive.SdpEndExit} hands it over.
   */
  SdpBeginExit(): void;
  /** Hand what was gathered since {@link OwnedReceive.SdpBeginExit} to the peers. Nothing may be sent afterwards. */
  SdpEndExit(): void;
  /**
   * Who is at the other end. Null: not known. Byte counts are the session's, not the provider's.
   */
  SdpPeerOf(s: SOCKET): SdpPeer | null;
}
