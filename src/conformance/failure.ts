/** What a case that fails throws. */
import { wsaName } from '../spi/index.js';

/** A provider does not keep the contract: what was seen, and which requirements say otherwise. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError';

  /** `requirements`: ids as in `MEM-15`, the first one the most telling. */
  constructor(
    readonly requirements: readonly string[],
    readonly seen: string,
  ) {
    super(`${seen} [${requirements.join(', ')}]`);
  }
}

/** A code for a message: `WSAEINVAL (10022)`. */
export function named(code: number): string {
  return code === 0 ? 'success' : `${wsaName(code)} (${code})`;
}

/** Several codes for a message: `WSAEINVAL or WSAEFAULT`. */
export function anyOf(codes: readonly number[]): string {
  return codes.map((code) => (code === 0 ? 'success' : wsaName(code))).join(' or ');
}
