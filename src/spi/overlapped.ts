/**
 * Overlapped operations: how a transfer that was started reports its end, by notification or by polling (XFER-18…28).
 */

import { WSA_IO_INCOMPLETE } from './errors.js';
import type { Out } from './types.js';

/** In {@link WSAOVERLAPPED.Internal}: the operation is not finished. [HDR: ws2spi.h] */
export const WSS_OPERATION_IN_PROGRESS = 0x103;

/** Bit 0 of {@link WSAOVERLAPPED.hEvent}: set = the caller polls, the provider must not notify (XFER-22). */
export const OVERLAPPED_POLL = 1;

/**
 * One operation. The caller makes it, keeps it until the operation is complete, and may then use it again; its identity
 * is how the switch knows which operation ended. All fields are unsigned 32-bit numbers.
 *
 * - `Internal`: {@link WSS_OPERATION_IN_PROGRESS} while it runs; any other value = finished, and then the rest is valid.
 * - `InternalHigh`: bytes transferred; 0 for a failed operation (OBS-19).
 * - `Offset`: provider's; resulting flags (of `WSPRecv`).
 * - `OffsetHigh`: provider's; the `WSA*` code the operation ended with, 0 = success.
 * - `hEvent`: caller's; bit 0 = {@link OVERLAPPED_POLL}. The rest has no meaning for the provider.
 *
 * [REF ff565952] XFER-27.
 */
export interface WSAOVERLAPPED {
  Internal: number;
  InternalHigh: number;
  Offset: number;
  OffsetHigh: number;
  hEvent: number;
}

/** A completion routine. Under the switch always `null`; a provider need not support it (XFER-18, XFER-19). */
export type LPWSAOVERLAPPED_COMPLETION_ROUTINE = (
  dwError: number,
  cbTransferred: number,
  lpOverlapped: WSAOVERLAPPED,
  dwFlags: number,
) => void;

/** Makes an idle {@link WSAOVERLAPPED}. With `poll` the provider will not notify (XFER-22). */
export function createOverlapped(poll = false): WSAOVERLAPPED {
  return { Internal: 0, InternalHigh: 0, Offset: 0, OffsetHigh: 0, hEvent: poll ? OVERLAPPED_POLL : 0 };
}

/** Whether the provider must end this operation by `WPUCompleteOverlappedRequest` (XFER-23). False: caller polls. */
export function wantsNotification(lpOverlapped: WSAOVERLAPPED): boolean {
  return (lpOverlapped.hEvent & OVERLAPPED_POLL) === 0;
}

/** Whether the operation is finished, so that its result may be read (XFER-28). */
export function isComplete(lpOverlapped: WSAOVERLAPPED): boolean {
  return lpOverlapped.Internal !== WSS_OPERATION_IN_PROGRESS;
}

/**
 * Provider: mark the operation as running. Must come before the operation is posted, because its completion can win
 * the race (OBS-16).
 */
export function beginOverlapped(lpOverlapped: WSAOVERLAPPED): void {
  lpOverlapped.InternalHigh = 0;
  lpOverlapped.Offset = 0;
  lpOverlapped.OffsetHigh = 0;
  lpOverlapped.Internal = WSS_OPERATION_IN_PROGRESS;
}

/**
 * Write the end of an operation in the order of XFER-27: error, bytes, and last the state. The provider uses it for a
 * polled operation (OBS-18); the switch's `WPUCompleteOverlappedRequest` uses it for a notified one.
 * `cbTransferred` is taken as 0 if `dwError` is not 0 (OBS-19).
 */
export function finishOverlapped(lpOverlapped: WSAOVERLAPPED, dwError: number, cbTransferred: number): void {
  lpOverlapped.OffsetHigh = dwError;
  lpOverlapped.InternalHigh = dwError === 0 ? cbTransferred : 0;
  lpOverlapped.Internal = 0;
}

/**
 * The answer of `WSPGetOverlappedResult(fWait = FALSE)`, for any provider that keeps its results in the
 * {@link WSAOVERLAPPED} (XFER-26): true = succeeded; false = `lpErrno` says why, `WSA_IO_INCOMPLETE` = still running.
 */
export function readOverlapped(
  lpOverlapped: WSAOVERLAPPED,
  lpcbTransfer: Out<number>,
  lpdwFlags: Out<number>,
  lpErrno: Out<number>,
): boolean {
  if (!isComplete(lpOverlapped)) {
    lpErrno.value = WSA_IO_INCOMPLETE;
    return false;
  }
  lpcbTransfer.value = lpOverlapped.InternalHigh;
  lpdwFlags.value = lpOverlapped.Offset;
  lpErrno.value = lpOverlapped.OffsetHigh;
  return lpOverlapped.OffsetHigh === 0;
}
