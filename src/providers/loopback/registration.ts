/**
 * Registered memory (MEM-1 … MEM-19), as a NIC has it: at registration the memory is *pinned*, and every transfer then
 * goes through the pin, never through the buffer that came with the call. A pin is an alias: the ArrayBuffer and the
 * range at the time. So a registration that outlives its memory is as wrong here as on hardware, and a test can see it.
 */
import { MEM_READ, MEM_READWRITE, MEM_WRITE, type WSABUF } from '../../spi/index.js';
import { aliasOf, type HeldPin, type Pin, type Pinner } from './pinning.js';
import type { Random } from './random.js';

/** Bytes of an RDMA buffer descriptor: u64 length, then a key (MEM-8, MEM-16). */
export const DESCRIPTOR_BYTES = 24;
const KEY_OFFSET = 8;

export interface Registration {
  /** What the switch holds: a handle for local use; 0 if it is exposed by a descriptor. */
  readonly handle: number;
  /** The key in its descriptor; '' if it is for local use. */
  readonly key: string;
  /** The memory as it was given, by which it is found again. */
  readonly source: Pin;
  /** Where the bytes are. */
  readonly held: HeldPin;
  readonly pinner: Pinner;
  /** `MEM_*`. */
  readonly rights: number;
  /** Registrations not yet undone (MEM-13, MEM-17). */
  count: number;
  /** Operations that use it now: it cannot go before they end (MEM-15). */
  uses: number;
}

/** A part of a registration that an operation reads or writes. */
export interface Piece {
  readonly registration: Registration;
  /** Within the pin, in bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/** The bytes of a piece, or null if the memory is not what it was any more (unmapped, detached, shrunk). */
export function bytesOf({ registration, offset, bytes }: Piece): Uint8Array | null {
  const { held, pinner } = registration;
  const { memory, offset: base } = held.pin;
  if (!pinner.isUsable(held)) return null;
  if (base + offset + bytes > memory.byteLength) return null;
  return new Uint8Array(memory, base + offset, bytes);
}

/** Whether the flags are one of the three (MEM-11). */
export function isRights(flags: number): boolean {
  return flags === MEM_READ || flags === MEM_WRITE || flags === MEM_READWRITE;
}

/** The registrations of one socket: they are valid on it alone (MEM-6, MEM-7). */
export class RegistrationTable {
  readonly #pinner: Pinner;
  readonly #local = new Map<number, Registration>();
  readonly #exposed = new Map<string, Registration>();
  #next = 1;

  constructor(pinner: Pinner) {
    this.#pinner = pinner;
  }

  /** Registrations that are not undone. */
  get size(): number {
    return this.#local.size + this.#exposed.size;
  }

  /** For local use: an equal registration counts up and keeps its handle (MEM-13). Below 0: a code, negative. */
  addLocal(buffer: Uint8Array, bytes: number, rights: number): number {
    const source = aliasOf(buffer, bytes);
    for (const known of this.#local.values()) {
      if (known.rights !== rights || !isSame(known.source, source) || !this.#pinner.isUsable(known.held)) continue;
      known.count++;
      return known.handle;
    }
    const held = this.#pinner.pin(buffer, bytes, rights, false, this);
    if (typeof held === 'number') return -held;
    const handle = this.#next++;
    const pinner = this.#pinner;
    this.#local.set(handle, { handle, key: '', source, held, pinner, rights, count: 1, uses: 0 });
    return handle;
  }

  /** False: unknown, or an operation uses it (MEM-15). */
  removeLocal(handle: number): boolean {
    const known = this.#local.get(handle);
    if (known === undefined || (known.count === 1 && known.uses > 0)) return false;
    if (--known.count > 0) return true;
    this.#local.delete(handle);
    this.#pinner.unpin(known.held);
    return true;
  }

  /** Exposes memory to the peer; writes the descriptor (at least {@link DESCRIPTOR_BYTES}). 0, or a code. */
  expose(buffer: Uint8Array, bytes: number, rights: number, descriptor: Uint8Array, random: Random): number {
    const held = this.#pinner.pin(buffer, bytes, rights, true, this);
    if (typeof held === 'number') return held;
    const view = new DataView(descriptor.buffer, descriptor.byteOffset, DESCRIPTOR_BYTES);
    view.setBigUint64(0, BigInt(bytes), true);
    const secret = random.bytes(DESCRIPTOR_BYTES - KEY_OFFSET);
    descriptor.set(secret, KEY_OFFSET);
    const key = secret.toString('hex');
    const source = aliasOf(buffer, bytes);
    const pinner = this.#pinner;
    this.#exposed.set(key, { handle: 0, key, source, held, pinner, rights, count: 1, uses: 0 });
    return 0;
  }

  /** From here on the peer cannot reach it (CACHE-12). False: unknown, or in use. */
  conceal(descriptor: Uint8Array, length: number): boolean {
    const known = this.exposed(descriptor, length);
    if (known === null || known.uses > 0) return false;
    if (--known.count > 0) return true;
    this.#exposed.delete(known.key);
    this.#pinner.unpin(known.held);
    return true;
  }

  /** What a descriptor names here; null: nothing, it is forged, stale or another connection's. */
  exposed(descriptor: Uint8Array, length: number): Registration | null {
    if (length !== DESCRIPTOR_BYTES || descriptor.length < DESCRIPTOR_BYTES) return null;
    const key = Buffer.from(descriptor.subarray(KEY_OFFSET, DESCRIPTOR_BYTES)).toString('hex');
    const found = this.#exposed.get(key);
    if (found === undefined) return null;
    // The length is the peer's to read, not to change.
    const { buffer, byteOffset } = descriptor;
    const told = new DataView(buffer, byteOffset, DESCRIPTOR_BYTES).getBigUint64(0, true);
    return told === BigInt(found.source.bytes) ? found : null;
  }

  /** The part that a buffer is, found by its address (XFER-30); null: not registered with these rights (OBS-15). */
  find({ buf, len }: WSABUF, rights: number): Piece | null {
    if (!(buf instanceof Uint8Array) || !(len >= 0) || len > buf.length) return null;
    for (const registration of this.#local.values()) {
      if ((registration.rights & rights) !== rights) continue;
      const piece = part(registration, buf, len);
      if (piece !== null) return piece;
    }
    return null;
  }

  /** The same with the handle that came along (`WSABUFEX`). */
  findWith({ buf, len }: WSABUF, handle: number, rights: number): Piece | null {
    const registration = this.#local.get(handle);
    if (registration === undefined || (registration.rights & rights) !== rights) return null;
    if (!(buf instanceof Uint8Array) || !(len >= 0) || len > buf.length) return null;
    return part(registration, buf, len);
  }

  /** The socket is closed: what is left goes (MEM-18, OBS-37), and what only it has used is not kept (CACHE-8). */
  clear(): void {
    this.#pinner.releaseOwner(this);
    for (const { held } of [...this.#local.values(), ...this.#exposed.values()]) this.#pinner.unpin(held);
    this.#local.clear();
    this.#exposed.clear();
  }
}

function isSame(a: Pin, b: Pin): boolean {
  return a.memory === b.memory && a.offset === b.offset && a.bytes === b.bytes;
}

function part(registration: Registration, buf: Uint8Array, bytes: number): Piece | null {
  const { memory, offset, bytes: size } = registration.source;
  if (buf.buffer !== memory) return null;
  const from = buf.byteOffset - offset;
  return from >= 0 && from + bytes <= size ? { registration, offset: from, bytes } : null;
}
