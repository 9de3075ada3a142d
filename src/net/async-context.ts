/**
 * Async contexts. An AsyncResource stands for each handle, and for each request of it that goes on, as on TCP these are
 * resources themselves: AsyncLocalStorage, async_hooks and domains then see what they see on TCP.
 */
import { AsyncResource } from 'node:async_hooks';

/** The type that async_hooks shows; programs look for TCP sockets under this name. */
const HANDLE_TYPE = 'TCPWRAP';
const SERVER_TYPE = 'TCPSERVERWRAP';
// Destroyed by us when the handle closes, so that nothing hangs on the garbage collector.
const OPTIONS = { requireManualDestroy: true };

/** The context of who calls this. */
export function newHandleResource(): AsyncResource {
  return new AsyncResource(HANDLE_TYPE, OPTIONS);
}

/**
 * Where the stores of AsyncLocalStorage are: until Node 22 under symbols of this description, on whatever an async id stands
 * for; since Node 24 all together in one frame, which an AsyncResource has under a symbol and a handle shows by a method.
 */
const STORE = 'kResourceStore';
const FRAME = 'context_frame';

interface Framed {
  getAsyncContextFrameForDebuggingOnly?(): unknown;
  [key: symbol]: unknown;
}

function symbolsOf(resource: object, description: string): symbol[] {
  return Object.getOwnPropertySymbols(resource).filter((key) => key.description === description);
}

/** Until Node 22: gives `target` the stores that `source` has. */
export function copyStores(source: object, target: object): void {
  for (const key of symbolsOf(source, STORE)) (target as Framed)[key] = (source as Framed)[key];
}

/**
 * The context of who made `handle`, for what is heard on it. That is `current`, unless the connect was called from somewhere
 * else: by a custom `lookup`, say, that serves several callers.
 */
export function resourceLike(handle: object, current: AsyncResource): AsyncResource {
  const [from, to] = [handle, current] as unknown as [Framed, Framed];
  const stores = symbolsOf(current, STORE);
  const frames = from.getAsyncContextFrameForDebuggingOnly === undefined ? [] : symbolsOf(current, FRAME);
  const frame = from.getAsyncContextFrameForDebuggingOnly?.();
  if (stores.every((key) => from[key] === to[key]) && frames.every((key) => frame === to[key])) return current;
  const resource = newHandleResource();
  const own = resource as unknown as Framed;
  for (const key of stores) own[key] = from[key];
  for (const key of frames) own[key] = frame;
  return resource;
}

/** The context of who wrote, for the end of a write that could not go at once. */
export function newWriteResource(): AsyncResource {
  return new AsyncResource('WRITEWRAP', OPTIONS);
}

/** The context of who ended. */
export function newShutdownResource(): AsyncResource {
  return new AsyncResource('SHUTDOWNWRAP', OPTIONS);
}

/** The context of who calls listen. */
export function newServerResource(): AsyncResource {
  return new AsyncResource(SERVER_TYPE, OPTIONS);
}

let root: AsyncResource | null = null;

/** Remembers the context of the program's start: an accepted connection belongs to no request of the program. */
export function rememberRoot(): void {
  root ??= new AsyncResource('SOCKETSDIRECT', OPTIONS);
}

/** A context as that of a handle that libuv made for an accepted connection. */
export function newAcceptedResource(): AsyncResource {
  return root === null ? newHandleResource() : root.runInAsyncScope(newHandleResource);
}
