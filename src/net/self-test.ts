/**
 * Decides at load whether this Node is one we know (D1): a socket of Node's own is put on a hybrid handle and must read,
 * write and end as it should. It tests Node's shape, not ours; so the session below is a few recorded calls.
 */
import { Socket } from 'node:net';
import type { SessionUser } from '../session/index.js';
import { WRITE_DONE, WRITE_PENDING } from '../session/index.js';
import { AF_INET, makeSockaddr } from '../spi/index.js';
import { newHandleResource } from './async-context.js';
import { collectThrown } from './callback.js';
import { HybridHandle } from './handle.js';
import type { NodeInternals } from './internals.js';
import type { TcpHandle } from './node-shapes.js';
import type { SanConnection, SanSession } from './port.js';

/** Names on the way from `TCP.prototype` down that need no member of ours. */
const HARMLESS: ReadonlySet<PropertyKey> = new Set(['constructor', 'owner']);

/** Null: this Node is known. Else what differs. The handle environment must be set to one whose `hold` does nothing. */
export function selfTest(internals: NodeInternals): string | null {
  const found: { wrong: string | null } = { wrong: null };
  try {
    const thrown = collectThrown(() => {
      found.wrong = examine(internals);
    });
    if (thrown.length > 0) return `${found.wrong ?? 'a callback'} (${String(thrown[0])})`;
    return found.wrong;
  } catch (error) {
    return `an exception: ${String(error)}`;
  }
}

/** In the place of the TCP handle: closes at once, so that not even an immediate is left for the program to count. */
const NO_TCP = {
  fd: -1,
  hasRef: () => true,
  getAsyncId: () => 1,
  close: (callback?: () => void) => callback?.(),
} as unknown as TcpHandle;

/**
 * The handle that was tried: a native object, and if it were collected, a program's async hooks would hear of the end of what
 * they have not seen begin.
 */
const kept: HybridHandle[] = [];

class RecordedSession implements SanSession {
  user: SessionUser | null = null;
  readonly phase = 'established';
  readonly pendingBytes = 0;
  readonly transfer = 'copy';
  readonly lending = false;
  onBuffersReturned: (() => void) | null = null;
  reading = false;
  closed = false;
  written = '';
  answer = WRITE_DONE;

  write(bytes: Uint8Array): number {
    this.written += Buffer.from(bytes).toString('latin1');
    return this.answer;
  }

  writev(list: readonly Uint8Array[]): number {
    return this.write(Buffer.concat(list));
  }

  shutdown(): void {
    this.user?.onShutdown(0);
  }

  startReading(): void {
    this.reading = true;
  }

  stopReading(): void {
    this.reading = false;
  }

  close(): void {
    this.closed = true;
  }

  reset(): void {
    this.closed = true;
  }
}

function examine(internals: NodeInternals): string | null {
  const session = new RecordedSession();
  const name = makeSockaddr(AF_INET, '127.0.0.1', 1);
  const ends = { local: name, remote: name, peer: null, toSelf: false };
  const connection: SanConnection = { session, provider: '', ...ends, id: 0 };
  const handle = new HybridHandle(connection, NO_TCP, newHandleResource());
  kept.push(handle);
  const bare = unshadowed(handle, internals);
  if (bare !== null) return `TCP handles have ${bare}`;

  const socket = new Socket({ handle, allowHalfOpen: true } as object);
  socket.on('error', () => {
    // Reported by what the checks below see.
  });
  try {
    return converse(socket, handle, session, internals);
  } finally {
    socket.destroy();
  }
}

/** A member of TCP handles that the hybrid handle does not have itself: calling it would abort the process. */
function unshadowed(handle: HybridHandle, { TCP }: NodeInternals): string | null {
  if (!(handle instanceof (TCP as unknown as abstract new () => object))) return 'another prototype';
  const ours = new Set<PropertyKey>(Reflect.ownKeys(handle));
  let prototype: object | null = Object.getPrototypeOf(handle) as object;
  for (; prototype !== null && prototype !== TCP.prototype; prototype = parent(prototype)) {
    for (const key of Reflect.ownKeys(prototype)) ours.add(key);
  }
  for (; prototype !== null && prototype !== Object.prototype; prototype = parent(prototype)) {
    const key = Reflect.ownKeys(prototype).find((candidate) => !ours.has(candidate) && !HARMLESS.has(candidate));
    if (key !== undefined) return String(key);
  }
  return null;
}

function parent(of: object): object | null {
  return Object.getPrototypeOf(of) as object | null;
}

function converse(
  socket: Socket,
  handle: HybridHandle,
  session: RecordedSession,
  internals: NodeInternals,
): string | null {
  if (handle[internals.ownerSymbol] !== socket || !session.reading) return 'the handle was not taken';
  if (socket.remoteAddress !== '127.0.0.1' || socket.localPort !== 1) return 'names';

  const sent = (bytes: string, waiting: number): boolean =>
    session.written === bytes && socket.writableLength === waiting;
  socket.write('a\u00e9', 'latin1');
  if (!sent('a\u00e9', 0)) return 'a write of a text';
  socket.write(Buffer.from('bc'));
  if (!sent('a\u00e9bc', 0)) return 'a write of a buffer';
  session.answer = WRITE_PENDING;
  socket.write('d');
  if (!sent('a\u00e9bcd', 1)) return 'a write that goes on';
  handle.onWritten(0);
  if (!sent('a\u00e9bcd', 0) || socket.bytesWritten !== 5) return 'the end of a write';

  receive(handle, 'xyz');
  if (readAll(socket) !== 'xyz' || socket.bytesRead !== 3) return 'data';
  // From here on through the native stream, as TLS and HTTP/2 read it.
  handle.attachTls(null);
  receive(handle, 'uvw');
  if (readAll(socket) !== 'uvw') return 'data for a native consumer';
  handle.onEnd(false);
  const { _readableState: readable } = socket as unknown as { _readableState?: { ended?: boolean } };
  if (readable?.ended !== true) return 'the end of data';
  return socket.destroyed ? 'a socket destroyed' : null;
}

function receive(handle: HybridHandle, text: string): void {
  const bytes = Buffer.from(text);
  handle.onData(bytes.buffer, bytes.byteOffset, bytes.length);
}

function readAll(socket: Socket): string {
  const bytes: unknown = socket.read();
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('latin1') : '';
}
