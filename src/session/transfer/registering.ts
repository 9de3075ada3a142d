/** Exposing memory to the peer of one connection (MEM-4, MEM-16): the descriptor's size is asked for, never assumed. */
import { type SanExtensions, type SOCKET, WSAEFAULT, WSAENOBUFS } from '../../spi/index.js';
import { DESCRIPTOR_BYTES_MAX } from './limits.js';

const length = { value: 0 };
const errno = { value: 0 };

export class Exposing {
  /** What {@link expose} failed with; a WSA code. */
  error = 0;
  /** Bytes of this provider's descriptors; 0 = not asked yet. */
  #descriptorBytes = 0;

  constructor(
    readonly s: SOCKET,
    readonly extensions: SanExtensions,
  ) {}

  /** Registers `memory` with the rights `flags` for the peer; its descriptor, or null and {@link error}. */
  expose(memory: Uint8Array, flags: number): Uint8Array | null {
    const { s, extensions } = this;
    // Twice at most: a provider may have descriptors of more than one size.
    for (let attempt = 0; attempt < 2; attempt++) {
      if (this.#descriptorBytes === 0 && !this.#probe(memory, flags)) return null;
      const descriptor = new Uint8Array(this.#descriptorBytes);
      length.value = descriptor.length;
      if (extensions.WSPRegisterRdmaMemory(s, memory, memory.length, flags, descriptor, length, errno) === 0) {
        return length.value === descriptor.length ? descriptor : descriptor.subarray(0, length.value);
      }
      this.error = errno.value;
      if (errno.value !== WSAEFAULT || length.value <= descriptor.length) return null;
      this.#descriptorBytes = 0;
    }
    return null;
  }

  #probe(memory: Uint8Array, flags: number): boolean {
    length.value = 0;
    // With no room for a descriptor this cannot succeed; WSAEFAULT says that the size is stored (ERR-18).
    this.extensions.WSPRegisterRdmaMemory(this.s, memory, memory.length, flags, null, length, errno);
    this.error = errno.value;
    if (errno.value !== WSAEFAULT) return false;
    this.error = WSAENOBUFS;
    if (!(length.value > 0) || length.value > DESCRIPTOR_BYTES_MAX) return false;
    this.#descriptorBytes = length.value;
    return true;
  }

  /** Takes the memory back (MEM-5); false: it is in use, or was never exposed. */
  conceal(descriptor: Uint8Array): boolean {
    return this.extensions.WSPDeregisterRdmaMemory(this.s, descriptor, descriptor.length, errno) === 0;
  }
}
