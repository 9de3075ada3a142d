/**
 * TLS on a handle that is not connected yet: `tls.connect`, and so `https`, `http2` and `fetch` over TLS, and TLS on a
 * socket that is still connecting. A `TLSWrap` reads the stream it was made on and cannot be given another one. But until
 * the connection is there it has done nothing except take settings; so those are written down. When the switch takes the
 * connect, another `TLSWrap` is made on a stream for the SAN, and if the connection comes by it, takes the settings and
 * the place of the first. On TCP the first one stays.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { types } from 'node:util';
import type { HybridHandle } from './handle.js';
import { newNativeStream } from './handle-base.js';
import type { NodeInternals } from './internals.js';
import type { OwnerSocket, TcpHandle, TlsWrap, TlsWrapBinding } from './node-shapes.js';

/** `tls_wrap.wrap`, and what it takes besides the handle. */
export type Wrap = TlsWrapBinding['wrap'];
export type WrapRest = Parameters<Wrap> extends [unknown, ...infer R] ? R : never;

/** Where a TLS socket keeps its TLSWrap, besides symbols of its own. */
const PLACES = ['_handle', 'ssl', 'handle'] as const;

/** A TLSWrap on an unconnected TCP handle. */
export class TlsOverlay {
  readonly tcp: TcpHandle;
  readonly wrap: TlsWrap;
  readonly #rest: WrapRest;
  readonly #settings: { readonly name: string; readonly args: readonly unknown[] }[] = [];
  /**
   * Since Node 24 a TLSWrap keeps the context in which it was made for its callbacks; the other one may be made elsewhere, in
   * the connect of a socket that TLS was put on. Before, that is among the properties that are carried over.
   */
  readonly #within: (<T>(make: () => T) => T) | null;
  #stays = false;
  #other: { readonly stream: object; readonly wrap: TlsWrap } | null = null;

  constructor(tcp: TcpHandle, wrap: TlsWrap, rest: WrapRest) {
    this.tcp = tcp;
    this.wrap = wrap;
    this.#rest = rest;
    this.#within = 'getAsyncContextFrameForDebuggingOnly' in wrap ? AsyncLocalStorage.snapshot() : null;
  }

  note(name: string, args: readonly unknown[]): void {
    this.#settings.push({ name, args });
  }

  /** It is not to be exchanged: it is on TCP, has begun to work, or something has been built on it. */
  stay(): void {
    this.#stays = true;
    this.#other?.wrap.destroySSL();
    this.#other = null;
  }

  /** Whether it can still be exchanged, and is who its socket says. A prepared one is needed for it. */
  isMovable({ ownerSymbol }: NodeInternals): boolean {
    const { tcp, wrap } = this;
    if (this.#stays || wrap._parent !== tcp || wrap.bytesWritten !== 0) return false;
    const socket = wrap[ownerSymbol] as OwnerSocket | undefined;
    const owner = tcp[ownerSymbol] as OwnerSocket | null | undefined;
    // `net` gives no owner to the handle for the next address of a name.
    return socket?._handle === wrap && ((owner ?? socket) === socket || owner?._handle === tcp);
  }

  /**
   * Makes the other one. `make` is Node's own. Within the program's connect: until Node 22 the context of its callbacks is
   * that one, and the secure context is open still, which Node may close when it goes on to the next address of a name.
   */
  prepare(make: Wrap, { tlsWrap }: NodeInternals): void {
    const stream = newNativeStream();
    const other = (): TlsWrap => make.call(tlsWrap, stream, ...this.#rest);
    this.#other = { stream, wrap: this.#within === null ? other() : this.#within(other) };
  }

  /** The stream that the other one is on; the SAN connection's handle is to be made of it. */
  get stream(): object | undefined {
    return this.#other?.stream;
  }

  /** The socket gets the other one, which stands on `handle` now. */
  moveTo(handle: HybridHandle, { ownerSymbol, userBufferSymbol }: NodeInternals): void {
    const { tcp, wrap } = this;
    const next = this.#other?.wrap;
    if (next === undefined) return;
    this.#other = null;
    this.#stays = true;
    const socket = wrap[ownerSymbol] as OwnerSocket;
    handle[ownerSymbol] ??= socket;
    handle.attachTls(next);
    const reading = Object.getOwnPropertyDescriptor(tcp, 'reading');
    if (reading !== undefined) Object.defineProperty(handle, 'reading', reading);

    // What `tls`, and AsyncLocalStorage where it stands on async hooks, have put on it; first, for settings may call back.
    for (const key of Reflect.ownKeys(wrap)) {
      const value = Object.getOwnPropertyDescriptor(wrap, key);
      if (value !== undefined) Object.defineProperty(next, key, value);
    }
    next._parent = handle;
    next.onread = wrap.onread;
    for (const { name, args } of this.#settings) (next[name] as (...list: unknown[]) => unknown)(...args);
    const buffer = socket[userBufferSymbol];
    if (types.isUint8Array(buffer)) next.useUserBuffer(buffer);

    const places = socket as unknown as Record<PropertyKey, unknown>;
    for (const key of [...PLACES, ...Object.getOwnPropertySymbols(socket)]) {
      if (places[key] === wrap) places[key] = next;
    }
    // Whoever has kept the old one can still close the connection with it.
    wrap._parent = handle;
    wrap.destroySSL();
  }
}
