/**
 * Handing a SAN socket to another process. Native code would take the handle for libuv's and crash the process, so the
 * two ways there are watched: `send(message, socket)`, and a socket as a child's stdio. Both fail as an operating system
 * call fails, with ENOTSUP: `send` by its callback or the 'error' event (and Node closes the socket, as always when a
 * handle could not be sent), `spawn` by an exception.
 */
import { HybridHandle } from './handle.js';
import { kAsync, kWriteError, kWritten, state, uvCode } from './handle-base.js';
import type { NodeInternals } from './internals.js';
import type { PatchSet } from './patch.js';

type PipeWrite = (this: object, req: object, data: unknown, handle?: unknown) => unknown;
type Spawn = (this: object, options: { stdio?: readonly { handle?: unknown }[] }) => unknown;

/** The pipe writes that take a handle along; see `writeChannelMessage` in Node's child_process. */
const PIPE_WRITES = ['writeUtf8String', 'writeLatin1String', 'writeAsciiString', 'writeUcs2String', 'writeBuffer'];

/** Patches both ways. Not needed before the first hybrid handle is there. */
export function guardHandlePassing(patches: PatchSet, { Pipe, Process }: NodeInternals): void {
  for (const name of PIPE_WRITES) patches.method<PipeWrite>(Pipe.prototype, name, guardWrite);
  patches.method<Spawn>(Process.prototype, 'spawn', guardSpawn);
}

function guardWrite(original: PipeWrite): PipeWrite {
  return function write(this: object, req, data, handle) {
    if (handle === undefined) return original.call(this, req, data);
    if (!(handle instanceof HybridHandle)) return original.call(this, req, data, handle);
    state[kWritten] = 0;
    state[kAsync] = 0;
    if (kWriteError >= 0) state[kWriteError] = 0;
    return uvCode('UV_ENOTSUP');
  };
}

function guardSpawn(original: Spawn): Spawn {
  return function spawn(this: object, options) {
    if (options.stdio?.some((entry) => entry.handle instanceof HybridHandle)) return uvCode('UV_ENOTSUP');
    return original.call(this, options);
  };
}
