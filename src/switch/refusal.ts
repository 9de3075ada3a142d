/**
 * The words of a switch that refuses a connection request, as connect data with the refusal: which reason, so that the
 * connector can name it. Little-endian:
 *
 *     0 u32 magic "SDR1"     4 u16 version (1)     6 u16 code
 *
 * A refusal with these words always means "use TCP": the listener's program was not asked. A provider that follows the
 * published rules fails the connect with `WSAECONNREFUSED` (ACC-7), which without them is authoritative (CONN-13).
 */
import type { WSABUF } from '../spi/index.js';
import type { RouteReason } from './reasons.js';

const MAGIC = 0x31524453;
const VERSION = 1;
const REFUSAL_BYTES = 8;

/** Codes on the wire; only ever added to. */
const CODES: readonly (readonly [number, RouteReason])[] = [
  [1, 'listener-refused'],
  [2, 'listener-busy'],
  [3, 'excluded'],
  [4, 'protocol-mismatch'],
  [5, 'out-of-resources'],
  [6, 'listener-shared'],
];

/** Fills `lpCalleeData`; does nothing if the provider has no room for it. */
export function encodeRefusal(reason: RouteReason, lpCalleeData: WSABUF | null): void {
  if (lpCalleeData === null) return;
  const { buf, len } = lpCalleeData;
  if (len < REFUSAL_BYTES) {
    lpCalleeData.len = 0;
    return;
  }
  const view = new DataView(buf.buffer, buf.byteOffset, REFUSAL_BYTES);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  view.setUint16(6, CODES.find((row) => row[1] === reason)?.[0] ?? 1, true);
  lpCalleeData.len = REFUSAL_BYTES;
}

/** The reason in what a peer sent; null if it is no refusal. A code of a newer peer is an ordinary refusal. */
export function decodeRefusal(lpCalleeData: WSABUF): RouteReason | null {
  const { buf, len } = lpCalleeData;
  if (len < REFUSAL_BYTES || len > buf.length) return null;
  const view = new DataView(buf.buffer, buf.byteOffset, REFUSAL_BYTES);
  if (view.getUint32(0, true) !== MAGIC) return null;
  const code = view.getUint16(6, true);
  return CODES.find((row) => row[0] === code)?.[1] ?? 'listener-refused';
}
