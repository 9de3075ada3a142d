/**
 * Handing a SAN socket to another process or thread. Native code would take the handle for libuv's and crash the
 * process, so the ways there are watched.
 *
 * `send(message, socket)` sends one end of a relay (handle-relay.ts). With `keepOpen`, or as a child's stdio, this process
 * keeps that end as well (handle-shared.ts). While a native consumer writes (TLS on top of the socket), it fails as a
 * system call fails, with ENOTSUP: by its callback or the 'error' event; Node then closes the socket, as always when a
 * handle could not be sent; or by an exception of `spawn`. For `postMessage` see handle-transfer.ts.
 */
import { addNames } from './handle-names.js';
import { Relay, type RelayTools } from './handle-relay.js';
import { guardTransfer } from './handle-transfer.js';
import { HybridHandle } from './handle.js';
import type { TcpHandle } from './node-shapes.js';
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
  patches.method<Native>(Process.prototype, 'spawn', (original) => guardSpawn(original, tools));
  guardTransfer(patches, tools);
}

function guardWrite(original: Native, tools: RelayTools, sent: Sent): Native {
  return function write(this: object, ...args) {
    const handle = args[HANDLE_ARGUMENT];
    if (!(handle instanceof HybridHandle)) return original.apply(this, args);
    if (handle.shared !== null) return writeShared(original, this, args, handle, handle.shared);
    // Node sends a handle again that did not reach the receiver: the same end of the same relay.
    const known = handle.relay;
    const relay = known ?? openRelay(tools, handle);
    if (relay === null) return refuse();
    args[HANDLE_ARGUMENT] = relay.travelling;
    if (relay.isShared || relay.isOffered) args[DATA_ARGUMENT] = addNames(args[DATA_ARGUMENT], handle.connection);
    const result = original.apply(this, args);
    if (known !== null) return result;
    if (!isSent(result)) {
      relay.abort();
    } else if (relay.isShared) {
      handle.share(relay, false);
    } else {
      handle.moveOut(relay);
      const relays = sent.get(this) ?? new Set();
      sent.set(this, relays);
      relay.join(relays);
    }
    return result;
  };
}

/** Null: not possible now. */
function openRelay(tools: RelayTools, handle: HybridHandle): Relay | null {
  if (handle.isKept) return handle.canShare ? Relay.open(tools, handle.connection, 'share') : null;
  return handle.canMove ? Relay.open(tools, handle.connection, 'move') : null;
}

/** One process more gets what several have. Who sends without keeping reads no more; Node closes its handle. */
function writeShared(original: Native, pipe: object, args: unknown[], handle: HybridHandle, tcp: TcpHandle): unknown {
  args[HANDLE_ARGUMENT] = tcp;
  args[DATA_ARGUMENT] = addNames(args[DATA_ARGUMENT], handle.connection);
  if (!handle.isKept) handle.readStop();
  return original.apply(pipe, args);
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
function guardSpawn(original: Native, tools: RelayTools): Native {
  return function spawn(this: object, ...args) {
    const passed = new Map<HybridHandle, Relay | null>();
    const real = args.map((argument) => {
      if (Array.isArray(argument)) return withRelays(argument, tools, passed);
      const stdio = (argument as { stdio?: unknown } | null | undefined)?.stdio;
      return Array.isArray(stdio) ? { ...(argument as object), stdio: withRelays(stdio, tools, passed) } : argument;
    });
    if (passed.size === 0) return original.apply(this, args);
    const possible = [...passed].every(([handle, relay]) => relay !== null || handle.shared !== null);
    const result = possible ? original.apply(this, real) : uvCode('UV_ENOTSUP');
    for (const [handle, relay] of passed) {
      if (result === 0) {
        if (relay !== null) handle.share(relay, true);
      } else {
        relay?.abort();
      }
    }
    return result;
  };
}

/** The child's descriptors, with an end of a relay for each SAN socket among them. */
function withRelays(stdio: unknown[], tools: RelayTools, passed: Map<HybridHandle, Relay | null>): unknown[] {
  return stdio.map((entry) => {
    const handle = typeof entry === 'object' ? (entry as { handle?: unknown } | null)?.handle : undefined;
    if (!(handle instanceof HybridHandle)) return entry;
    let relay = passed.get(handle) ?? null;
    if (relay === null && handle.shared === null && handle.canShare) {
      relay = Relay.open(tools, handle.connection, 'share');
    }
    passed.set(handle, relay);
    return { ...(entry as object), handle: handle.shared ?? relay?.travelling };
  });
}
