/**
 * Sees TLS being put on a handle. `tls` hands the handle to `tls_wrap.wrap`, a property of the binding, so the call is
 * seen without loading `tls`.
 */
import { HybridHandle } from './handle.js';
import type { NodeInternals } from './internals.js';
import type { TcpHandle, TlsWrap } from './node-shapes.js';
import type { PatchSet } from './patch.js';
import { TlsOverlay, type Wrap, type WrapRest } from './tls-overlay.js';
import { TLS_SETTINGS, TLS_STEPS, unknownInTls } from './tls-shape.js';

/** What is watched of TCP handles that are on no SAN yet. */
export interface TlsWatch {
  /** Whether the switch is working on a connect of this handle. */
  isPending(handle: object): boolean;
  /** TLS has taken this handle in a way that keeps it on TCP; called before TLS has it. */
  onStays(handle: object): void;
}

/** TLS on handles that are not connected by the SAN. */
export class TlsClients {
  /** What this Node's TLS has that is not known, so that all its clients stay on TCP; null: nothing. */
  readonly unknown: string | null;
  /** Node's own `tls_wrap.wrap`. */
  readonly #make: Wrap;
  readonly #internals: NodeInternals;
  readonly #watch: TlsWatch;
  /** Null: TLS has it for good. */
  readonly #byHandle = new WeakMap<object, TlsOverlay | null>();
  readonly #byWrap = new WeakMap<object, TlsOverlay>();

  constructor(patches: PatchSet, internals: NodeInternals, watch: TlsWatch) {
    const { tlsWrap } = internals;
    const prototype = tlsWrap.TLSWrap?.prototype;
    this.#make = tlsWrap.wrap;
    this.#internals = internals;
    this.#watch = watch;
    this.unknown = unknownInTls(prototype);
    const wrap = this.#wrap.bind(this);
    patches.method<Wrap>(tlsWrap, 'wrap', () => wrap);
    if (this.unknown === null && prototype !== undefined) this.#listen(patches, prototype);
  }

  /** What TLS has made of a handle. Null: it keeps it on TCP; undefined: TLS is not on it. */
  of(handle: object): TlsOverlay | null | undefined {
    return this.#byHandle.get(handle);
  }

  /** The switch takes the connect of what it stands on. */
  prepare(overlay: TlsOverlay): void {
    overlay.prepare(this.#make, this.#internals);
  }

  /** The connection is there, by the SAN, and `handle` is its handle. */
  move(overlay: TlsOverlay, handle: HybridHandle): void {
    this.#byWrap.delete(overlay.wrap);
    overlay.moveTo(handle, this.#internals);
  }

  /** It stays where it is: nothing more needs to be written down. */
  leave(overlay: TlsOverlay): void {
    this.#byWrap.delete(overlay.wrap);
    overlay.stay();
  }

  #wrap(handle: object, ...rest: WrapRest): TlsWrap {
    const make = this.#make;
    const { tlsWrap } = this.#internals;
    if (handle instanceof HybridHandle) {
      handle.attachTls(null);
      const result = make.call(tlsWrap, handle, ...rest);
      handle.attachTls(result);
      return result;
    }
    const isServer = rest[1];
    if (!isServer && this.#isUnconnected(handle)) {
      const result = make.call(tlsWrap, handle, ...rest);
      const overlay = new TlsOverlay(handle as TcpHandle, result, rest);
      this.#byHandle.set(handle, overlay);
      this.#byWrap.set(result, overlay);
      if (this.#watch.isPending(handle)) this.prepare(overlay);
      return result;
    }
    this.#keep(handle);
    return make.call(tlsWrap, handle, ...rest);
  }

  /** A TCP handle on which TLS may stand, and be moved from. */
  #isUnconnected(handle: object): boolean {
    if (this.unknown !== null || this.#byHandle.has(handle) || !(handle instanceof this.#internals.TCP)) return false;
    return handle.fd < 0 || this.#watch.isPending(handle);
  }

  #keep(handle: object): void {
    const under = this.#byWrap.get(handle);
    if (under !== undefined) {
      // TLS on TLS: the upper one reads the lower one natively.
      this.leave(under);
      this.#keep(under.tcp);
      return;
    }
    const before = this.#byHandle.get(handle);
    if (before !== null && before !== undefined) this.leave(before);
    this.#byHandle.set(handle, null);
    this.#watch.onStays(handle);
  }

  #listen(patches: PatchSet, prototype: object): void {
    const byWrap = this.#byWrap;
    const keep = this.#keep.bind(this);
    type Method = (this: TlsWrap, ...args: unknown[]) => unknown;
    const has = (name: string): boolean => Object.hasOwn(prototype, name);
    for (const name of TLS_SETTINGS.filter(has)) {
      patches.method<Method>(
        prototype,
        name,
        (original) =>
          function (this: TlsWrap, ...args) {
            const result = original.apply(this, args);
            byWrap.get(this)?.note(name, args);
            return result;
          },
      );
    }
    for (const name of TLS_STEPS.filter(has)) {
      patches.method<Method>(
        prototype,
        name,
        (original) =>
          function (this: TlsWrap, ...args) {
            if (byWrap.has(this)) keep(this);
            return original.apply(this, args);
          },
      );
    }
  }
}
