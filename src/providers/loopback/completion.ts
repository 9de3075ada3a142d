/** How operations end: by the way their owner asked for (XFER-22, XFER-23), memory released first (CLOSE-5). */
import type { MEM_READ, MEM_WRITE } from '../../spi/index.js';
import { finishOverlapped, wantsNotification, type WSABUF } from '../../spi/index.js';
import { bytesOf, type Piece } from './registration.js';
import type { Finished, LoopbackSocket } from './socket-record.js';

const errno = { value: 0 };

/** The registrations of an operation that begins cannot go before it ends (MEM-15). */
export function hold(pieces: readonly Piece[]): void {
  for (const { registration } of pieces) registration.uses++;
}

/** Tells the owner of an operation how it ended. May call back into the provider (OBS-20). */
export function finish(socket: LoopbackSocket, { pieces, overlapped, error, bytes }: Finished): void {
  for (const { registration } of pieces) registration.uses--;
  if (!wantsNotification(overlapped)) finishOverlapped(overlapped, error, bytes);
  else if (!socket.instance.crashed) {
    const { upcalls } = socket.instance;
    upcalls.lpWPUCompleteOverlappedRequest(socket.handle, overlapped, error, error === 0 ? bytes : 0, errno);
  }
}

/** The registered parts that buffers are, or null if one is not registered for it (XFER-30, OBS-15). */
export function findPieces(
  socket: LoopbackSocket,
  buffers: readonly WSABUF[],
  count: number,
  rights: typeof MEM_READ | typeof MEM_WRITE,
): Piece[] | null {
  const pieces: Piece[] = [];
  for (let i = 0; i < count; i++) {
    const piece = socket.memory.find(buffers[i], rights);
    if (piece === null) return null;
    pieces.push(piece);
  }
  return pieces;
}

/** The bytes of all pieces in memory of their own; null if some of it is gone. */
export function gather(pieces: readonly Piece[], bytes: number): Uint8Array | null {
  const message = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    const part = bytesOf(piece);
    if (part === null) return null;
    message.set(part, at);
    at += part.length;
  }
  return message;
}

/** Writes into the pieces in turn; the bytes that found room, or -1 if some of the memory is gone. */
export function scatter(from: Uint8Array, pieces: readonly Piece[]): number {
  let at = 0;
  for (const piece of pieces) {
    const into = bytesOf(piece);
    if (into === null) return -1;
    const part = from.subarray(at, at + into.length);
    into.set(part);
    at += part.length;
  }
  return at;
}
