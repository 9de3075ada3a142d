/**
 * What `net` keeps under names and symbols that no binding has: seen by giving a socket a handle of ours and looking at
 * both. What is not there is answered by its name, as in requirements.ts.
 */
import { Server, Socket } from 'node:net';
import type { OwnerSocket } from './node-shapes.js';

/** What was seen. */
export interface Probed {
  readonly ownerSymbol: symbol;
  /** What `net` installs as `onread` on every handle. */
  readonly onStreamRead: (memory?: ArrayBuffer) => unknown;
  /** Where a socket keeps the buffer of its `onread` option. */
  readonly userBufferSymbol: symbol;
  /** Keys under which an HTTP/2 session marks a socket that it reads natively. */
  readonly boundSessionKeys: readonly [PropertyKey, PropertyKey];
}

/** Gives a socket a handle of ours and looks what `net` puts on it, and keeps of it under names of its own. */
export function probeSocket(SocketClass = Socket): Probed | string {
  const named = (): number => 0;
  const calls = { close() {}, getsockname: named, getpeername: named };
  const handle: typeof calls & { onread?: unknown } = calls;
  const socket = new SocketClass({ handle, manualStart: true } as object);
  const ownerSymbol = Object.getOwnPropertySymbols(handle).find((key) => key.description === 'owner_symbol');
  const userBufferSymbol = Object.getOwnPropertySymbols(socket).find((key) => key.description === 'kBuffer');
  if (ownerSymbol === undefined) return 'owner_symbol';
  if (userBufferSymbol === undefined) return 'kBuffer';
  if (typeof handle.onread !== 'function') return 'handle.onread';
  const { _handle, _writableState } = socket as unknown as Partial<OwnerSocket>;
  if (_handle !== handle) return 'net.Socket._handle';
  if (typeof _writableState?.getBuffer !== 'function') return 'net.Socket._writableState.getBuffer';
  // `net` remembers what it asks the handle for.
  socket.address();
  Reflect.get(socket, 'remotePort');
  const { _sockname, _peername } = socket as unknown as Record<string, unknown>;
  if (typeof _sockname !== 'object' || _sockname === null) return 'net.Socket._sockname';
  if (typeof _peername !== 'object' || _peername === null) return 'net.Socket._peername';
  const boundSession = boundSessionSymbol(SocketClass);
  if (boundSession === undefined) return 'kBoundSession';
  const onStreamRead = handle.onread as Probed['onStreamRead'];
  return { ownerSymbol, userBufferSymbol, onStreamRead, boundSessionKeys: ['undefined', boundSession] };
}

/** What a server keeps under names of its own. */
export function probeServer(ServerClass = Server): string | null {
  const server = new ServerClass() as unknown as Record<string, unknown>;
  if (server['_handle'] !== null) return 'net.Server._handle';
  return server['_connections'] === 0 ? null : 'net.Server._connections';
}

/**
 * The symbol `kBoundSession`. `net` has it although only HTTP/2 sets it: `setTimeout` looks for a session on its socket,
 * and is watched here. (Until Node 26 the symbol is not exported to HTTP/2, which therefore uses the key `undefined`.)
 */
function boundSessionSymbol(SocketClass: typeof Socket): symbol | undefined {
  let found: symbol | undefined;
  const target: Record<PropertyKey, unknown> = { destroyed: false, _onTimeout() {} };
  const watched = new Proxy(target, {
    get(from, key) {
      if (typeof key === 'symbol' && key.description === 'kBoundSession') found = key;
      return from[key];
    },
  });
  const setTimeout = SocketClass.prototype.setTimeout as (this: unknown, ms: number) => unknown;
  setTimeout.call(watched, 1);
  setTimeout.call(watched, 0);
  return found;
}
