/**
 * What this folder stands on of Node's internals, each by its name. It is looked through at start-up: the first that is not
 * there becomes the detail of the reason `node-unknown`, and the process stays on TCP (D1, D9). How things behave is for
 * self-test.ts to see; here is what must be there for it to begin.
 */
import * as net from 'node:net';

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

/** A libuv code that is known to exist. */
export type UvName = (typeof UV_NAMES)[number];

/** The pipe writes that may take a handle along; see `writeChannelMessage` in Node's child_process. */
export const PIPE_WRITES = [
  'writeUtf8String',
  'writeLatin1String',
  'writeAsciiString',
  'writeUcs2String',
  'writeBuffer',
] as const;

/** `member`: an accessor, which must not be read on a prototype. */
type Kind = 'function' | 'number' | 'member' | 'Int32Array' | 'place';

/** Where, what it must be, and the names. The first step of the path is a binding, or `net`, which is public. */
const REQUIRED: readonly (readonly [where: string, kind: Kind, names: readonly string[]])[] = [
  ['tcp_wrap', 'function', ['TCP', 'TCPConnectWrap']],
  ['tcp_wrap.TCP.prototype', 'function', ['open', 'bind', 'listen', 'connect', 'connect6', 'getsockname']],
  ['tcp_wrap.TCP.prototype', 'function', ['getpeername', 'close', 'reset', 'ref', 'unref', 'hasRef']],
  ['tcp_wrap.TCP.prototype', 'function', ['asyncReset', 'getAsyncId', 'getProviderType']],
  ['tcp_wrap.TCP.prototype', 'member', ['fd', 'onread', 'bytesRead', 'bytesWritten']],
  ['tcp_wrap.constants', 'number', ['SOCKET', 'SERVER']],
  ['js_stream', 'function', ['JSStream']],
  ['js_stream.JSStream.prototype', 'function', ['readBuffer', 'emitEOF', 'finishWrite', 'finishShutdown']],
  ['js_stream.JSStream.prototype', 'member', ['onread']],
  ['pipe_wrap', 'function', ['Pipe']],
  ['pipe_wrap.Pipe.prototype', 'function', [...PIPE_WRITES, 'close']],
  ['process_wrap', 'function', ['Process']],
  ['process_wrap.Process.prototype', 'function', ['spawn']],
  ['tls_wrap', 'function', ['wrap']],
  ['stream_wrap', 'Int32Array', ['streamBaseState']],
  ['stream_wrap', 'place', ['kReadBytesOrError', 'kArrayBufferOffset', 'kBytesWritten', 'kLastWriteWasAsync']],
  ['uv', 'number', UV_NAMES],
  ['net.Server.prototype', 'function', ['_listen2', '_emitCloseIfDrained']],
  ['net.Socket.prototype', 'function', ['connect', 'setTimeout']],
];

/** All the names that {@link findMissing} looks for. */
export function requiredNames(): string[] {
  return REQUIRED.flatMap(([where, , names]) => names.map((name) => `${where}.${name}`));
}

/** Reaches a binding; may throw. */
export type Binding = (name: string) => unknown;

/** The first thing that is not there, or is something else, by its name; null: nothing is missing. */
export function findMissing(binding: Binding): string | null {
  const places = new Map<string, unknown>([['net', net]]);
  for (const [where, kind, names] of REQUIRED) {
    const found = resolve(where, places, binding);
    if (typeof found === 'string') return found;
    for (const name of names) if (!isThere(found.object, name, kind)) return `${where}.${name}`;
  }
  return null;
}

/** What is at a path, or the part of the path that is not there. */
function resolve(where: string, places: Map<string, unknown>, binding: Binding): { object: object } | string {
  let path = '';
  let object: unknown = null;
  for (const step of where.split('.')) {
    const next: string = path === '' ? step : `${path}.${step}`;
    if (!places.has(next)) {
      places.set(next, path === '' ? binding(step) : (object as Record<string, unknown>)[step]);
    }
    path = next;
    object = places.get(path);
    if (object === null || (typeof object !== 'object' && typeof object !== 'function')) return path;
  }
  return { object: object as object };
}

function isThere(object: object, name: string, kind: Kind): boolean {
  if (!(name in object)) return false;
  if (kind === 'member') return true;
  const value = (object as Record<string, unknown>)[name];
  if (kind === 'Int32Array') return value instanceof Int32Array;
  if (kind === 'place') return isPlace(value, object);
  return typeof value === kind;
}

/** Whether a value is an index of the mailbox that is in the same binding. */
export function isPlace(value: unknown, binding: object): boolean {
  const { streamBaseState } = binding as { streamBaseState: Int32Array };
  return typeof value === 'number' && value >= 0 && value < streamBaseState.length;
}
