/** Two connected sockets of one isolate, and the seven extensions in few words. */
import assert from 'node:assert/strict';
import {
  createOverlapped,
  MEM_READ,
  MEM_WRITE,
  type SanExtensions,
  type WSAOVERLAPPED,
  WSAID_DEREGISTERMEMORY,
  WSAID_DEREGISTERRDMAMEMORY,
  WSAID_RDMAREAD,
  WSAID_RDMAWRITE,
  WSAID_REGISTERMEMORY,
  WSAID_REGISTERRDMAMEMORY,
} from '../../../../src/spi/index.js';
import type { MiniSwitch } from './mini-switch.js';

export interface Part {
  readonly handle: number;
  readonly buf: Uint8Array;
  readonly len: number;
}

export interface Started {
  readonly overlapped: WSAOVERLAPPED;
  /** What the call answered. */
  readonly code: number;
}

export class Rdma {
  readonly #ext: SanExtensions;

  constructor(readonly sw: MiniSwitch) {
    this.#ext = {
      WSPRegisterMemory: sw.extension(WSAID_REGISTERMEMORY),
      WSPDeregisterMemory: sw.extension(WSAID_DEREGISTERMEMORY),
      WSPRegisterRdmaMemory: sw.extension(WSAID_REGISTERRDMAMEMORY),
      WSPDeregisterRdmaMemory: sw.extension(WSAID_DEREGISTERRDMAMEMORY),
      WSPRdmaWrite: sw.extension(WSAID_RDMAWRITE),
      WSPRdmaRead: sw.extension(WSAID_RDMAREAD),
    } as SanExtensions;
  }

  #result(result: number): number {
    return result === 0 ? 0 : this.sw.errno.value;
  }

  /** Registers for local use, with both rights unless said otherwise. */
  part(s: number, buf: Uint8Array, flags = MEM_READ | MEM_WRITE, len = buf.length): Part {
    const handle = this.#ext.WSPRegisterMemory(s, buf, len, flags, this.sw.errno);
    assert.ok(handle > 0, `registered (${this.sw.errno.value})`);
    return { handle, buf, len };
  }

  register(s: number, buf: Uint8Array, len: number, flags: number): number {
    const handle = this.#ext.WSPRegisterMemory(s, buf, len, flags, this.sw.errno);
    return handle === 0 ? -this.sw.errno.value : handle;
  }

  deregister(s: number, handle: number): number {
    return this.#result(this.#ext.WSPDeregisterMemory(s, handle, this.sw.errno));
  }

  /** Puts memory within the peer's reach: the descriptor, or the code. */
  expose(s: number, buf: Uint8Array, flags: number, len = buf.length): Buffer | number {
    const length = { value: 0 };
    this.#ext.WSPRegisterRdmaMemory(s, buf, len, flags, null, length, this.sw.errno);
    const descriptor = Buffer.alloc(length.value);
    const code = this.#result(this.#ext.WSPRegisterRdmaMemory(s, buf, len, flags, descriptor, length, this.sw.errno));
    return code === 0 ? descriptor : code;
  }

  exposed(s: number, buf: Uint8Array, flags: number): Buffer {
    const descriptor = this.expose(s, buf, flags);
    assert.ok(typeof descriptor === 'object', `exposed (${String(descriptor)})`);
    return descriptor;
  }

  withdraw(s: number, descriptor: Uint8Array, size = descriptor.length): number {
    return this.#result(this.#ext.WSPDeregisterRdmaMemory(s, descriptor, size, this.sw.errno));
  }

  read(s: number, descriptor: Uint8Array, offset: number, ...parts: Part[]): Started {
    assert.ok(this.#ext.WSPRdmaRead !== null);
    return this.#run(this.#ext.WSPRdmaRead, s, descriptor, offset, parts);
  }

  write(s: number, descriptor: Uint8Array, offset: number, ...parts: Part[]): Started {
    return this.#run(this.#ext.WSPRdmaWrite, s, descriptor, offset, parts);
  }

  /** A read from the start with an overlapped structure of the caller's. */
  start(s: number, descriptor: Uint8Array, overlapped: WSAOVERLAPPED, part: Part): Started {
    assert.ok(this.#ext.WSPRdmaRead !== null);
    return this.#run(this.#ext.WSPRdmaRead, s, descriptor, 0, [part], overlapped);
  }

  #run(
    call: SanExtensions['WSPRdmaWrite'],
    s: number,
    descriptor: Uint8Array,
    offset: number,
    parts: Part[],
    overlapped = createOverlapped(),
  ): Started {
    const moved = { value: 0 };
    const size = descriptor.length;
    const { errno } = this.sw;
    const result = call(s, parts, parts.length, descriptor, size, offset, moved, 0, overlapped, null, null, errno);
    return { overlapped, code: this.#result(result) };
  }
}
