/** Urgent data for programs (GAP-14): Node has no API for it, so these functions are the package's own. */
import { errnoFromWsa, errnoNameFromWsa, WSAEMSGSIZE, WSAEOPNOTSUPP, WSAEWOULDBLOCK } from '../spi/index.js';
import { HybridHandle, type UrgentListener } from './handle.js';

const NOT_SUPPORTED = 'urgent data are not supported on this connection: it is not on a SAN provider';
const MEANINGS: ReadonlyMap<number, string> = new Map([
  [WSAEOPNOTSUPP, 'urgent data are not supported on this connection'],
  [WSAEMSGSIZE, 'a block of urgent data is larger than one message'],
  [WSAEWOULDBLOCK, 'the other end has not taken the urgent data that were sent before'],
]);

/** The handle of a socket on the SAN; null: it has none, or another. */
function handleOf(socket: object): HybridHandle | null {
  const { _handle: handle } = socket as { _handle?: unknown };
  return handle instanceof HybridHandle && !handle.closed ? handle : null;
}

function failure(wsa: number): NodeJS.ErrnoException {
  const code = wsa === WSAEOPNOTSUPP ? 'ENOTSUP' : errnoNameFromWsa(wsa);
  const error: NodeJS.ErrnoException = new Error(`${code}: ${MEANINGS.get(wsa) ?? 'urgent data cannot be sent'}`);
  return Object.assign(error, { code, errno: -errnoFromWsa(wsa), syscall: 'send' });
}

function notSupported(): NodeJS.ErrnoException {
  return Object.assign(failure(WSAEOPNOTSUPP), { message: `ENOTSUP: ${NOT_SUPPORTED}` });
}

/** Sends one block; what speaks against it, or null. */
export function sendUrgent(socket: object, block: Uint8Array): NodeJS.ErrnoException | null {
  const session = handleOf(socket)?.session;
  if (session?.sendUrgent === undefined) return notSupported();
  const result = session.sendUrgent(block);
  return result === 0 ? null : failure(-result);
}

/** `listener` null: blocks come among the data. Throws where there are no urgent data. */
export function listenUrgent(socket: object, listener: UrgentListener | null): void {
  if (handleOf(socket)?.listenUrgent(listener) !== true) throw notSupported();
}

/** Whether the program has been given exactly what was written before the last urgent block. */
export function isAtMark(socket: object): boolean {
  return handleOf(socket)?.session.atMark === true;
}
