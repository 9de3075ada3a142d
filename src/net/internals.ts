/**
 * Reaches what this folder needs of Node's internals, without `--expose-internals` (D1). Everything found is checked;
 * what is missing or has another shape becomes a reason, never an exception: the process then stays on TCP.
 */
import type { ConnectReq, JsStreamMethods, TcpHandle, TlsWrapBinding } from './node-shapes.js';
import { type Probed, probeServer, probeSocket } from './probe.js';
import { findMissing, isPlace, type UvName } from './requirements.js';

/** Why this Node's internals cannot be used. */
export type InternalsReason = 'bindings-unavailable' | 'node-unknown';

/** What was reached. */
export interface NodeInternals extends Probed {
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
}

/** What {@link reachInternals} answers. */
export type Reached =
  | { readonly ok: true; readonly internals: NodeInternals }
  | { readonly ok: false; readonly reason: InternalsReason; readonly detail: string };

/** The bindings as requirements.ts has found them. */
interface Bindings {
  readonly tcp_wrap: Pick<NodeInternals, 'TCP' | 'TCPConnectWrap'> & {
    readonly constants: { readonly SOCKET: number; readonly SERVER: number };
  };
  readonly stream_wrap: Pick<NodeInternals, 'kReadBytesOrError' | 'kArrayBufferOffset' | 'kBytesWritten'> &
    Pick<NodeInternals, 'kLastWriteWasAsync'> & {
      readonly streamBaseState: Int32Array;
      readonly kLastWriteErr?: number;
    };
  readonly js_stream: Pick<NodeInternals, 'JSStream'>;
  readonly tls_wrap: TlsWrapBinding;
  readonly uv: NodeInternals['uv'];
  readonly pipe_wrap: Pick<NodeInternals, 'Pipe'>;
  readonly process_wrap: Pick<NodeInternals, 'Process'>;
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
  const { binding } = process as unknown as { binding?: unknown };
  if (typeof binding !== 'function') return unknownNode('process.binding');
  const get = <N extends keyof Bindings>(name: N): Bindings[N] => binding.call(process, name) as Bindings[N];
  const wrong = findMissing((name) => get(name as keyof Bindings));
  if (wrong !== null) return unknownNode(wrong);
  const { TCP, TCPConnectWrap, constants } = get('tcp_wrap');
  const stream = get('stream_wrap');
  const kLastWriteErr = stream.kLastWriteErr ?? -1;
  if (kLastWriteErr !== -1 && !isPlace(kLastWriteErr, stream)) return unknownNode('stream_wrap.kLastWriteErr');

  const found = probeSocket();
  if (typeof found === 'string') return unknownNode(found);
  const server = probeServer();
  if (server !== null) return unknownNode(server);
  const internals = {
    TCP,
    tcpSocketType: constants.SOCKET,
    tcpServerType: constants.SERVER,
    TCPConnectWrap,
    Pipe: get('pipe_wrap').Pipe,
    Process: get('process_wrap').Process,
    JSStream: get('js_stream').JSStream,
    tlsWrap: get('tls_wrap'),
    streamState: stream.streamBaseState,
    kReadBytesOrError: stream.kReadBytesOrError,
    kArrayBufferOffset: stream.kArrayBufferOffset,
    kBytesWritten: stream.kBytesWritten,
    kLastWriteWasAsync: stream.kLastWriteWasAsync,
    kLastWriteErr,
    uv: get('uv'),
    ...found,
  };
  return { ok: true, internals };
}

function unknownNode(detail: string): Reached {
  return { ok: false, reason: 'node-unknown', detail };
}
