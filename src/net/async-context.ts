/**
 * Async contexts. What has a handle of libuv's runs in that handle's own, so that async_hooks, AsyncLocalStorage and domains
 * see what they see on TCP; for what has none (an accepted connection) and for each request that goes on there is an
 * AsyncResource, as on TCP these are resources themselves.
 */
import { AsyncResource, executionAsyncId } from 'node:async_hooks';
import type { TcpHandle } from './node-shapes.js';

/** The type that async_hooks shows; programs look for TCP sockets under this name. */
const HANDLE_TYPE = 'TCPWRAP';
const SERVER_TYPE = 'TCPSERVERWRAP';
// Destroyed by us when the handle closes, so that nothing hangs on the garbage collector.
const OPTIONS = { requireManualDestroy: true };

/** What the program is called in. */
export interface AsyncContext {
  runInAsyncScope<T>(this: this, act: (this: T) => void, self: T): unknown;
  asyncId(): number;
  /** It is over. */
  emitDestroy(): unknown;
}

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
/** Where an AsyncResource keeps its ids. */
const ID = 'async_id_symbol';
const TRIGGER_ID = 'trigger_async_id_symbol';

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

/** Where `AsyncResource.prototype.runInAsyncScope` looks on what it is called on; null: this Node keeps them elsewhere. */
interface Keys {
  readonly id: symbol;
  readonly triggerId: symbol;
  /** Since Node 24, and with a flag before. */
  readonly frame: symbol | null;
}

let keys: Keys | null = null;

/** Learns how a context is entered. An AsyncResource has to be made for it, and leaves no trace. */
export function prepareContexts(): void {
  const sample = newHandleResource();
  const [id] = symbolsOf(sample, ID);
  const [triggerId] = symbolsOf(sample, TRIGGER_ID);
  const frame = symbolsOf(sample, FRAME).at(0) ?? null;
  keys =
    (id as symbol | undefined) === undefined || (triggerId as symbol | undefined) === undefined
      ? null
      : { id, triggerId, frame };
}

/**
 * The context that `handle` has as a resource of libuv's: `runInAsyncScope` is called on the resource itself, so that
 * `executionAsyncResource()` is what the program's `init` hooks were shown. `resource`: what `asyncReset` was given for it.
 */
export function contextOf(handle: TcpHandle, resource: object = handle): AsyncContext {
  return keys === null ? newHandleResource() : new HandleContext(handle, resource, keys);
}

class HandleContext implements AsyncContext {
  readonly #resource: AsyncResource;
  readonly #id: number;

  constructor(handle: TcpHandle, resource: object, { id, triggerId, frame }: Keys) {
    this.#resource = resource as AsyncResource;
    this.#id = handle.getAsyncId();
    // Not to be seen when the program looks at its handle.
    hide(resource, id, this.#id);
    hide(resource, triggerId, executionAsyncId());
    if (frame !== null) hide(resource, frame, (handle as Framed).getAsyncContextFrameForDebuggingOnly?.());
  }

  runInAsyncScope<T>(act: (this: T) => void, self: T): void {
    runInAsyncScope.call(this.#resource, act as (this: unknown) => void, self);
  }

  asyncId(): number {
    return this.#id;
  }

  emitDestroy(): void {
    // Node's own business.
  }
}

const { runInAsyncScope } = AsyncResource.prototype;

function hide(target: object, key: symbol, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, configurable: true, enumerable: false });
}

/** The context of who connects `handle`, for the end of that. */
export function newConnectResource(handle: TcpHandle): AsyncResource {
  return new AsyncResource('TCPCONNECTWRAP', { triggerAsyncId: handle.getAsyncId(), ...OPTIONS });
}

/** The context of who wrote to `stream`, for the end of a write that could not go at once. */
export function newWriteResource(stream: AsyncContext): AsyncResource {
  return new AsyncResource('WRITEWRAP', { triggerAsyncId: stream.asyncId(), ...OPTIONS });
}

/** The context of who ended `stream`. */
export function newShutdownResource(stream: AsyncContext): AsyncResource {
  return new AsyncResource('SHUTDOWNWRAP', { triggerAsyncId: stream.asyncId(), ...OPTIONS });
}

/** The context of who calls listen, where there is no handle of libuv's. */
export function newServerResource(): AsyncResource {
  return new AsyncResource(SERVER_TYPE, OPTIONS);
}

/**
 * A context as that of a handle that libuv makes for a connection that `server` has accepted: it belongs to no request of the
 * program, so no store is in it, whatever happens to run now.
 */
export function newAcceptedResource(server: AsyncContext): AsyncResource {
  const resource = new AsyncResource(HANDLE_TYPE, { triggerAsyncId: server.asyncId(), ...OPTIONS });
  const own = resource as unknown as Framed;
  for (const key of [...symbolsOf(resource, STORE), ...symbolsOf(resource, FRAME)]) own[key] = undefined;
  return resource;
}
