/** An overlapped operation that the session posts with a provider; the base of each kind. */
import type { WSAOVERLAPPED } from '../spi/index.js';

/** An idle {@link WSAOVERLAPPED} that knows what follows from its end. Bit 0 of `hEvent` is clear: the provider notifies. */
export abstract class Operation implements WSAOVERLAPPED {
  Internal = 0;
  InternalHigh = 0;
  Offset = 0;
  OffsetHigh = 0;
  hEvent = 0;

  /** It has ended: 0 or a WSA code, and the bytes it moved. Called from inside the provider (OBS-20). */
  abstract onComplete(error: number, bytes: number): void;
}

/**
 * The switch's `WPUCompleteOverlappedRequest` hands every finished overlapped here, result already written (XFER-25).
 * Returns false if it is none of ours.
 */
export function completeOperation(lpOverlapped: WSAOVERLAPPED): boolean {
  if (!(lpOverlapped instanceof Operation)) return false;
  lpOverlapped.onComplete(lpOverlapped.OffsetHigh, lpOverlapped.InternalHigh);
  return true;
}
