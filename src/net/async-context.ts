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
