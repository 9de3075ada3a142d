/**
 * Handing a SAN socket to another process or thread. Native code would take the handle for libuv's and crash the
 * process, so the ways there are watched.
 *
 * `send(message, socket)` sends one end of a relay (handle-relay.ts). With `keepOpen`, and while a write is under way,
 * it fails as a system call fails, with ENOTSUP: by its callback or the 'error' event; Node then closes the socket, as
 * always when a handle could not be sent. So does a socket as a child's stdio, by an exception of `spawn`. `postMessage`
 * (Node 24) throws ERR_WORKER_HANDLE_NOT_TRANSFERABLE, as for every socket that cannot move.
 */
import { Socket } from 'node:net';
import { addNames } from './handle-names.js';
import { Relay, type RelayTools } from './handle-relay.js';
import { HybridHandle } from './handle.js';
import { kAsync, kWriteError, kWritten, state, uvCode } from './handle-base.js';
import type { PatchSet } from './patch.js';
import { PIPE_WRITES } from './requirements.js';

type Native = (this: object, ...args: unknown[]) => unknown;
/** What was sent on each channel. */
type Sent = WeakMap<object, Set<Relay>>;

/** Positions in `write…(req, data, handle)`. */
const DATA_ARGUMENT = 1;
const HANDLE_ARGUMENT = 2;

/** Patches all ways. Not needed before the first hybrid handle is there. */
export function guardHandlePassing(patches: PatchSet, tools: RelayTools): void {
  const { Pipe, Process } = tools.internals;
  const sent: Sent = new WeakMap();
  for (const name of PIPE_WRITES) {
    patches.method<Native>(Pipe.prototype, name, (original) => guardWrite(original, tools, sent));
  }
  patches.method<Native>(Pipe.prototype, 'close', (original) => releaseOnClose(original, sent));
  patches.method<Native>(Process.prototype, 'spawn', guardSpawn);
  const symbols = Object.getOwnPropertySymbols(Socket.prototype);
  const transferList = symbols.find((key) => key.description === 'messaging_transfer_list_symbol');
  if (transferList !== undefined) patches.method<Native>(Socket.prototype, transferList, guardTransfer);
}

function guardWrite(original: Native, tools: RelayTools, sent: Sent): Native {
  return function write(this: object, ...args) {
    const handle = args[HANDLE_ARGUMENT];
    if (!(handle instanceof HybridHandle)) return original.apply(this, args);
    // Node sends a handle again that did not reach the receiver: the same end of the same relay.
    const known = handle.relay;
    const relay = known ?? (handle.canMove ? Relay.open(tools, handle.connection) : null);
    if (relay === null) return refuse();
    args[HANDLE_ARGUMENT] = relay.travelling;
    if (relay.isOffered) args[DATA_ARGUMENT] = addNames(args[DATA_ARGUMENT], handle.connection);
    const result = original.apply(this, args);
    if (known !== null) return result;
    if (isSent(result)) {
      handle.moveOut(relay);
      const relays = sent.get(this) ?? new Set();
      sent.set(this, relays);
      relay.join(relays);
    } else {
      relay.abort();
    }
    return result;
  };
}

/** Node forgets a handle whose receiver dies before it has answered. */
function releaseOnClose(original: Native, sent: Sent): Native {
  return function close(this: object, ...args) {
    for (const relay of sent.get(this) ?? []) relay.release();
    return original.apply(this, args);
  };
}

function refuse(): number {
  state[kWritten] = 0;
  state[kAsync] = 0;
  if (kWriteError >= 0) state[kWriteError] = 0;
  return uvCode('UV_ENOTSUP');
}

/** A write says 0, or since Node 26 a request if it goes on. */
function isSent(result: unknown): boolean {
  return (
    result === 0 || (typeof result === 'object' && result !== null && !(kWriteError >= 0 && state[kWriteError] !== 0))
  );
}

/** Until Node 22 the arguments are one object with `stdio`; since 24 `stdio` is among them. */
function guardSpawn(original: Native): Native {
  return function spawn(this: object, ...args) {
    const passed = args.some((argument) => {
      const stdio = Array.isArray(argument) ? argument : (argument as { stdio?: unknown } | undefined)?.stdio;
      return Array.isArray(stdio) && stdio.some(isHybridEntry);
    });
    return passed ? uvCode('UV_ENOTSUP') : original.apply(this, args);
  };
}

function guardTransfer(original: Native): Native {
  return function transferList(this: { readonly _handle?: unknown }, ...args) {
    // Node's own refusal, which it has for sockets without a handle.
    if (this._handle instanceof HybridHandle) return original.call({ _handle: null });
    return original.apply(this, args);
  };
}

function isHybridEntry(entry: unknown): boolean {
  return typeof entry === 'object' && (entry as { handle?: unknown } | null)?.handle instanceof HybridHandle;
}
