/**
 * Reaches what this folder needs of Node's internals, without `--expose-internals` (D1). Everything found is checked;
 * what is missing or has another shape becomes a reason, never an exception: the process then stays on TCP.
 */
import { Server, Socket } from 'node:net';
import type { ConnectReq, JsStreamMethods, TcpHandle, TlsWrapBinding } from './node-shapes.js';

/** libuv codes that this folder uses by name. */
const UV_NAMES = [
  'UV_EOF',
  'UV_EBADF',
  'UV_EINVAL',
  'UV_EISCONN',
  'UV_ENOTCONN',
  'UV_ENOTSUP',
  'UV_EPIPE',
  'UV_ECANCELED',
] as const;

/** Why this Node's internals cannot be used. */
export type InternalsReason = 'bindings-unavailable' | 'node-unknown';

/** What was reached. */
export interface NodeInternals {
  readonly TCP: { new (type: number): TcpHandle; readonly prototype: TcpHandle };
  /** The arguments of `new TCP()` that make a connection's handle, and a listener's. */
  readonly tcpSocketType: number;
  readonly tcpServerType: number;
  readonly TCPConnectWrap: new () => ConnectReq;
  readonly Pipe: { new (type: number): object; readonly prototype: object };
  readonly Process: { new (): object; readonly prototype: object };
  readonly JSStream: { new (): object; readonly prototype: JsStreamMethods };
  readonly tlsWrap: TlsWrapBinding;
  /** Node's mailbox for results of stream calls, and the places in it. */
  readonly streamState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kArrayBufferOffset: number;
  readonly kBytesWritten: number;
  readonly kLastWriteWasAsync: number;
  /** Since Node 26; -1 before. */
  readonly kLastWriteErr: number;
  /** libuv's result codes by name, e.g. `UV_EOF`. */
  readonly uv: Readonly<Record<UvName, number>>;
  readonly ownerSymbol: symbol;
  /** What `net` installs as `onread` on every handle. */
  readonly onStreamRead: (memory?: ArrayBuffer) => unknown;
  /** Where a socket keeps the buffer of its `onread` option. */
  readonly userBufferSymbol: symbol;
  /** Keys under which an HTTP/2 session marks a socket that it reads natively. */
  readonly boundSessionKeys: readonly [PropertyKey, PropertyKey];
}

/** A libuv code that is known to exist. */
export type UvName = (typeof UV_NAMES)[number];

/** What {@link reachInternals} answers. */
export type Reached =
  | { readonly ok: true; readonly internals: NodeInternals }
  | { readonly ok: false; readonly reason: InternalsReason; readonly detail: string };

const LISTEN = '_listen2';

/** `process.binding('tcp_wrap')`, hoped for. */
interface TcpBinding {
  readonly TCP: NodeInternals['TCP'];
  readonly TCPConnectWrap?: NodeInternals['TCPConnectWrap'];
  readonly constants?: { readonly SOCKET?: unknown; readonly SERVER?: unknown };
}

/** Reaches the internals. Cheap (< 1 ms beside loading `net`), and without a trace on stderr. */
export function reachInternals(): Reached {
  try {
    return quietly(reach);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const detail = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: code === 'ERR_ACCESS_DENIED' ? 'bindings-unavailable' : 'node-unknown', detail };
  }
}

/**
 * `process.binding` announces its deprecation under `--pending-deprecation`; a preload must not write on the program's
 * stderr (D9), so warnings of that kind are off for the moment.
 */
function quietly<T>(run: () => T): T {
  // Under --no-deprecation it is on already, and read-only.
  if (process.noDeprecation === true) return run();
  const had = Object.hasOwn(process, 'noDeprecation');
  const before = process.noDeprecation;
  process.noDeprecation = true;
  try {
    return run();
  } finally {
    if (had) process.noDeprecation = before as boolean;
    else delete (process as { noDeprecation?: boolean }).noDeprecation;
  }
}

function reach(): Reached {
  const binding = (process as unknown as { binding(name: string): Record<string, unknown> }).binding;
  if (typeof binding !== 'function') return unknownNode('no process.binding');
  const tcp = binding.call(process, 'tcp_wrap');
  const stream = binding.call(process, 'stream_wrap');
  const jsStream = binding.call(process, 'js_stream');
  const tlsWrap = binding.call(process, 'tls_wrap');
  const uv = binding.call(process, 'uv');
  const Pipe = binding.call(process, 'pipe_wrap')['Pipe'];
  const Process = binding.call(process, 'process_wrap')['Process'];
  const { TCP, TCPConnectWrap, constants } = tcp as unknown as TcpBinding;
  const { JSStream } = jsStream as { JSStream: NodeInternals['JSStream'] };

  const wrong =
    missing(TCP, 'TCP', [
      'connect',
      'connect6',
      'bind',
      'listen',
      'open',
      'getsockname',
      'close',
      'reset',
      'getAsyncId',
    ]) ??
    missing(JSStream, 'JSStream', ['readBuffer', 'emitEOF', 'finishWrite', 'finishShutdown']) ??
    missing(Pipe, 'Pipe', ['writeUtf8String', 'writeBuffer']) ??
    missing(Process, 'Process', ['spawn']) ??
    missing(Server, 'Server', [LISTEN]) ??
    missing(Socket, 'Socket', ['connect', 'setTimeout']) ??
    (typeof tlsWrap['wrap'] === 'function' ? undefined : 'tls_wrap.wrap') ??
    UV_NAMES.find((name) => typeof uv[name] !== 'number');
  if (wrong !== undefined) return unknownNode(wrong);
  const { SOCKET: tcpSocketType, SERVER: tcpServerType } = constants ?? {};
  if (typeof tcpSocketType !== 'number' || typeof tcpServerType !== 'number') return unknownNode('TCP constants');
  if (typeof TCPConnectWrap !== 'function') return unknownNode('TCPConnectWrap');

  const { streamBaseState, kReadBytesOrError, kArrayBufferOffset, kBytesWritten, kLastWriteWasAsync } = stream;
  const kLastWriteErr = stream['kLastWriteErr'] ?? -1;
  if (!(streamBaseState instanceof Int32Array)) return unknownNode('streamBaseState');
  const places = [kReadBytesOrError, kArrayBufferOffset, kBytesWritten, kLastWriteWasAsync];
  if (!places.every((place) => isPlace(place, streamBaseState))) return unknownNode('places in streamBaseState');
  if (kLastWriteErr !== -1 && !isPlace(kLastWriteErr, streamBaseState)) return unknownNode('kLastWriteErr');

  const found = probeSocket();
  if (typeof found === 'string') return unknownNode(found);
  const internals = {
    TCP,
    tcpSocketType,
    tcpServerType,
    TCPConnectWrap,
    Pipe: Pipe as NodeInternals['Pipe'],
    Process: Process as NodeInternals['Process'],
    JSStream,
    tlsWrap: tlsWrap as unknown as TlsWrapBinding,
    streamState: streamBaseState,
    kReadBytesOrError: kReadBytesOrError as number,
    kArrayBufferOffset: kArrayBufferOffset as number,
    kBytesWritten: kBytesWritten as number,
    kLastWriteWasAsync: kLastWriteWasAsync as number,
    kLastWriteErr: kLastWriteErr as number,
    uv: uv as NodeInternals['uv'],
    boundSessionKeys: ['undefined', boundSessionSymbol() ?? 'undefined'] as const,
    ...found,
  };
  return { ok: true, internals };
}

function unknownNode(detail: string): Reached {
  return { ok: false, reason: 'node-unknown', detail };
}

function isPlace(value: unknown, state: Int32Array): boolean {
  return typeof value === 'number' && value >= 0 && value < state.length;
}

/** The first of `methods` that the constructor's prototype lacks, or undefined. */
function missing(constructor: unknown, name: string, methods: readonly string[]): string | undefined {
  if (typeof constructor !== 'function') return name;
  const prototype = constructor.prototype as Record<string, unknown>;
  const method = methods.find((key) => typeof prototype[key] !== 'function');
  return method === undefined ? undefined : `${name}.prototype.${method}`;
}

/** Gives a socket a handle of ours and looks what `net` puts on it. */
function probeSocket(): Pick<NodeInternals, 'ownerSymbol' | 'onStreamRead' | 'userBufferSymbol'> | string {
  const handle: { onread?: unknown; close(): void } = { close() {} };
  const socket = new Socket({ handle, manualStart: true } as object);
  const ownerSymbol = Object.getOwnPropertySymbols(handle).find((key) => key.description === 'owner_symbol');
  const userBufferSymbol = Object.getOwnPropertySymbols(socket).find((key) => key.description === 'kBuffer');
  if (ownerSymbol === undefined) return 'owner_symbol';
  if (userBufferSymbol === undefined) return 'kBuffer';
  if (typeof handle.onread !== 'function') return 'onread';
  return { ownerSymbol, userBufferSymbol, onStreamRead: handle.onread as NodeInternals['onStreamRead'] };
}

/**
 * The symbol `kBoundSession`. `net` has it although only HTTP/2 sets it: `setTimeout` looks for a session on its socket,
 * and is watched here. (Until Node 26 the symbol is not exported to HTTP/2, which therefore uses the key `undefined`.)
 */
function boundSessionSymbol(): symbol | undefined {
  let found: symbol | undefined;
  const target: Record<PropertyKey, unknown> = { destroyed: false, _onTimeout() {} };
  const watched = new Proxy(target, {
    get(from, key) {
      if (typeof key === 'symbol' && key.description === 'kBoundSession') found = key;
      return from[key];
    },
  });
  const setTimeout = Socket.prototype.setTimeout as (this: unknown, ms: number) => unknown;
  setTimeout.call(watched, 1);
  setTimeout.call(watched, 0);
  return found;
}
