/**
 * Where short texts are encoded before they are sent. The session copies what it can send at once, so one scratch serves
 * all sockets; one that a pending write still needs is left to that write and replaced.
 */

/** Bytes of the scratch: the most that is encoded or gathered here. */
export const SCRATCH_BYTES = 16 * 1024;
/** Views of at most this many bytes are kept for reuse, so that a short text costs no object. */
const KEPT_VIEW_BYTES_MAX = 1024;

/** The current scratch. Write at its start, then ask {@link scratchView}. */
export let scratch: Buffer = Buffer.allocUnsafeSlow(0);
let views: (Uint8Array | undefined)[] = [];

/** Makes sure that there is a scratch. */
export function useScratch(): Buffer {
  if (scratch.length === 0) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  return scratch;
}

/** The first `length` bytes of the scratch. */
export function scratchView(length: number): Uint8Array {
  if (length > KEPT_VIEW_BYTES_MAX) return new Uint8Array(scratch.buffer, 0, length);
  let view = views[length];
  if (view === undefined) {
    view = new Uint8Array(scratch.buffer, 0, length);
    views[length] = view;
  }
  return view;
}

/** A pending write keeps the scratch; the next text goes elsewhere. */
export function abandonScratch(): void {
  scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  views = [];
}

/** The most bytes that `text` can take in `encoding`. */
export function encodedBytesMax(text: string, encoding: BufferEncoding): number {
  switch (encoding) {
    case 'latin1':
    case 'ascii':
    case 'binary':
      return text.length;
    case 'utf8':
    case 'utf-8':
      return text.length * 3;
    case 'ucs2':
    case 'ucs-2':
    case 'utf16le':
      return text.length * 2;
    default:
      // base64, hex: never longer than the text.
      return text.length;
  }
}
