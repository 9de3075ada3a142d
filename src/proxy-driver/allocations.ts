/**
 * Memory that providers have allocated through the proxy driver (PD-11, PD-12): whole pages, shared, so that they can be
 * pinned; bounded, for a provider allocates as its peers make it. It lives until it is released, or the driver is unloaded.
 */
import type { MemoryAddon } from './addon.js';
import { EINVAL, ENOBUFS } from './errno.js';

export class Allocations {
  readonly #addon: MemoryAddon;
  readonly #pageBytes: number;
  /** Each with its bytes, which a buffer does not tell any more once it is detached. */
  readonly #buffers = new Map<ArrayBuffer, number>();
  #bytes = 0;

  /** `bytesMax`: most bytes at any time. */
  constructor(
    addon: MemoryAddon,
    pageBytes: number,
    public bytesMax: number,
  ) {
    this.#addon = addon;
    this.#pageBytes = pageBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(memory: ArrayBufferLike): boolean {
    return memory instanceof ArrayBuffer && this.#buffers.has(memory);
  }

  /** At least `bytes` zero bytes, a multiple of a page. Or -errno: -EINVAL, -ENOBUFS the limit, what the system says. */
  allocate(bytes: number): ArrayBuffer | number {
    if (!Number.isSafeInteger(bytes) || bytes <= 0) return EINVAL;
    const size = Math.ceil(bytes / this.#pageBytes) * this.#pageBytes;
    if (this.#bytes + size > this.bytesMax) return ENOBUFS;
    const fd = this.#addon.allocate(size);
    if (fd < 0) return fd;
    const memory = this.#addon.map(fd, size);
    this.#addon.close(fd);
    if (typeof memory === 'number') return memory;
    this.#buffers.set(memory, size);
    this.#bytes += size;
    return memory;
  }

  /** Detaches and unmaps it. 0, or -EINVAL: not ours, or released before. */
  release(memory: ArrayBuffer): number {
    const size = this.#buffers.get(memory);
    if (size === undefined) return EINVAL;
    this.#buffers.delete(memory);
    this.#bytes -= size;
    return this.#addon.release(memory);
  }

  releaseAll(): void {
    for (const memory of [...this.#buffers.keys()]) this.release(memory);
  }
}
